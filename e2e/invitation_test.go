package e2e

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/config"
	"stile/manage"
	"stile/server"
	"stile/storage"
)

// invite invites an address to an account, as an app that is bound to it may,
// and returns the link of the message.
func (s *system) invite(t testing.TB, account, email string, change ...func(*storage.Invitation)) string {
	t.Helper()
	cfg, _, err := config.Load(s.Config(), nil)
	if err != nil {
		t.Fatal(err)
	}
	db, _, err := server.PrepareDatabase(t.Context(), cfg, s.clock.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	roster := s.registered(t, s.stile(t, "", "client", "create", "--json", "--type", "service", "--name", "Ada Admin", "--account", account, "--scope", "stile.users"))
	c, err := db.Client(t.Context(), roster.ID)
	if err != nil {
		t.Fatal(err)
	}
	who, err := manage.Client(c, []string{"stile.users"}, audit.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	i := storage.Invitation{Email: email, Name: "Iris Newcomer"}
	for _, apply := range change {
		apply(&i)
	}
	sent := len(s.box.Messages(email))
	if err := manage.New(db, s.Issuer, "", s.clock.Now).Invite(t.Context(), who, i); err != nil {
		t.Fatal(err)
	}
	until(t, "invitation of "+email, func() bool { return len(s.box.Messages(email)) > sent }, s.log)
	message := s.box.Messages(email)[0]
	link := invitationLink.FindString(message.Text)
	if link == "" || !strings.Contains(message.Text, "Ada Admin") || !strings.Contains(message.Text, account) {
		t.Fatalf("no invitation: %s", message.Text)
	}
	return link
}

var invitationLink = regexp.MustCompile(`(?m)^http://localhost:[0-9]+/invitation\?token=stm_[A-Za-z0-9_-]{43}$`)

// TestScreensOfAnInvitation goes from the message to the first sign-in, with a
// look at every state.
func TestScreensOfAnInvitation(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	account := s.newAccount(t, "required")
	link := s.invite(t, account, "iris@example.com")
	c := startChrome(t, phone)

	c.open(link)
	c.screen("invitation")
	c.inspect("invitation")
	c.submit()
	c.screen("new-password")
	if at := evaluate[string](c, "location.href"); at != s.Issuer+"/invitation" {
		t.Errorf("the form stands at %s", at)
	}
	c.inspect("new-password")
	c.refused("new-password", "", "new-password", "new-password-empty")
	c.refused("new-password", "short", "new-password", "new-password-short")
	c.refused("new-password", "password", "new-password", "new-password-common")
	c.refused("new-password", "iris-newcomer 1", "new-password", "new-password-personal")
	c.refused("new-password", strings.Repeat("long ", 60), "new-password", "new-password-long")
	c.fill("new-password", password)
	c.submit()
	c.screen("sign-in")
	c.inspect("1-sign-in-password-set")
	c.fill("password", password)
	c.submit()
	c.screen("two-step-introduction")
	app := c.enrol(s, person{account, "iris@example.com", password}, func(string) {})
	c.fill("code", app.Code())
	c.submit()
	c.screen("welcome")
	c.inspect("welcome")

	c.open(link)
	c.screen("error")
	c.inspect("error-invitation")
	c.open(s.invite(t, s.newAccount(t, "optional"), "iris@example.com"))
	c.screen("invitation")
	c.inspect("invitation-known")
	late := s.invite(t, account, "late@example.com")
	s.clock.Move(8 * 24 * time.Hour)
	c.open(late)
	c.screen("error")
}
