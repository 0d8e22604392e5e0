package op

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/storage"
	"stile/token"
)

const inactive = `{"active":false}` + "\n"

func TestIntrospectionTellsWhatWasProven(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password, authn.TOTP)
	for _, asks := range []string{"console", "api"} {
		got := r.introspect(asks, a.text("access_token"))
		if got.Body["active"] != true || got.text("sub") != r.user.ID || got.text("client_id") != "console" || got.text("scope") != "openid profile" ||
			got.text("iss") != backIssuer || got.text("token_type") != "Bearer" || got.text("acr") != "urn:stile:acr:mfa" ||
			got.Body["auth_time"] != float64(noon.Unix()) || got.Body["iat"] != float64(noon.Unix()) ||
			got.Body["exp"] != float64(noon.Add(token.AccessLife).Unix()) || got.text("account_id") != r.account.ID {
			t.Errorf("%s: %s", asks, got.Text)
		}
		if amr, _ := got.Body["amr"].([]any); !slices.Equal(amr, []any{"mfa", "otp", "pwd"}) {
			t.Errorf("%s: amr %v", asks, got.Body["amr"])
		}
	}
	refresh := r.introspect("console", a.text("refresh_token"))
	if refresh.Body["active"] != true || refresh.text("client_id") != "console" || refresh.text("acr") != "urn:stile:acr:mfa" || refresh.Body["token_type"] != nil {
		t.Errorf("refresh token: %s", refresh.Text)
	}
	service := r.introspect("api", r.post("service", pathToken, "grant_type", "client_credentials", "scope", "reports:read").text("access_token"))
	if service.Body["active"] != true || service.text("sub") != "service" || service.text("client_id") != "service" || service.text("scope") != "reports:read" ||
		service.text("aud") != backIssuer || service.Body["acr"] != nil {
		t.Errorf("service: %s", service.Text)
	}
}

func TestE09_TokensOfOthersAreNobodysBusiness(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password)
	service := r.post("service", pathToken, "grant_type", "client_credentials").text("access_token")
	for name, got := range map[string]reply{
		"access token of another":         r.introspect("other", a.text("access_token")),
		"refresh token of another":        r.introspect("other", a.text("refresh_token")),
		"refresh token, asked by an API":  r.introspect("api", a.text("refresh_token")), // it opens nothing there
		"service's token, asked by other": r.introspect("other", service),
		"ID token":                        r.introspect("console", a.text("id_token")),
		"never seen":                      r.introspect("console", seal.NewToken(seal.KindAccess).Reveal()),
		"authorization code":              r.introspect("console", r.code("console", r.signIn(authn.Password))),
	} {
		if got.Status != 200 || got.Text != inactive {
			t.Errorf("%s: %d %s", name, got.Status, got.Text)
		}
	}
	r.want("public client", r.post("desktop", pathIntrospection, "token", a.text("access_token")), 401, "invalid_client")
	r.want("nobody", r.send(r.request(http.MethodPost, pathIntrospection, url.Values{"token": {a.text("access_token")}})), 401, "invalid_client")
	q := r.request(http.MethodPost, pathIntrospection, url.Values{"token": {a.text("access_token")}})
	q.Header.Set("Authorization", rawBasic("console:"))
	r.want("empty secret", r.send(q), 401, "invalid_client")
	r.want("no token", r.post("console", pathIntrospection), 400, "invalid_request")

	for _, text := range []string{a.text("access_token"), a.text("refresh_token"), "nonsense", a.text("id_token"), service} {
		if got := r.post("other", pathRevocation, "token", text); got.Status != 200 || got.Text != "" {
			t.Errorf("revocation by another: %d %s", got.Status, got.Text)
		}
	}
	r.want("and it still works", r.userInfo(a.text("access_token")), 200, "")
	r.want("and refreshes", r.refresh("console", a.text("refresh_token")), 200, "")
}

func TestIntrospectionJudgesWhatIsTrueNow(t *testing.T) {
	for name, change := range map[string]func(r *rig, s storage.Session){
		"policy on": func(r *rig, _ storage.Session) { r.requireTwoSteps() },
		"signed out": func(r *rig, s storage.Session) {
			r.must(r.db.EndSession(r.t.Context(), s.ID, "signed_out", audit.System))
		},
		"user disabled": func(r *rig, _ storage.Session) {
			_, err := r.db.UpdateUser(r.t.Context(), r.user.ID, func(u *storage.User) error { u.DisabledAt = &noon; return nil }, audit.System)
			r.must(err)
		},
		"client disabled": func(r *rig, _ storage.Session) {
			_, err := r.db.UpdateClient(r.t.Context(), "console", func(c *storage.Client) error { c.Disabled = true; return nil }, audit.System)
			r.must(err)
		},
		"expired": func(r *rig, _ storage.Session) { r.at = r.at.Add(token.AccessLife) },
		"revoked": func(r *rig, _ storage.Session) {},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.signIn(authn.Password)
			a := r.exchange("console", r.code("console", s))
			change(r, s)
			if name == "revoked" {
				r.post("console", pathRevocation, "token", a.text("refresh_token"))
			}
			if got := r.introspect("api", a.text("access_token")); got.Text != inactive {
				t.Errorf("access token: %s", got.Text)
			}
			if name == "expired" || name == "client disabled" {
				return
			}
			if got := r.introspect("console", a.text("refresh_token")); got.Text != inactive {
				t.Errorf("refresh token: %s", got.Text)
			}
		})
	}
}

