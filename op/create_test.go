package op

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"stile/authn"
	"stile/signin"
	"stile/templates"
)

// signUp lets people of a domain sign up, as after a restart.
func (f *front) signUp() {
	f.p.SignIns = signin.New(signin.Options{
		DB: f.db, Hasher: f.db.Hasher(), Ring: f.p.Ring, Limits: f.p.Limits, Now: f.p.Now, Issuer: backIssuer, SignUp: map[string]string{"example.com": f.account.ID},
	})
}

func TestPromptCreate(t *testing.T) {
	f := newFront(t)
	b := f.browser()
	f.wantError("nobody signs up", b.authorize("console", "prompt", "create"), "console", "invalid_request")
	f.signUp()
	for _, prompt := range []string{"none create", "create none", "creates"} {
		f.wantError(prompt, b.authorize("console", "prompt", prompt), "console", "invalid_request")
	}
	for prompt, since := range map[string]bool{"create": false, "login create": true, "create consent": false, "create select_account": false} {
		b := f.browser()
		b.signIn(f.user, authn.Password) // a session doesn't lead past it
		r := b.authorize("console", "prompt", prompt, "login_hint", "new@example.com")
		u, err := url.Parse(r.Header.Get("Location"))
		f.must(err)
		if r.Status != http.StatusSeeOther || u.Path != signin.SignUpPath {
			t.Fatalf("%s: %d to %s", prompt, r.Status, u)
		}
		asked, err := f.p.SignIns.OpenRequest(t.Context(), u.Query().Get(templates.FieldRequest))
		f.must(err)
		if asked.LoginHint != "new@example.com" || asked.ClientID != "console" || asked.Return != pathAuthorize || asked.Ask.Since.IsZero() == since {
			t.Errorf("%s: the request is %+v", prompt, asked)
		}
		// Whoever comes back signed in is through, and not sent there again.
		f.at = f.at.Add(1e9)
		b.signIn(f.user, authn.Password)
		back := b.get(asked.Returns(u.Query().Get(templates.FieldRequest)))
		if prompt == "create consent" {
			b.consentPage(back)
			continue
		}
		f.wantCode(prompt, back, "console")
	}
}

func TestDiscoveryTellsOfPromptCreateWhereItWorks(t *testing.T) {
	f := newFront(t)
	f.signUp()
	if got := f.p.metadata().PromptValues; !slices.Equal(got, []string{"none", "login", "consent", "select_account", "create"}) {
		t.Errorf("prompt values %q", got)
	}
}
