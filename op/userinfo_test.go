package op

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stile/audit"
	"stile/authn"
	"stile/storage"
	"stile/token"
)

const everything = "openid profile email account roles entitlements"

// accessOf returns an access token for a scope.
func (r *rig) accessOf(clientID, scope string, methods ...authn.Method) string {
	r.t.Helper()
	a := r.exchange(clientID, r.code(clientID, r.signIn(methods...), func(g *storage.Grant) { g.Scope = scope }))
	r.want("exchange", a, 200, "")
	return a.text("access_token")
}

func TestUserInfoSaysWhatTheScopesOpen(t *testing.T) {
	r := newRig(t)
	product, err := r.db.CreateProduct(t.Context(), storage.Product{AccountID: r.account.ID, Name: "Remote Support"}, audit.System)
	r.must(err)
	r.must(r.db.GiveSeat(t.Context(), r.user.ID, product.ID, audit.System))
	access := r.accessOf("console", everything, authn.Password)
	a := r.userInfo(access)
	if a.Status != 200 || a.text("sub") != r.user.ID || a.text("name") != "Ada" || a.text("email") != "ada@example.com" ||
		a.Body["email_verified"] != false || a.text("account_id") != r.account.ID || a.text("account_name") != "Example" ||
		a.text("locale") != "en" || a.text("zoneinfo") != "Europe/Berlin" {
		t.Errorf("%d %s", a.Status, a.Text)
	}
	if roles, _ := a.Body["roles"].([]any); len(roles) != 1 || roles[0] != "member" {
		t.Errorf("roles %v", a.Body["roles"])
	}
	if held, _ := a.Body["entitlements"].([]any); len(held) != 1 {
		t.Errorf("entitlements %v", a.Body["entitlements"])
	}
	narrow := r.userInfo(r.accessOf("console", "openid", authn.Password))
	if len(narrow.Body) != 1 || narrow.text("sub") != r.user.ID {
		t.Errorf("openid alone: %s", narrow.Text)
	}
}

func TestUserInfoTakesTheTokenInHeaderOrForm(t *testing.T) {
	r := newRig(t)
	access := r.accessOf("console", "openid", authn.Password)
	bearer := func(method, value string, form url.Values) reply {
		q := r.request(method, pathUserInfo, form)
		if value != "" {
			q.Header.Set("Authorization", value)
		}
		return r.send(q)
	}
	for name, a := range map[string]reply{
		"GET":                      bearer(http.MethodGet, "Bearer "+access, nil),
		"any case":                 bearer(http.MethodGet, "bearer "+access, nil),
		"POST with the header":     bearer(http.MethodPost, "Bearer "+access, nil),
		"POST with an empty form":  bearer(http.MethodPost, "Bearer "+access, url.Values{}),
		"POST with it in the form": bearer(http.MethodPost, "", url.Values{"access_token": {access}}),
	} {
		r.want(name, a, 200, "")
	}
	both := bearer(http.MethodPost, "Bearer "+access, url.Values{"access_token": {access}})
	r.want("both", both, 400, "invalid_request")
	for name, a := range map[string]reply{
		"nothing":       bearer(http.MethodGet, "", nil),
		"basic":         bearer(http.MethodGet, basicOf("console", r.secrets["console"].Reveal()), nil),
		"no token":      bearer(http.MethodGet, "Bearer ", nil),
		"POST, nothing": bearer(http.MethodPost, "", nil),
	} {
		if got := a.Header.Get("WWW-Authenticate"); a.Status != 401 || got != `Bearer realm="`+backIssuer+`"` || a.Text != "" {
			t.Errorf("%s: %d, WWW-Authenticate %q, %s", name, a.Status, got, a.Text)
		}
	}
	if a := bearer(http.MethodPut, "Bearer "+access, nil); a.Status != 405 || a.Header.Get("Allow") != "GET, POST" {
		t.Errorf("PUT: %d", a.Status)
	}
}

// The library answers a revoked token 403 server_error, without a challenge.
func TestZitadel24_DeadTokensAre401WithTheReason(t *testing.T) {
	r := newRig(t)
	r.requireAnswer(t, "never seen", "sta_"+strings.Repeat("A", 43))
	r.requireAnswer(t, "nonsense", "x")
	access := r.accessOf("console", "openid", authn.Password)
	r.want("revocation", r.post("console", pathRevocation, "token", access), 200, "")
	r.requireAnswer(t, "revoked", access)
	access = r.accessOf("console", "openid", authn.Password)
	r.at = r.at.Add(token.AccessLife)
	r.requireAnswer(t, "expired", access)
	r.requireAnswer(t, "a service's", r.post("service", pathToken, "grant_type", "client_credentials").text("access_token"))
}

func (r *rig) requireAnswer(t *testing.T, what, access string) {
	t.Helper()
	a := r.userInfo(access)
	r.want(what, a, 401, "invalid_token")
	want := `Bearer realm="` + backIssuer + `", error="invalid_token", error_description="` + errBearer().Description + `"`
	if got := a.Header.Get("WWW-Authenticate"); got != want {
		t.Errorf("%s: WWW-Authenticate %s", what, got)
	}
}

func TestUserInfoNamesWhatIsMissing(t *testing.T) {
	r := newRig(t)
	access := r.accessOf("console", "openid", authn.Password)
	scopeless := r.userInfo(r.accessOf("console", "profile", authn.Password))
	r.want("no openid", scopeless, 403, "insufficient_scope")
	if got := scopeless.Header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_scope"`) || !strings.HasSuffix(got, `, scope="openid"`) {
		t.Errorf("WWW-Authenticate %s", got)
	}
	r.requireTwoSteps()
	a := r.userInfo(access)
	r.want("policy on", a, 401, "insufficient_user_authentication") // RFC 9470
	if got := a.Header.Get("WWW-Authenticate"); !strings.HasSuffix(got, `, acr_values="urn:stile:acr:mfa"`) {
		t.Errorf("WWW-Authenticate %s", got)
	}
}

// The library joins token id and subject with a colon, and takes them apart at
// the first: a subject that holds one opens nothing.
func TestZitadel20_SubjectsMayHoldAnything(t *testing.T) {
	r := newRig(t)
	user, err := r.db.CreateUser(t.Context(), storage.User{ID: "tenant:7:ada", AccountID: r.account.ID, Email: "ada7@example.com", Name: "Ada", Password: "$argon2id$none"}, audit.System)
	r.must(err)
	r.user = user
	a := r.userInfo(r.accessOf("console", "openid", authn.Password))
	if a.Status != 200 || a.text("sub") != "tenant:7:ada" {
		t.Errorf("%d %s", a.Status, a.Text)
	}
}
