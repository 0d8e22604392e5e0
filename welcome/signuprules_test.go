package welcome_test

import (
	"net/url"
	"testing"

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

// opened is the request in a URL of ours.
func (w *world) opened(address string) signin.Request {
	w.t.Helper()
	u, err := url.Parse(address)
	must(w.t, err)
	req, err := w.signIns.OpenRequest(w.t.Context(), u.Query().Get(templates.FieldRequest))
	must(w.t, err)
	return req
}

// plants opens the page of a sign-up with a request of somebody else's, as a link
// of his would, signs up there, and goes on to the form for the password. It
// returns the request that waits meanwhile.
func (w *world) plants(b *stiletest.Browser, req signin.Request, email string) signin.Request {
	w.t.Helper()
	path, err := w.signIns.Begin(w.t.Context(), req)
	must(w.t, err)
	u, err := url.Parse(path)
	must(w.t, err)
	expect(w.t, b.Open(w.url+signin.SignUpPath+"?"+u.RawQuery), "sign-up", 200)
	p := expect(w.t, b.Submit(map[string]string{templates.FieldEmail: email}), "sign-up-sent", 200)
	links, _ := w.links(templates.MailSignUp)
	if len(links) != 1 {
		w.t.Fatalf("links %v", links)
	}
	w.toForm(b, links[0])
	return w.opened(p.Links("/login/sign-in")[0])
}

// A request that somebody else has begun leads no further here than it would by
// itself: it is another sign-in, at its first screen, and of the one link that it
// waited for. What wants another user does not go on at all.
func TestA05_ARequestOfSomebodyElseWaitsForALink(t *testing.T) {
	w := newSignUps(t)
	theirs := signin.Request{ID: "theirs", ClientID: "tool", ClientName: "Tool", Home: "/welcome", Return: "/welcome", Choose: true}
	b := w.browser()
	waits := w.plants(b, theirs, sam)
	p := expect(t, choose(b, fresh), "sign-in", 200)
	req := w.opened(p.URL.String())
	if waits.ID == theirs.ID || req.ID == theirs.ID || req.ID == waits.ID || req.ClientID != theirs.ClientID || req.Choose || !req.SomeoneElse ||
		!req.PasswordSet || req.LoginHint != sam || !req.Ask.Since.Equal(w.now()) {
		t.Errorf("%+v waits, and goes on with %+v", waits, req)
	}
	expect(t, b.Submit(map[string]string{templates.FieldPassword: fresh}), "welcome", 200)

	// Nothing waits for the next link, and it is of nobody who is signed in here.
	link := w.signUpLink("lee@sales.example")
	w.toForm(b, link)
	if req := w.opened(expect(t, choose(b, fresh), "sign-in", 200).URL.String()); req.ClientID != "" {
		t.Errorf("another link leads on to what waited for the first: %+v", req)
	}
	p = expect(t, b.Open(w.signUpLink(elsif)), "invitation", 200)
	if p = expect(t, b.Open(w.url+p.Links("/login/")[0]), "sign-in", 200); p.Field(templates.FieldEmail) != elsif {
		t.Errorf("a link to %s leads to %s", elsif, p)
	}

	// What was asked of another is left there: the newcomer signs in without it.
	theirs.Ask.Subject = w.elsif().User.ID
	b = w.browser()
	w.plants(b, theirs, "kim@sales.example")
	req = w.opened(expect(t, choose(b, fresh), "sign-in", 200).URL.String())
	if req.ClientID != "" || req.Ask.Subject == theirs.Ask.Subject {
		t.Errorf("what was asked of %s is answered by another: %+v", elsif, req)
	}
	expect(t, b.Submit(map[string]string{templates.FieldEmail: "kim@sales.example", templates.FieldPassword: fresh}), "welcome", 200)
}
