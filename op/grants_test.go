package op

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/authn"
	"stile/storage"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// viewOf is a good grant of a user who proved password and TOTP, with changes.
func viewOf(change ...func(*storage.GrantView)) storage.GrantView {
	v := storage.GrantView{
		Grant: storage.Grant{
			ID: "g", ClientID: "console", UserID: "u", AccountID: "a", Scope: "openid profile", CreatedAt: noon,
			Evidence: authn.Evidence{{Method: authn.Password, At: noon, Authenticator: "password-1"}, {Method: authn.TOTP, At: noon, Authenticator: "t"}},
			Code:     storage.Code{RedirectURI: "https://rp.test/cb", Challenge: exampleChallenge, ExpiresAt: noon.Add(time.Minute)},
		},
		Person:      somebody,
		SessionLive: true,
	}
	v.Person.Policy = storage.DefaultPolicy()
	v.Person.Subject.Authenticators = []authn.Authenticator{{ID: "password-1", Method: authn.Password}, {ID: "t", Method: authn.TOTP}}
	for _, f := range change {
		f(&v)
	}
	return v
}

func thirdParty(consent string) func(*storage.GrantView) {
	return func(v *storage.GrantView) { v.Client.ThirdParty, v.Consent = true, consent }
}

func offlineFor(scope string) func(*storage.GrantView) {
	return func(v *storage.GrantView) {
		v.Grant.Offline = true
		v.Client.Metadata.Scope, v.Client.Metadata.GrantTypes = scope, []string{"authorization_code", "refresh_token"}
	}
}
func signedOut(v *storage.GrantView)    { v.SessionLive = false }
func passwordOnly(v *storage.GrantView) { v.Grant.Evidence = v.Grant.Evidence[:1] }
func twoStep(v *storage.GrantView)      { v.Person.Policy.TwoStep = true }

