package op

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/seal"
	"stile/storage"
)

// attempt is a token request with given credentials.
func (r *rig) attempt(header string, pairs ...string) reply {
	r.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	q := r.request(http.MethodPost, pathToken, form)
	if header != "" {
		q.Header.Set("Authorization", header)
	}
	return r.send(q)
}

func TestD01_OnlyTheRegisteredMethodAuthenticates(t *testing.T) {
	r := newRig(t)
	secret := func(id string) string { return r.secrets[id].Reveal() }
	wrong := seal.NewToken(seal.KindClientSecret).Reveal()
	session := r.signIn(authn.Password)
	code := r.code("console", session)
	posted := r.code("poster", session)
	public := r.code("desktop", session)
	type credentials struct {
		header string
		form   []string
	}
	redeem := func(code, redirect string, c credentials) reply {
		return r.attempt(c.header, append([]string{
			"grant_type", "authorization_code", "code", code, "redirect_uri", redirect,
			"code_verifier", exampleVerifier,
		}, c.form...)...)
	}
	for name, a := range map[string]reply{
		"nothing":               redeem(code, "https://rp.test/cb", credentials{}),
		"name alone":            redeem(code, "https://rp.test/cb", credentials{form: []string{"client_id", "console"}}),
		"empty secret":          redeem(code, "https://rp.test/cb", credentials{header: rawBasic("console:")}),
		"empty secret, posted":  redeem(code, "https://rp.test/cb", credentials{form: []string{"client_id", "console", "client_secret", ""}}),
		"wrong secret":          redeem(code, "https://rp.test/cb", credentials{header: basicOf("console", wrong)}),
		"secret of another":     redeem(code, "https://rp.test/cb", credentials{header: basicOf("console", secret("other"))}),
		"secret in other case":  redeem(code, "https://rp.test/cb", credentials{header: basicOf("console", "STS_"+secret("console")[4:])}),
		"stored hash as secret": redeem(code, "https://rp.test/cb", credentials{header: basicOf("console", r.db.HashClientSecret("console", r.secrets["console"]))}),
		"posted, though basic is registered": redeem(code, "https://rp.test/cb",
			credentials{form: []string{"client_id", "console", "client_secret", secret("console")}}),
		"two at once": redeem(code, "https://rp.test/cb",
			credentials{basicOf("console", secret("console")), []string{"client_id", "console", "client_secret", secret("console")}}),
		"basic, and another name": redeem(code, "https://rp.test/cb",
			credentials{basicOf("console", secret("console")), []string{"client_id", "other"}}),
		"basic and an assertion": redeem(code, "https://rp.test/cb",
			credentials{basicOf("console", secret("console")), []string{"client_assertion", "x"}}),
		"bearer":                             redeem(code, "https://rp.test/cb", credentials{header: "Bearer " + secret("console")}),
		"unknown":                            redeem(code, "https://rp.test/cb", credentials{header: basicOf("nobody", secret("console"))}),
		"basic, though post is registered":   redeem(posted, "https://post.test/cb", credentials{header: basicOf("poster", secret("poster"))}),
		"public with a secret":               redeem(public, "http://127.0.0.1:4711/callback", credentials{form: []string{"client_id", "desktop", "client_secret", "x"}}),
		"public with an empty basic":         redeem(public, "http://127.0.0.1:4711/callback", credentials{header: rawBasic("desktop:")}),
		"public, with another one's secrets": redeem(public, "http://127.0.0.1:4711/callback", credentials{header: basicOf("console", wrong)}),
	} {
		r.want(name, a, 401, "invalid_client")
		if a.Header.Get("WWW-Authenticate") != `Basic realm="`+backIssuer+`", charset="UTF-8"` {
			t.Errorf("%s: WWW-Authenticate %q", name, a.Header.Get("WWW-Authenticate"))
		}
	}
	// Nothing was consumed.
	r.want("basic", r.exchange("console", code), 200, "")
	r.want("post", r.exchange("poster", posted), 200, "")
	r.want("none", r.exchange("desktop", public), 200, "")
}

