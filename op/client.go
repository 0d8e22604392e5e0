package op

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/storage"
)

// clientAge is how long a client may be taken from memory: a change to a
// registration is felt everywhere after this time at the latest.
const clientAge = 5 * time.Second

// clientRoom bounds the cache. Names of clients that nobody registered are
// remembered too, so that asking for them costs what asking for others costs.
const clientRoom = 4096

// clientCache remembers clients for clientAge. Its zero value is ready.
type clientCache struct {
	mu   sync.RWMutex
	byID map[string]cachedClient
}

type cachedClient struct {
	client *client // nil: not registered, disabled, or of a suspended account
	until  time.Time
}

// client is a registered, enabled client, in the form that the library wants.
type client struct {
	storage.Client
	scopes []string // what it may ask for
}

func newClient(stored storage.Client) *client {
	return &client{Client: stored, scopes: strings.Fields(stored.Metadata.Scope)}
}

// client returns a registered client that is not disabled, and whose account is
// not suspended, at most [clientAge] old. It fails with [storage.ErrNotFound], and as the database does.
func (p *Provider) client(ctx context.Context, id string) (*client, error) {
	if id == "" || len(id) > maxClientID {
		return nil, storage.ErrNotFound
	}
	now := p.Now()
	c, known := p.clients.get(id, now)
	if !known {
		stored, err := p.DB.Client(ctx, id)
		c = cachedClient{until: now.Add(clientAge)}
		switch {
		case errors.Is(err, storage.ErrNotFound):
		case err != nil:
			return nil, err
		case !stored.Disabled && !stored.Suspended:
			c.client = newClient(stored)
		}
		p.clients.put(id, c, now)
	}
	if c.client == nil {
		return nil, storage.ErrNotFound
	}
	return c.client, nil
}

// get returns what is remembered of a client, if that is young enough.
func (cc *clientCache) get(id string, now time.Time) (cachedClient, bool) {
	cc.mu.RLock()
	defer cc.mu.RUnlock()
	c, known := cc.byID[id]
	return c, known && now.Before(c.until)
}

func (cc *clientCache) put(id string, c cachedClient, now time.Time) {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	if cc.byID == nil {
		cc.byID = map[string]cachedClient{}
	}
	if len(cc.byID) >= clientRoom {
		for id, c := range cc.byID {
			if !now.Before(c.until) {
				delete(cc.byID, id)
			}
		}
		if len(cc.byID) >= clientRoom {
			clear(cc.byID)
		}
	}
	cc.byID[id] = c
}

// The methods of [zop.Client]. The library asks for the grant types and the
// method of authentication; the rest is for its own authorization endpoint,
// which is not in use here.
var _ zop.Client = (*client)(nil)

// GetID returns client_id.
func (c *client) GetID() string { return c.ID }

// AuthMethod returns token_endpoint_auth_method.
func (c *client) AuthMethod() oidc.AuthMethod {
	return oidc.AuthMethod(c.Metadata.TokenEndpointAuthMethod)
}

// GrantTypes returns grant_types.
func (c *client) GrantTypes() []oidc.GrantType {
	types := make([]oidc.GrantType, len(c.Metadata.GrantTypes))
	for i, t := range c.Metadata.GrantTypes {
		types[i] = oidc.GrantType(t)
	}
	return types
}

// may tells whether the client is registered for a grant type.
func (c *client) may(t oidc.GrantType) bool {
	return slices.Contains(c.Metadata.GrantTypes, string(t))
}

// public tells whether the client has no way to prove who it is.
func (c *client) public() bool { return c.AuthMethod() == oidc.AuthMethodNone }

// RedirectURIs returns redirect_uris.
func (c *client) RedirectURIs() []string { return c.Metadata.RedirectURIs }

// PostLogoutRedirectURIs returns post_logout_redirect_uris.
func (c *client) PostLogoutRedirectURIs() []string { return c.Metadata.PostLogoutRedirectURIs }

// ApplicationType returns application_type.
func (c *client) ApplicationType() zop.ApplicationType {
	if c.Metadata.ApplicationType == "native" {
		return zop.ApplicationTypeNative
	}
	return zop.ApplicationTypeWeb
}

// ResponseTypes returns the one response type that there is.
func (c *client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

// IsScopeAllowed tells whether the client may ask for a scope.
func (c *client) IsScopeAllowed(scope string) bool { return slices.Contains(c.scopes, scope) }

// LoginURL is not in use: see package signin.
func (c *client) LoginURL(string) string { return "" }

// AccessTokenType is not in use: see the grants.
func (c *client) AccessTokenType() zop.AccessTokenType { return zop.AccessTokenTypeBearer }

// IDTokenLifetime is not in use: see package token.
func (c *client) IDTokenLifetime() time.Duration { return 0 }

// DevMode is not in use: no rule is loosened for anybody.
func (c *client) DevMode() bool { return false }

// RestrictAdditionalIdTokenScopes is not in use.
func (c *client) RestrictAdditionalIdTokenScopes() func([]string) []string { //nolint:revive // the library's name
	return slices.Clone[[]string]
}

// RestrictAdditionalAccessTokenScopes is not in use.
func (c *client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}

// IDTokenUserinfoClaimsAssertion is not in use.
func (c *client) IDTokenUserinfoClaimsAssertion() bool { return false }

// ClockSkew is not in use.
func (c *client) ClockSkew() time.Duration { return 0 }
