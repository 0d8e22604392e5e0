package welcome_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/seal"
	"stile/signin"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

// A domain that is open now takes nobody in whose link is of a domain beneath it.
func TestSignUpUnderADomainThatIsOpenNoMore(t *testing.T) {
	w := newWorld(t)
	w.restart(map[string]string{"mail.sales.example": w.sales.ID, "sales.example": w.sales.ID})
	link := w.signUpLink("sam@mail.sales.example")
	b := w.browser()
	w.toForm(b, link)
	w.restart(map[string]string{"sales.example": w.sales.ID})
	expect(t, w.browser().Open(link), "error", 410)
	expect(t, choose(b, fresh), "error", 410)
	w.nobody("sam@mail.sales.example")
}

// Whoever invites himself is a member and nothing else, whatever his invitation says.
func TestN02_NobodySignsUpForARole(t *testing.T) {
	w := newSignUps(t)
	for _, roles := range [][]string{{storage.RoleAdmin}, {storage.RoleMember, storage.RoleAdmin}, {storage.RoleAuditor}, {storage.RoleMember, storage.RoleHelpdesk}} {
		token := seal.NewToken(seal.KindLink).Reveal()
		must(t, w.db.SignUp(t.Context(), storage.InvitationToSend{
			Invitation: storage.Invitation{AccountID: w.sales.ID, Email: sam, Roles: roles},
			LinkHash:   seal.HashToken(token), Mail: storage.Mail{Kind: string(templates.MailSignUp), To: sam},
		}, w.signIns.MayInvite, audit.Actor{}))
		if p := w.browser().Open(w.url + storage.InvitationPath + "?token=" + token); p.Status != 410 {
			t.Errorf("%v: %s", roles, p)
		}
	}
}

// What is sent to the address of somebody else is asked for by nobody who is
// signed in: the next one to sign in here is whoever has the password.
func TestG01_SignUpLinkInABrowserWithAnothersSignIn(t *testing.T) {
	w := newSignUps(t)
	b := w.browser()
	b.Open(w.url + "/welcome")
	expect(t, b.Submit(map[string]string{templates.FieldEmail: elsif, templates.FieldPassword: password}), "welcome", 200)
	link := w.signUpLink(sam) // asked for elsewhere: no sign-in waits here
	w.toForm(b, link)
	p := expect(t, choose(b, fresh), "sign-in", 200)
	if p.Field(templates.FieldEmail) != sam {
		t.Errorf("signs in as %q", p.Field(templates.FieldEmail))
	}
	expect(t, b.Submit(map[string]string{templates.FieldPassword: password}), "sign-in", 422)
}

// plants opens the page of a sign-up with a request of somebody else's, as a link
// of his would, signs up there, and returns the form for the password.
func (w *world) plants(b *stiletest.Browser, req signin.Request, email string) *stiletest.Page {
	w.t.Helper()
	path, err := w.signIns.Begin(w.t.Context(), req)
	must(w.t, err)
	u, err := url.Parse(path)
	must(w.t, err)
	expect(w.t, b.Open(w.url+signin.SignUpPath+"?"+u.RawQuery), "sign-up", 200)
	expect(w.t, b.Submit(map[string]string{templates.FieldEmail: email}), "sign-up-sent", 200)
	links, _ := w.links(templates.MailSignUp)
	if len(links) != 1 {
		w.t.Fatalf("links %v", links)
	}
	return w.toForm(b, links[0])
}

// A request that somebody else has begun leads no further here than it would by
// itself: it is another sign-in, at its first screen, of the user whom it was for,
// and only until its time is over.
func TestA05_ARequestOfSomebodyElseWaitsForALink(t *testing.T) {
	w := newSignUps(t)
	elsifs := w.elsif().User.ID
	ours := signin.Request{ID: "theirs", Home: "/welcome", Return: "/welcome", Choose: true}
	b := w.browser()
	w.plants(b, ours, sam)
	p := expect(t, choose(b, fresh), "sign-in", 200)
	sealed, err := url.QueryUnescape(strings.TrimPrefix(p.URL.RawQuery, "r="))
	must(t, err)
	req, err := w.signIns.OpenRequest(t.Context(), sealed)
	must(t, err)
	if req.ID == ours.ID || req.Choose || !req.SomeoneElse || !req.PasswordSet || req.LoginHint != sam {
		t.Errorf("goes on with %+v", req)
	}
	expect(t, b.Submit(map[string]string{templates.FieldPassword: fresh}), "welcome", 200)
	// Nothing waits any more.
	w.wait(time.Hour)
	ours.Ask.Subject = elsifs
	b = w.browser()
	w.plants(b, ours, "kim@sales.example")
	expect(t, choose(b, fresh), "sign-in", 200)
	if p := b.Submit(map[string]string{templates.FieldEmail: "kim@sales.example", templates.FieldPassword: fresh}); p.Screen() == "welcome" {
		t.Errorf("what was asked of %s is answered by another: %s", elsif, p)
	}
}
