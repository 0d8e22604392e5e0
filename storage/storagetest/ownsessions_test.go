package storagetest

import (
	"errors"
	"testing"

	"stile/audit"
	"stile/storage"
)

func TestOwnSessionsEndOneByOne(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		here, there := h.SignedIn(t), h.SignedIn(t)
		stranger := h.NewUser(t, "stranger@example.com")
		if n := len(got(h.DB.OwnSessions(ctx, h.User.ID))(t)); n != 2 {
			t.Fatalf("%d sessions of two", n)
		}
		err := h.DB.EndOwnSession(ctx, stranger.ID, there.ID, Event(audit.SessionEnded))
		if !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("G05 somebody else's session: %v", err)
		}
		must(t, h.DB.EndOwnSession(ctx, h.User.ID, there.ID, Event(audit.SessionEnded)))
		if err := h.DB.EndOwnSession(ctx, h.User.ID, there.ID, Event(audit.SessionEnded)); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		list := got(h.DB.OwnSessions(ctx, h.User.ID))(t)
		if len(list) != 1 || list[0].ID != here.ID || list[0].Browser != here.Browser {
			t.Errorf("left: %+v", list)
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'session.ended' AND session_id = $1`, there.ID); n != 1 {
			t.Errorf("%d lines in the audit log", n)
		}
	})
}

func TestOwnAppsAndTakingThemBack(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		g := h.Grant(t, h.SignedIn(t))
		must(t, h.DB.GiveConsent(ctx, h.User.ID, got(h.DB.Client(ctx, g.ClientID))(t), "openid email", nil, Event(audit.ConsentGiven)))
		list := got(h.DB.OwnApps(ctx, h.User.ID))(t)
		if len(list) != 1 || list[0].ClientID != g.ClientID || list[0].Scope != "openid email" || list[0].Signed != 1 || list[0].Since == nil {
			t.Fatalf("apps: %+v", list)
		}
		names := map[string]string{g.ClientID: "", "gone": "gone"}
		must(t, h.DB.ClientNames(ctx, names))
		if names["gone"] != "gone" || names[g.ClientID] != list[0].Metadata.Name {
			t.Errorf("names: %v", names)
		}
		stranger := h.NewUser(t, "stranger@example.com")
		if err := h.DB.EndApp(ctx, stranger.ID, g.ClientID, Event(audit.GrantEnded)); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("for somebody else: %v", err)
		}
		must(t, h.DB.EndApp(ctx, h.User.ID, g.ClientID, Event(audit.GrantEnded)))
		if list := got(h.DB.OwnApps(ctx, h.User.ID))(t); len(list) != 0 {
			t.Errorf("after taking it back: %+v", list)
		}
		if n := h.Count(t, `SELECT count(*) FROM grants WHERE ended_at IS NULL`) + h.Count(t, `SELECT count(*) FROM consents`); n != 0 {
			t.Errorf("%d grants and consents are left", n)
		}
	})
}

func TestSigningOutElsewhereKeepsThisBrowser(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		here, there := h.SignedIn(t), h.SignedIn(t)
		h.Grant(t, there)
		pending := h.Begin(t)
		other := h.NewUser(t, "other@example.com")
		theirs := h.signInAs(t, other.ID, here.Browser, "")
		wantError(t, "in a browser that has another cookie", h.DB.EndOthers(ctx, h.own(t, here), here.Browser, "new cookie", Event(audit.SessionEnded)), storage.ErrConflict)
		must(t, h.DB.EndOthers(ctx, h.own(t, here), theirs.Browser, "new cookie", Event(audit.SessionEnded)))
		if h.current(t, theirs.Browser) != "" || h.current(t, "new cookie") != theirs.ID {
			t.Error("a copy of the cookie still opens, or the browser has lost its users")
		}
		list := got(h.DB.OwnSessions(ctx, h.User.ID))(t)
		if len(list) != 1 || list[0].ID != here.ID {
			t.Errorf("left: %+v", list)
		}
		if n := h.Count(t, `SELECT count(*) FROM grants WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d grants are left", n)
		}
		if _, err := h.DB.CompleteSignIn(ctx, h.Completion(pending)); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("a sign-in that was under way elsewhere: %v", err)
		}
	})
}

// Who signs a browser out ends what apps got in it, offline access too, and
// nothing else.
func TestG05_EndedOwnSessionTakesItsGrants(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		here, there := h.SignedIn(t), h.SignedIn(t)
		plain, kept := h.Grant(t, there), h.Grant(t, here)
		issue := h.Issue(t, there)
		issue.Grant.Offline = true
		must(t, second(h.DB.IssueCode(ctx, issue)))
		offline := got(h.DB.RedeemCode(ctx, issue.CodeHash, h.Redeem("offline access")))(t).Grant
		stranger := h.NewUser(t, "stranger@example.com")
		if err := h.DB.EndOwnSession(ctx, stranger.ID, there.ID, Event(audit.SessionEnded)); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("somebody else's: %v", err)
		}
		if _, err := h.DB.GrantByAccess(ctx, "offline access"); err != nil {
			t.Errorf("before: %v", err)
		}
		must(t, h.DB.EndOwnSession(ctx, h.User.ID, there.ID, Event(audit.SessionEnded)))
		if _, err := h.DB.GrantByAccess(ctx, "offline access"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("the access token of the offline grant: %v", err)
		}
		live := func(id string) int64 {
			return h.Count(t, `SELECT count(*) FROM grants WHERE id = $1 AND ended_at IS NULL`, id)
		}
		if live(plain.ID) != 0 || live(offline.ID) != 0 || live(kept.ID) != 1 {
			t.Errorf("live: %d of the session, %d offline, %d of another session", live(plain.ID), live(offline.ID), live(kept.ID))
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'session.ended' AND detail LIKE '%"grants_ended":"2"%'`); n != 1 {
			t.Errorf("%d lines tell of two grants", n)
		}
	})
}
