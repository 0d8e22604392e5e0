package op

import (
	"strings"
	"testing"
	"time"

	"stile/authn"
	"stile/signin"
	"stile/storage"
)

// TestTheOneDecision is the truth table of judge: what is asked, who is there,
// and what follows; aloud, and with prompt=none.
func TestTheOneDecision(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	person := storage.Person{
		User: storage.User{ID: "ada"}, Account: storage.Account{ID: "acme"},
		Subject: authn.Subject{ID: "ada", AccountID: "acme", Authenticators: []authn.Authenticator{
			{ID: "password-1", Method: authn.Password}, {ID: "app", Method: authn.TOTP},
		}},
	}
	password := authn.Evidence{}.With(authn.Proof{Method: authn.Password, At: now, Authenticator: "password-1"})
	both := password.With(authn.Proof{Method: authn.TOTP, At: now, Authenticator: "app"})
	strict := person
	strict.Policy.TwoStep = true
	changed := person
	changed.Subject.Authenticators = []authn.Authenticator{{ID: "password-2", Method: authn.Password}}
	session := func(p storage.Person, e authn.Evidence, consent string) *storage.SessionView {
		return &storage.SessionView{Session: storage.Session{ID: "s", UserID: p.User.ID, Evidence: e}, Person: p, Consent: consent}
	}
	own, third := storage.Client{ID: "own"}, storage.Client{ID: "third", ThirdParty: true}
	other, home := storage.Client{ID: "other", AccountID: "else"}, storage.Client{ID: "home", AccountID: "acme"}
	mfa := authn.Ask{Levels: []authn.Level{authn.LevelMFA}}
	phr := authn.Ask{Levels: []authn.Level{authn.LevelPhishingResistant}}
	must := func(a authn.Ask) authn.Ask { a.Essential = true; return a }
	fresh := authn.Ask{Since: now.Add(time.Second)}
	with := func(change func(*authorization)) authorization {
		a := authorization{Scope: []string{"openid", "email"}}
		change(&a)
		return a
	}
	plain := func(*authorization) {}

	const signIn, consent, issue = "sign-in", "consent", "code"
	for _, c := range []struct {
		what   string
		view   *storage.SessionView
		client storage.Client
		ask    authn.Ask
		change func(*authorization)
		aloud  string
		silent string
	}{
		{"nobody", nil, own, authn.Ask{}, plain, signIn, "login_required"},
		{"nobody, essential out of reach", nil, own, must(phr), plain, "unmet_authentication_requirements", "unmet_authentication_requirements"},
		{"nobody, hint", nil, own, authn.Ask{Subject: "ada"}, plain, signIn, "login_required"},
		{"password", session(person, password, ""), own, authn.Ask{}, plain, issue, issue},
		{"password of before its change", session(changed, password, ""), own, authn.Ask{}, plain, signIn, "login_required"},
		{"too old", session(person, both, ""), own, fresh, plain, signIn, "login_required"},
		{"second factor by policy", session(strict, password, ""), own, authn.Ask{}, plain, signIn, "interaction_required"},
		{"second factor asked for", session(person, password, ""), own, mfa, plain, signIn, "interaction_required"},
		{"both", session(strict, both, ""), own, mfa, plain, issue, issue},
		{"voluntary out of reach", session(person, password, ""), own, phr, plain, issue, issue},
		{"essential out of reach", session(person, both, ""), own, must(phr), plain, "unmet_authentication_requirements", "unmet_authentication_requirements"},
		{"hint of another", session(person, both, ""), own, authn.Ask{Subject: "bea"}, plain, signIn, "login_required"},
		{"hint of another, after a sign-in", session(person, both, ""), own, authn.Ask{Subject: "bea"}, func(a *authorization) { a.Visited = true }, "login_required", "login_required"},
		{"client of another account", session(person, both, ""), other, authn.Ask{}, plain, "access_denied", "access_denied"},
		{"client of another account, code missing", session(strict, password, ""), other, authn.Ask{}, plain, "access_denied", "access_denied"},
		{"client of another account, somebody may sign in anew", session(person, both, ""), other, fresh, plain, signIn, "login_required"},
		{"client of the account", session(person, both, ""), home, authn.Ask{}, plain, issue, issue},
		{"third party", session(person, both, ""), third, authn.Ask{}, plain, consent, "consent_required"},
		{"third party, part allowed", session(person, both, "openid"), third, authn.Ask{}, plain, consent, "consent_required"},
		{"third party, allowed", session(person, both, "email openid profile"), third, authn.Ask{}, plain, issue, issue},
		{"third party, code missing", session(strict, password, "email openid"), third, authn.Ask{}, plain, signIn, "interaction_required"},
		{"third party, prompt=consent", session(person, both, "email openid"), third, authn.Ask{}, func(a *authorization) { a.Consent = true }, consent, ""},
		{"own, prompt=consent", session(person, both, ""), own, authn.Ask{}, func(a *authorization) { a.Consent = true }, consent, ""},
		{"prompt=consent, allowed", session(person, both, ""), own, authn.Ask{}, func(a *authorization) { a.Consent, a.Allowed = true, "ada" }, issue, ""},
		{"prompt=consent, allowed by another", session(person, both, ""), own, authn.Ask{}, func(a *authorization) { a.Consent, a.Allowed = true, "bea" }, consent, ""},
		{"third party, allowed by another", session(person, both, ""), third, authn.Ask{}, func(a *authorization) { a.Allowed = "bea" }, consent, "consent_required"},
	} {
		for silent, want := range map[bool]string{false: c.aloud, true: c.silent} {
			if want == "" {
				continue
			}
			q := pending{Request: signin.Request{Ask: c.ask}, authorization: with(c.change), client: &client{Client: c.client}}
			q.Silent = silent
			v, err := judge(q, c.view)
			got := code(err)
			if err == nil {
				got = map[next]string{nextCode: issue, nextSignIn: signIn, nextConsent: consent}[v.next]
			}
			if got != want {
				t.Errorf("%s, silent %v: %s, want %s", c.what, silent, got, want)
			}
			if got == issue && !v.requirement.Met(c.view.Session.Evidence, c.view.Person.Subject) {
				t.Errorf("%s: a code for evidence that does not suffice", c.what)
			}
		}
	}
	asked, _ := judge(pending{authorization: with(plain), client: &client{Client: third}}, session(person, both, "openid"))
	if strings.Join(asked.scopes, " ") != "email" {
		t.Errorf("asked about %v, want only what is new", asked.scopes)
	}
}
