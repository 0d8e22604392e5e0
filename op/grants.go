package op

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	zop "github.com/zitadel/oidc/v3/pkg/op"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/session"
	"stile/storage"
	"stile/token"
)

// grantTypes are the ways to come by tokens. Each is a method of [server] in a
// file of its own, and an entry here; discovery says what stands here.
var grantTypes = []oidc.GrantType{
	oidc.GrantTypeCode,
	oidc.GrantTypeRefreshToken,
	oidc.GrantTypeClientCredentials,
}

func grantSupported(t string) bool { return slices.Contains(grantTypes, oidc.GrantType(t)) }

// tokens is what the token endpoint answers (RFC 6749 section 5.1, OpenID
// Connect Core section 3.1.3.3).
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// newTokens is what all grants answer. Its maker adds the rest.
func newTokens(access string, scope []string, life time.Duration) tokens {
	return tokens{
		AccessToken: access, TokenType: oidc.BearerToken,
		ExpiresIn: int64(life / time.Second), Scope: strings.Join(scope, " "),
	}
}

// standing judges a grant of a user as everything is now: whether the user, the
// account and the client are active, whether the user still allows a third
// party's client what it was granted, and whether the evidence that the grant
// was given for satisfies what is required today. All of that evidence has to
// stand, also where less is required: tokens say what was proven, and a password
// or an authenticator that is gone proves nothing. Each use of a grant asks
// this; nobody stores the answer. The requirement comes back with it.
//
// A grant that is not offline ends with the session, and at the policy's
// absolute limit of sessions as it is now. The idle limit is not asked: it is
// about the person in front of the browser, and an app that refreshes is no sign
// of one. It neither keeps the session alive nor ends with its rest.
func standing(v storage.GrantView, now time.Time) (authn.Requirement, error) {
	switch {
	case v.Client.Disabled, v.Client.AccountID != "" && v.Client.AccountID != v.Person.Account.ID:
		return authn.Requirement{}, errClientEnded()
	case !v.Person.Active():
		return authn.Requirement{}, errUserEnded()
	case v.Client.ThirdParty && !within(v.Grant.Scope, v.Consent):
		return authn.Requirement{}, errConsentEnded()
	case offline(v):
	case !v.SessionLive, !now.Before(session.Ends(v.Grant.Evidence, v.Person.Policy)):
		return authn.Requirement{}, errSessionEnded()
	}
	r, err := authn.Require(v.Person.Policy.Policy, v.Person.Subject, authn.Ask{})
	if err != nil || !r.Met(v.Grant.Evidence, v.Person.Subject) || !v.Grant.Evidence.Intact(v.Person.Subject) {
		return r, errEvidenceIsPast()
	}
	return r, nil
}

// offline tells whether a grant outlives its session: it was given so, and the
// client may still have that.
func offline(v storage.GrantView) bool {
	return v.Grant.Offline && len(openNow(oidc.ScopeOfflineAccess, v)) > 0
}

// openNow returns those of the scopes of a grant or token that its client may
// still have: its registration may have become narrower since.
func openNow(scope string, v storage.GrantView) []string {
	return openScopes(strings.Fields(scope), newClient(v.Client))
}

// within tells whether each scope is among the others.
func within(scope, others string) bool {
	allowed := strings.Fields(others)
	return !slices.ContainsFunc(strings.Fields(scope), func(s string) bool { return !slices.Contains(allowed, s) })
}

// lifetime says until when a grant can be refreshed: at the latest, and if it is
// not used before. Where two steps are required it is shorter, also in a browser
// that the account trusts.
func lifetime(v storage.GrantView, r authn.Requirement, now time.Time) (idle, absolute time.Time) {
	l := v.Person.Policy.Lifetimes
	age := l.GrantAbsolute
	if r.Level >= authn.LevelMFA || r.Trusted() {
		age = min(age, l.TwoStepGrantAbsolute)
	}
	absolute = v.Grant.CreatedAt.Add(age)
	return earlier(now.Add(l.GrantIdle), absolute), absolute
}

// refreshableUntil says until when the refresh token of a grant works: as was
// written when it was given, or, where the policy has been tightened since, as it
// would be given now.
func refreshableUntil(v storage.GrantView, r authn.Requirement) time.Time {
	idle, _ := lifetime(v, r, v.Grant.RotatedAt)
	return earlier(idle, earlier(v.Grant.IdleAt, v.Grant.ExpiresAt))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// given is what one exchange or refresh hands out.
type given struct {
	access     seal.Secret
	scope      []string
	until      time.Time // end of the access token
	generation int64     // of the refresh token; 0 for none
	nonce      string    // of the authorization request, in the first ID token only
}

// give makes the answer. What it says about the sign-in is copied from the
// evidence of the grant, so it is the same at each refresh.
func (s *server) give(ctx context.Context, c *client, v storage.GrantView, g given) (*zop.Response, error) {
	t := newTokens(g.access.Reveal(), g.scope, g.until.Sub(s.p.Now()))
	if g.generation > 0 {
		t.RefreshToken = s.p.Tokens.Refresh(v.Grant.ID, g.generation).Reveal()
	}
	if slices.Contains(g.scope, oidc.ScopeOpenID) {
		named, err := wantedOf(v.Grant.Claims)
		if err != nil {
			return nil, failure(ctx, err)
		}
		t.IDToken, err = s.p.Tokens.ID(ctx, c.Metadata.IDTokenSignedResponse, token.IDClaims{
			Subject: v.Grant.UserID, Audience: c.ID, AuthorizedParty: c.ID,
			AuthTime: v.Grant.Evidence.AuthTime().Unix(), ACR: v.Grant.ACR, AMR: v.Grant.Evidence.AMR(),
			Nonce: g.nonce, SID: s.p.Tokens.SID(v.Grant.SessionID, c.ID),
			Person: namedClaimsOf(v.Person, g.scope, named.IDToken), AccessToken: g.access,
		})
		if err != nil {
			return nil, failure(ctx, err)
		}
	}
	return &zop.Response{Header: http.Header{}, Data: t}, nil
}

// event tells what a client did with a grant.
func (c *call) event(kind audit.Kind, by *client, v storage.GrantView) audit.Event {
	g := v.Grant
	return audit.Event{
		Kind: kind, Outcome: audit.OK, Actor: v.Person.User.Through(c.by(by)),
		AccountID: g.AccountID, SubjectID: g.UserID, SessionID: g.SessionID, GrantID: g.ID, ClientID: g.ClientID,
	}
}

// refusal tells why a client got nothing for what it showed.
func (c *call) refusal(by *client, v storage.GrantView, why error) audit.Event {
	e := c.event(audit.TokenRefused, by, v)
	e.Outcome, e.Reason = audit.Refused, "wrong_client_or_time"
	for _, known := range []struct {
		err    error
		reason string
	}{
		{errCodeRedirect(), "wrong_redirect_uri"},
		{errCodeVerifier(), "wrong_verifier"},
		{errVerifierForm(), "wrong_verifier"},
		{errCodeUnasked(), "wrong_verifier"},
		{errSessionEnded(), "session_ended"},
		{errUserEnded(), "user_ended"},
		{errClientEnded(), "client_ended"},
		{errConsentEnded(), "consent_ended"},
		{errEvidenceIsPast(), "evidence"},
		{errScopeNotGranted(), "wider_scope"},
	} {
		if errors.Is(why, known.err) {
			e.Reason = known.reason
		}
	}
	return e
}

// by is the client as the one who acts.
func (c *call) by(by *client) audit.Actor {
	actor := c.actor
	actor.Kind, actor.ID = "client", by.ID
	return actor
}
