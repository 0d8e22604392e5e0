package op

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/locale"
	"stile/token"
)

// documentAge is how long discovery and keys may be taken from a cache, in
// seconds. New keys are published for far longer before anything is signed.
const documentAge = "3600"

// metadata is the discovery document (OpenID Connect Discovery, section 3; RFC
// 8414, RFC 9207) with what the library's type doesn't know.
type metadata struct {
	oidc.DiscoveryConfiguration
	PromptValues []string `json:"prompt_values_supported"`
	ResponseIss  bool     `json:"authorization_response_iss_parameter_supported"`
}

// metadata lists exactly what works: it is made of the tables that the
// endpoints themselves go by.
func (p *Provider) metadata() metadata {
	secret := []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost}
	any := append(slices.Clone(secret), oidc.AuthMethodNone)
	return metadata{
		DiscoveryConfiguration: oidc.DiscoveryConfiguration{
			Issuer:                p.Issuer,
			AuthorizationEndpoint: p.Issuer + pathAuthorize,
			TokenEndpoint:         p.Issuer + pathToken,
			UserinfoEndpoint:      p.Issuer + pathUserInfo,
			IntrospectionEndpoint: p.Issuer + pathIntrospection,
			RevocationEndpoint:    p.Issuer + pathRevocation,
			EndSessionEndpoint:    p.Issuer + pathEndSession,
			JwksURI:               p.Issuer + pathKeys,

			ScopesSupported:                  scopeNames(),
			ResponseTypesSupported:           []string{string(oidc.ResponseTypeCode)},
			ResponseModesSupported:           textsOf(responseModes),
			GrantTypesSupported:              grantTypes,
			ACRValuesSupported:               p.Levels.Supported(),
			SubjectTypesSupported:            []string{"public"},
			IDTokenSigningAlgValuesSupported: token.Algorithms(),
			ClaimTypesSupported:              []string{"normal"},
			ClaimsSupported:                  claimNames(),
			ClaimsParameterSupported:         true,
			CodeChallengeMethodsSupported:    []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
			UILocalesSupported:               oidc.ParseLocales(textsOf(locale.Supported)),

			TokenEndpointAuthMethodsSupported:         any,
			RevocationEndpointAuthMethodsSupported:    any,
			IntrospectionEndpointAuthMethodsSupported: secret,
		},
		PromptValues: p.prompts(),
		ResponseIss:  true,
	}
}

func scopeNames() []string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = s.name
	}
	return append(names, ownScopes...)
}

// claimNames lists the claims of ID tokens and UserInfo.
func claimNames() []string {
	names := []string{"iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash"}
	for _, s := range scopes {
		names = append(names, s.claims...)
	}
	return names
}

func textsOf[T ~string](values []T) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return texts
}

// published is a document as it goes out, and its ETag.
type published struct {
	body []byte
	etag string
}

// discovery returns the metadata, which stay the same while the program runs.
func (p *Provider) discovery() func(context.Context) (published, error) {
	body, err := json.Marshal(p.metadata())
	sum := sha256.Sum256(body)
	d := published{body, `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`}
	return func(context.Context) (published, error) { return d, err }
}

// keys returns the public keys that our tokens are verified with.
func (p *Provider) keys(ctx context.Context) (published, error) {
	body, etag, err := p.Tokens.JWKS(ctx)
	return published{body, etag}, err
}

// document serves a public JSON document from memory.
func (p *Provider) document(of func(context.Context) (published, error)) http.Handler {
	methods := []string{http.MethodGet, http.MethodHead}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer survive(w, r)
		h := w.Header()
		if p.crossOrigin(w, r, methods) {
			return
		}
		ctx := context.WithValue(r.Context(), callKey{}, &call{header: h})
		if !slices.Contains(methods, r.Method) {
			h.Set("Allow", strings.Join(methods, ", "))
			zop.WriteError(w, r, refuse(http.StatusMethodNotAllowed, errMethod()), nil)
			return
		}
		d, err := of(ctx)
		if err != nil {
			zop.WriteError(w, r, failure(ctx, err), nil)
			return
		}
		h.Set("ETag", d.etag)
		h.Set("Cache-Control", "public, max-age="+documentAge)
		h.Set("Content-Type", "application/json")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.body)) // minds If-None-Match and HEAD
	})
}