func TestAnAccountsAPIHearsOfItsOwnUsersOnly(t *testing.T) {
	r := newRig(t)
	elsewhere, err := r.db.CreateAccount(t.Context(), storage.Account{Name: "Elsewhere"}, audit.System)
	r.must(err)
	for id, account := range map[string]string{"api-here": r.account.ID, "api-there": elsewhere.ID} {
		r.secrets[id] = seal.NewToken(seal.KindClientSecret)
		_, err := r.db.CreateClient(t.Context(), storage.Client{
			ID: id, AccountID: account, SecretHash: r.db.HashClientSecret(id, r.secrets[id]),
			Metadata: storage.Metadata{GrantTypes: []string{"client_credentials"}, IntrospectAll: true},
		}, audit.System)
		r.must(err)
	}
	access := r.tokensOf("console", authn.Password).text("access_token")
	if got := r.introspect("api-here", access); got.Body["active"] != true {
		t.Errorf("of the account: %s", got.Text)
	}
	if got := r.introspect("api-there", access); got.Text != inactive {
		t.Errorf("of another account: %s", got.Text)
	}
}

func TestServiceTokensEndWithTheirClient(t *testing.T) {
	r := newRig(t)
	access := r.post("service", pathToken, "grant_type", "client_credentials").text("access_token")
	_, err := r.db.UpdateClient(t.Context(), "service", func(c *storage.Client) error { c.Disabled = true; return nil }, audit.System)
	r.must(err)
	r.at = r.at.Add(clientAge)
	if got := r.introspect("api", access); got.Text != inactive {
		t.Errorf("of a disabled client: %s", got.Text)
	}
	r.at = r.at.Add(token.AccessLife)
	if got := r.introspect("api", access); got.Text != inactive {
		t.Errorf("expired: %s", got.Text)
	}
}

// The services of an account stop with it: they get no tokens, and those that
// they have tell an API nothing.
func TestL04_ServicesStopWithTheirAccount(t *testing.T) {
	r := newRig(t)
	secret := seal.NewToken(seal.KindClientSecret)
	_, err := r.db.CreateClient(t.Context(), storage.Client{
		ID: "robot", AccountID: r.account.ID, SecretHash: r.db.HashClientSecret("robot", secret),
		Metadata: storage.Metadata{GrantTypes: []string{"client_credentials"}, Scope: "reports:read"},
	}, audit.System)
	r.must(err)
	ask := func() reply { return r.attempt(basicOf("robot", secret.Reveal())) }
	a := ask()
	r.want("before", a, 200, "")
	for _, until := range []*time.Time{&noon, nil} {
		_, err = r.db.UpdateAccount(t.Context(), r.account.ID, func(a *storage.Account) error { a.SuspendedAt = until; return nil }, audit.System)
		r.must(err)
		r.at = r.at.Add(clientAge)
		b, active := ask(), r.introspect("api", a.text("access_token")).Body["active"]
		if (b.Status == 200) != (until == nil) || active != (until == nil) {
			t.Errorf("suspended %v: %d %s, active %v", until != nil, b.Status, b.Text, active)
		}
	}
}

func TestRevocationEndsTheGrant(t *testing.T) {
	for _, kind := range []string{"access_token", "refresh_token"} {
		for _, id := range []string{"console", "poster", "desktop"} {
			r := newRig(t)
			a := r.tokensOf(id, authn.Password)
			b := r.refresh(id, a.text("refresh_token"))
			got := r.post(id, pathRevocation, "token", b.text(kind), "token_type_hint", "nonsense")
			if got.Status != 200 || got.Text != "" {
				t.Errorf("%d %s", got.Status, got.Text)
			}
			for _, access := range []string{a.text("access_token"), b.text("access_token")} {
				r.want("access token", r.userInfo(access), 401, "invalid_token")
			}
			r.want("refresh token", r.refresh(id, b.text("refresh_token")), 400, "invalid_grant")
			if ended := r.events(audit.GrantEnded); len(ended) != 1 || ended[0].Reason != "revoked" || ended[0].Actor.ID != id {
				t.Errorf("audit: %+v", ended)
			}
			r.want("again", r.post(id, pathRevocation, "token", b.text(kind)), 200, "")
		}
	}
}

// A refresh token that was used already is still this client's own: who gives
// it back wants an end.
func TestRevocationTakesAnOldRefreshToken(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password)
	b := r.refresh("console", a.text("refresh_token"))
	r.want("revocation", r.post("console", pathRevocation, "token", a.text("refresh_token")), 200, "")
	r.want("successor", r.refresh("console", b.text("refresh_token")), 400, "invalid_grant")
}

func TestSignedTokensCannotBeRevokedAndSayIt(t *testing.T) {
	r := newRig(t)
	access := r.post("service", pathToken, "grant_type", "client_credentials").text("access_token")
	r.want("own", r.post("service", pathRevocation, "token", access), 400, "unsupported_token_type")
}
