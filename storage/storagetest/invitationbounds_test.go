package storagetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"stile/storage"
)

// An account sends one address as few messages as anybody is sent, whether they
// are invitations one by one or of lists, and withdrawn or not.
func TestJ04_InvitationsToOneAddressAreBounded(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		ctx, n := t.Context(), 0
		invite := func(email string) error {
			n++
			return h.DB.Invite(ctx, []storage.InvitationToSend{invited(h.Account, email, fmt.Sprint("link", n))}, By)
		}
		imported := func(email string) error {
			n++
			row := storage.ImportRow{Line: 7, Email: email, Name: fmt.Sprint("Name ", n), Link: invited(h.Account, email, fmt.Sprint("link", n))}
			return second(h.DB.ImportUsers(ctx, h.Account.ID, []storage.ImportRow{row}, By))
		}
		refused := func(what string, err error, wait time.Duration) {
			t.Helper()
			var limited storage.LimitedError
			if !errors.As(err, &limited) || !limited.Until.Equal(h.Clock.Now().Add(wait)) {
				t.Errorf("%s: %v, want a wait of %v", what, err, wait)
			}
		}
		const iris = "iris@example.com"
		must(t, invite(iris))
		refused("at once", invite(iris), 30*time.Second)
		must(t, invite("ivo@example.com"))
		other := account(t, h.DB, "Other")
		must(t, h.DB.Invite(ctx, []storage.InvitationToSend{invited(other, iris, "of another")}, By))
		err := imported(iris)
		refused("by a list", err, 30*time.Second)
		var rows storage.RowErrors
		if !errors.As(err, &rows) || len(rows) != 1 || rows[0].Line != 7 {
			t.Errorf("by a list: %v, want its line", err)
		}
		open := got(h.DB.Invitations(ctx, h.Account.ID, "", 1))(t)
		must(t, h.DB.WithdrawInvitation(ctx, h.Account.ID, open[0].ID, By))
		refused("after it was withdrawn", invite(iris), 30*time.Second)
		for range 4 {
			h.Clock.Move(31 * time.Second)
			must(t, imported(iris))
		}
		h.Clock.Move(31 * time.Second)
		refused("five in an hour", invite(iris), time.Hour-5*31*time.Second)
		for range 5 {
			h.Clock.Move(time.Hour)
			must(t, invite(iris))
		}
		h.Clock.Move(time.Hour)
		refused("ten in a day", invite(iris), 18*time.Hour-5*31*time.Second)
	})
}

// What waits to be sent of an invitation goes with it.
func TestJ04_MessageOfAnInvitationThatIsGone(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		send := func(link string) {
			t.Helper()
			must(t, h.DB.Invite(ctx, []storage.InvitationToSend{invited(h.Account, "iris@example.com", link)}, By))
		}
		due := func() []string {
			t.Helper()
			var links []string
			for _, m := range got(h.DB.LeaseMail(ctx, 10, 0))(t) {
				links = append(links, m.Data["link"])
			}
			return links
		}
		send("first")
		same(t, "sent", due(), "first")
		h.Clock.Move(time.Minute)
		send("second")
		same(t, "replaced", due(), "second")
		open := got(h.DB.Invitations(ctx, h.Account.ID, "", 1))(t)
		must(t, h.DB.WithdrawInvitation(ctx, h.Account.ID, open[0].ID, By))
		same(t, "withdrawn", due())
	})
}