func TestD04_SecretsOfAnyCharactersAuthenticate(t *testing.T) {
	r := newRig(t)
	for id, secret := range map[string]seal.Secret{"colon.1": "a:b:c", "percent.2": "100% + 1/2 & %41", "letters.3": "Schlüssel €"} {
		c := storage.Client{
			ID: id, SecretHash: r.db.HashClientSecret(id, secret),
			Metadata: storage.Metadata{GrantTypes: []string{"client_credentials"}, Scope: "x"},
		}
		_, err := r.db.CreateClient(t.Context(), c, audit.System)
		r.must(err)
		r.want(id, r.attempt(basicOf(id, secret.Reveal())), 200, "")
		r.want(id+", other secret", r.attempt(basicOf(id, secret.Reveal()+" ")), 401, "invalid_client")
	}
	r.want("not encoded", r.attempt(rawBasic("percent.2:100% + 1/2 & %41")), 401, "invalid_client")
}

func TestD06_GuessingIsSlowedAndNobodyIsLockedOut(t *testing.T) {
	r := newRig(t)
	try := func(id, secret, from string) reply {
		q := r.request(http.MethodPost, pathToken, url.Values{"grant_type": {"client_credentials"}})
		q.Header.Set("Authorization", basicOf(id, secret))
		q.RemoteAddr = from + ":1"
		return r.send(q)
	}
	for i := range 20 {
		if a := try("service", "wrong", "198.51.100.1"); a.Status != 401 || a.Header.Get("Retry-After") != "" && i < 19 {
			t.Fatalf("failure %d: %d, Retry-After %q", i, a.Status, a.Header.Get("Retry-After"))
		}
	}
	a := try("service", "wrong", "198.51.100.1")
	wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if a.Status != 401 || err != nil || wait < 1 || wait > 60 {
		t.Errorf("failure 21: %d, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
	}
	if a := try("service", "wrong", "203.0.113.1"); a.Header.Get("Retry-After") != "" {
		t.Error("another network is told to wait")
	}
	r.want("the right one, from there", try("service", r.secrets["service"].Reveal(), "198.51.100.1"), 200, "")
	r.want("the right one, from elsewhere", try("service", r.secrets["service"].Reveal(), "203.0.113.1"), 200, "")
	r.at = r.at.Add(2 * time.Minute)
	if a := try("service", "wrong", "198.51.100.1"); a.Header.Get("Retry-After") != "" {
		t.Error("a minute later the pause goes on")
	}
}

func TestD07_StrangersLearnNothing(t *testing.T) {
	for name, try := range map[string]func(r *rig) reply{
		"unknown client":        func(r *rig) reply { return r.attempt(basicOf("nobody", "wrong")) },
		"wrong secret":          func(r *rig) reply { return r.attempt(basicOf("console", "wrong")) },
		"public client":         func(r *rig) reply { return r.attempt(basicOf("desktop", "wrong")) },
		"disabled client":       func(r *rig) reply { return r.attempt(basicOf("other", "wrong")) },
		"method not registered": func(r *rig) reply { return r.attempt("", "client_id", "console", "client_secret", "wrong") },
		"unknown, posted":       func(r *rig) reply { return r.attempt("", "client_id", "nobody", "client_secret", "wrong") },
	} {
		r := newRig(t)
		_, err := r.db.UpdateClient(t.Context(), "other", func(c *storage.Client) error { c.Disabled = true; return nil }, audit.System)
		r.must(err)
		var first, again reply
		cold := r.statements(func() { first = try(r) })
		warm := r.statements(func() { again = try(r) })
		if cold != 3 || warm != 3 { // the client is looked up, the failure is counted, and told
			t.Errorf("%s: %d statements, then %d", name, cold, warm)
		}
		if first.Status != 401 || first.text("error_description") != errClientUnproven().Description || again.Text != first.Text {
			t.Errorf("%s: %d %s", name, first.Status, first.Text)
		}
	}
	r := newRig(t)
	right := func() { r.want("service", r.attempt(basicOf("service", r.secrets["service"].Reveal())), 200, "") }
	if cold, warm := r.statements(right), r.statements(right); cold != 1 || warm != 0 {
		t.Errorf("right credentials: %d statements, then %d", cold, warm)
	}
}

func TestClientsAreTakenFromMemoryForFiveSeconds(t *testing.T) {
	r := newRig(t)
	good := func() reply { return r.attempt(basicOf("service", r.secrets["service"].Reveal())) }
	r.want("registered", good(), 200, "")
	_, err := r.db.UpdateClient(t.Context(), "service", func(c *storage.Client) error { c.Disabled = true; return nil }, audit.System)
	r.must(err)
	r.at = r.at.Add(clientAge)
	r.want("disabled, five seconds ago", good(), 401, "invalid_client")
	_, err = r.db.UpdateClient(t.Context(), "service", func(c *storage.Client) error { c.Disabled = false; return nil }, audit.System)
	r.must(err)
	r.at = r.at.Add(clientAge)
	r.want("enabled again", good(), 200, "")
	fresh := seal.NewToken(seal.KindClientSecret)
	r.must(r.db.RotateClientSecret(t.Context(), "service", r.db.HashClientSecret("service", fresh), audit.System))
	r.want("a new secret, at once", r.attempt(basicOf("service", fresh.Reveal())), 200, "")
	r.want("the old one", good(), 401, "invalid_client")
	for i := range 3 * clientRoom {
		_, _ = r.p.client(t.Context(), "nobody-"+strconv.Itoa(i))
	}
	if n := len(r.p.clients.byID); n > clientRoom {
		t.Errorf("%d clients in memory", n)
	}
}

// The library reads assertions with types that panic, takes each again and
// again, and calls its failures invalid_grant. Here they are no way in.
func TestZitadel16_AssertionsAreRefusedUnread(t *testing.T) {
	r := newRig(t)
	const kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	for _, payload := range append(panicking, `{"iss":"service","sub":"service","aud":"`+backIssuer+`/token","exp":9999999999,"jti":"1"}`) {
		for _, header := range []string{"", basicOf("service", r.secrets["service"].Reveal())} {
			a := r.attempt(header, "client_id", "service", "client_assertion_type", kind, "client_assertion", jwtOf(plainHeader, payload))
			r.want(payload, a, 401, "invalid_client")
		}
	}
}

// The library answers a wrong secret 400 and names no scheme.
func TestZitadel17_WrongSecretIs401WithAChallenge(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{pathToken, pathIntrospection, pathRevocation} {
		q := r.request(http.MethodPost, path, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "token": {"x"}})
		q.Header.Set("Authorization", basicOf("console", "wrong"))
		a := r.send(q)
		r.want(path, a, 401, "invalid_client")
		if a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", path)
		}
	}
}