func TestC05_StandingIsJudgedAsThingsAreNow(t *testing.T) {
	for name, c := range map[string]struct {
		view storage.GrantView
		want error
	}{
		"as granted":                      {viewOf(), nil},
		"password, nobody asks for more":  {viewOf(passwordOnly), nil},
		"two steps, now required":         {viewOf(twoStep), nil},
		"password, two steps now":         {viewOf(passwordOnly, twoStep), errEvidenceIsPast()},
		"password, own setting":           {viewOf(passwordOnly, func(v *storage.GrantView) { v.Person.Subject.Own = true }), errEvidenceIsPast()},
		"password, product covered":       {viewOf(passwordOnly, twoStep, func(v *storage.GrantView) { v.Person.Policy.Products = []string{"p2"} }), errEvidenceIsPast()},
		"password, other product":         {viewOf(passwordOnly, twoStep, func(v *storage.GrantView) { v.Person.Policy.Products = []string{"p9"} }), nil},
		"password changed":                {viewOf(func(v *storage.GrantView) { v.Person.Subject.Authenticators[0].ID = "password-2" }), errEvidenceIsPast()},
		"factor replaced, needed":         {viewOf(twoStep, func(v *storage.GrantView) { v.Person.Subject.Authenticators[1].ID = "t2" }), errEvidenceIsPast()},
		"factor replaced, not needed":     {viewOf(func(v *storage.GrantView) { v.Person.Subject.Authenticators[1].ID = "t2" }), errEvidenceIsPast()},
		"factor removed, not needed":      {viewOf(func(v *storage.GrantView) { v.Person.Subject.Authenticators = v.Person.Subject.Authenticators[:1] }), errEvidenceIsPast()},
		"factor suspended":                {viewOf(twoStep, func(v *storage.GrantView) { v.Person.Subject.Authenticators[1].Suspended = true }), nil},
		"user disabled":                   {viewOf(func(v *storage.GrantView) { v.Person.User.DisabledAt = &noon }), errUserEnded()},
		"account suspended":               {viewOf(func(v *storage.GrantView) { v.Person.Account.SuspendedAt = &noon }), errUserEnded()},
		"client disabled":                 {viewOf(func(v *storage.GrantView) { v.Client.Disabled = true }), errClientEnded()},
		"client moved to another account": {viewOf(func(v *storage.GrantView) { v.Client.AccountID = "b" }), errClientEnded()},
		"third party, allowed":            {viewOf(thirdParty("openid email profile")), nil},
		"third party, allowed less":       {viewOf(thirdParty("openid")), errConsentEnded()},
		"third party, consent withdrawn":  {viewOf(thirdParty("")), errConsentEnded()},
		"signed out":                      {viewOf(func(v *storage.GrantView) { v.SessionLive = false }), errSessionEnded()},
		"over the session's limit of now": {viewOf(func(v *storage.GrantView) { v.Person.Policy.Lifetimes.TwoStepAbsolute = 0 }), errSessionEnded()},
		"over that limit, but offline":    {viewOf(offlineFor("openid offline_access"), func(v *storage.GrantView) { v.Person.Policy.Lifetimes.TwoStepAbsolute = 0 }), nil},
		"signed out, but offline":         {viewOf(signedOut, offlineFor("openid offline_access")), nil},
		"signed out, offline no more":     {viewOf(signedOut, offlineFor("openid profile")), errSessionEnded()},
		"signed out, no refresh any more": {viewOf(signedOut, offlineFor("openid offline_access"), func(v *storage.GrantView) { v.Client.Metadata.GrantTypes = nil }), errSessionEnded()},
		"signed in, offline no more":      {viewOf(offlineFor("openid profile")), nil},
	} {
		if _, err := standing(c.view, noon); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// The example of RFC 7636, appendix B.
const (
	exampleVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	exampleChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// The library compares the challenge with whatever it is given, takes plain and
// unknown methods, five characters, and no verifier at all from confidential clients.
func TestZitadel05_C03_ChallengesHold(t *testing.T) {
	long := strings.Repeat("a", 128)
	for name, c := range map[string]struct {
		challenge, verifier string
		required            bool
		want                error
	}{
		"example of the RFC":         {exampleChallenge, exampleVerifier, true, nil},
		"128 characters":             {oidc.NewSHACodeChallenge(long), long, true, nil},
		"none asked, none sent":      {"", "", false, nil},
		"none sent":                  {exampleChallenge, "", false, errCodeVerifier()},
		"none asked, but required":   {"", "", true, errCodeVerifier()},
		"sent, but none asked":       {"", exampleVerifier, false, errCodeUnasked()},
		"sent, none asked, required": {"", exampleVerifier, true, errCodeUnasked()},
		"another":                    {exampleChallenge, strings.Repeat("a", 43), true, errCodeVerifier()},
		"plain":                      {exampleVerifier, exampleVerifier, true, errCodeVerifier()},
		"wrong case":                 {strings.ToLower(exampleChallenge), exampleVerifier, true, errCodeVerifier()},
		"42 characters":              {oidc.NewSHACodeChallenge(long[:42]), long[:42], true, errVerifierForm()},
		"5 characters":               {oidc.NewSHACodeChallenge("short"), "short", true, errVerifierForm()},
		"129 characters":             {oidc.NewSHACodeChallenge(long + "a"), long + "a", true, errVerifierForm()},
		"a space in it":              {oidc.NewSHACodeChallenge(long[:60] + " "), long[:60] + " ", true, errVerifierForm()},
	} {
		if err := checkVerifier(c.challenge, c.verifier, c.required); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestC02_CodeIsBoundToClientRedirectAndTime(t *testing.T) {
	console := &client{Client: storage.Client{ID: "console"}}
	request := func(change func(*oidc.AccessTokenRequest)) *oidc.AccessTokenRequest {
		q := &oidc.AccessTokenRequest{RedirectURI: "https://rp.test/cb", CodeVerifier: exampleVerifier}
		change(q)
		return q
	}
	plainCode := func(v *storage.GrantView) { v.Grant.Code.Challenge = "" }
	old := &client{Client: storage.Client{ID: "console", Metadata: storage.Metadata{RequirePKCE: new(false)}}}
	for name, c := range map[string]struct {
		view   storage.GrantView
		client *client
		change func(*oidc.AccessTokenRequest)
		at     time.Time
		want   error
	}{
		"good":                       {viewOf(), console, func(*oidc.AccessTokenRequest) {}, noon, nil},
		"at its last moment":         {viewOf(), console, func(*oidc.AccessTokenRequest) {}, noon.Add(time.Minute - 1), nil},
		"a minute later":             {viewOf(), console, func(*oidc.AccessTokenRequest) {}, noon.Add(time.Minute), errCode()},
		"another client":             {viewOf(), &client{Client: storage.Client{ID: "other"}}, func(*oidc.AccessTokenRequest) {}, noon, errCode()},
		"another redirect":           {viewOf(), console, func(q *oidc.AccessTokenRequest) { q.RedirectURI += "/" }, noon, errCodeRedirect()},
		"no redirect, bound by PKCE": {viewOf(), console, func(q *oidc.AccessTokenRequest) { q.RedirectURI = omitted }, noon, nil},
		"no redirect, no PKCE":       {viewOf(plainCode), old, func(q *oidc.AccessTokenRequest) { q.RedirectURI, q.CodeVerifier = omitted, "" }, noon, errCodeRedirect()},
		"no PKCE, registered so":     {viewOf(plainCode), old, func(q *oidc.AccessTokenRequest) { q.CodeVerifier = "" }, noon, nil},
		"wrong verifier":             {viewOf(), console, func(q *oidc.AccessTokenRequest) { q.CodeVerifier = strings.Repeat("x", 43) }, noon, errCodeVerifier()},
		"signed out, though asked for offline": {
			viewOf(func(v *storage.GrantView) { v.SessionLive, v.Grant.Offline = false, true }), console,
			func(*oidc.AccessTokenRequest) {}, noon, errSessionEnded(),
		},
	} {
		if err := checkCode(c.view, c.client, request(c.change), c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestGrantsEndSoonerWhereTwoStepsAreRequired(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		view           storage.GrantView
		at             time.Time
		idle, absolute time.Time
	}{
		"one step":             {viewOf(passwordOnly), noon, noon.Add(14 * day), noon.Add(90 * day)},
		"two steps":            {viewOf(twoStep), noon, noon.Add(14 * day), noon.Add(30 * day)},
		"two steps, at day 20": {viewOf(twoStep), noon.Add(20 * day), noon.Add(30 * day), noon.Add(30 * day)},
	} {
		r, err := standing(c.view, noon)
		if err != nil {
			t.Fatal(err)
		}
		idle, absolute := lifetime(c.view, r, c.at)
		if !idle.Equal(c.idle) || !absolute.Equal(c.absolute) {
			t.Errorf("%s: %s and %s", name, idle, absolute)
		}
	}
}

func TestServicesGetWhatTheyRegistered(t *testing.T) {
	c := &client{scopes: []string{"reports:read", "reports:write", "openid"}}
	for _, q := range []struct {
		asked, want string
		ok          bool
	}{
		{"", "reports:read reports:write", true},
		{"reports:read", "reports:read", true},
		{"reports:read reports:read", "reports:read", true},
		{"openid profile offline_access", "", true},
		{"reports:delete", "", false},
		{"reports:read reports:delete", "", false},
	} {
		got, ok := serviceScopes(q.asked, c)
		if ok != q.ok || strings.Join(got, " ") != q.want {
			t.Errorf("%q: %q, %v", q.asked, got, ok)
		}
	}
}