func TestD06_FailuresAreAuditedAndNoMoreThanAreBooked(t *testing.T) {
	r := newRig(t)
	try := func(id, secret string) reply {
		q := r.request(http.MethodPost, pathToken, url.Values{"grant_type": {"client_credentials"}})
		q.Header.Set("Authorization", basicOf(id, secret))
		return r.send(q)
	}
	try("service", "wrong")
	try("desktop", "anything") // public
	for i := range 3 {
		try(fmt.Sprintf("stranger-%d", i), "stl_secret")
	}
	want := map[string]string{"wrong_secret": "service", "wrong_method": "desktop", "unknown_client": ""}
	lines := r.events(audit.ClientRefused)
	if len(lines) != 5 {
		t.Errorf("%d lines", len(lines))
	}
	for _, e := range lines {
		if id, ok := want[e.Reason]; !ok || id != e.ClientID || e.Outcome != audit.Refused || e.Actor.Network == "" {
			t.Errorf("line %+v", e)
		}
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, "stranger") || strings.Contains(text, "secret") && e.Reason != "wrong_secret" {
			t.Errorf("a stranger's words are in the log: %s", text)
		}
	}
	for range 3 * r.p.Limits.ClientNetwork.Allowed {
		try("service", "wrong")
	}
	if n := len(r.events(audit.ClientRefused)); n > 5+r.p.Limits.ClientNetwork.Allowed {
		t.Errorf("%d lines, more than failures are booked", n)
	}
	before := len(r.events(audit.ClientRefused))
	r.want("the right one", try("service", r.secrets["service"].Reveal()), http.StatusOK, "")
	if len(r.events(audit.ClientRefused)) != before {
		t.Error("a success is told as a failure")
	}
}
