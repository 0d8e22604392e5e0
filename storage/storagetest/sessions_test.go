package storagetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// signInAs completes a sign-in of any user in a browser.
func (h *House) signInAs(t *testing.T, userID, oldBrowser, sessionID string) storage.Session {
	t.Helper()
	c := h.Completion(h.beginAs(t, userID))
	c.OldBrowser, c.SessionID = oldBrowser, sessionID
	session, err := h.DB.CompleteSignIn(t.Context(), c)
	must(t, err)
	return session
}

func (h *House) current(t *testing.T, browser string) string {
	t.Helper()
	v, err := h.DB.Session(t.Context(), browser, "")
	if errors.Is(err, storage.ErrNotFound) {
		return ""
	}
	must(t, err)
	return v.Session.ID
}

func TestG01_EveryRiseOfEvidenceChangesTheCookie(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		other := h.NewUser(t, "other@example.com")
		planted := h.signInAs(t, other.ID, "", "") // the attacker's cookie, set in the victim's browser
		h.Clock.Move(-time.Second)                 // another replica, whose clock is behind
		victim := h.signInAs(t, h.User.ID, planted.Browser, "")
		if victim.Browser == planted.Browser {
			t.Fatal("the cookie stays")
		}
		if got := h.current(t, planted.Browser); got != "" {
			t.Errorf("the old cookie opens session %s", got)
		}
		if got := h.current(t, victim.Browser); got != victim.ID {
			t.Errorf("the new cookie opens session %s, want %s", got, victim.ID)
		}
		all, err := h.DB.BrowserSessions(t.Context(), victim.Browser)
		must(t, err)
		if len(all) != 2 || all[0].Session.ID != victim.ID || all[1].Session.ID != planted.ID {
			t.Errorf("sessions of the browser: %+v", all)
		}

		h.Clock.Move(time.Minute)
		again := h.signInAs(t, h.User.ID, victim.Browser, victim.ID)
		if again.ID != victim.ID || again.Browser == victim.Browser {
			t.Errorf("step-up: session %s in %s", again.ID, again.Browser)
		}
		if got := h.current(t, victim.Browser); got != "" {
			t.Errorf("the cookie of before the step-up opens session %s", got)
		}
		v, err := h.DB.Session(t.Context(), again.Browser, "")
		must(t, err)
		if !v.Session.Evidence.AuthTime().Equal(h.Clock.Now()) || v.Person.User.SignedInAt == nil || !v.Person.User.SignedInAt.Equal(h.Clock.Now()) {
			t.Errorf("session %+v", v.Session)
		}
		if n := h.Count(t, `SELECT count(*) FROM sessions`); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}

func TestG01_SignInGoesOnOnlyWithItsOwnSession(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		other := h.NewUser(t, "other@example.com")
		theirs, mine := h.signInAs(t, other.ID, "", ""), h.SignedIn(t)
		for name, c := range map[string]struct{ session, browser string }{
			"another user's session":     {theirs.ID, theirs.Browser},
			"session of another browser": {mine.ID, theirs.Browser},
			"no such session":            {"x", mine.Browser},
		} {
			s := h.Begin(t)
			completion := h.Completion(s)
			completion.SessionID, completion.OldBrowser = c.session, c.browser
			_, err := h.DB.CompleteSignIn(t.Context(), completion)
			want(t, name, err, storage.ErrConflict)
			if _, err := h.DB.SaveProgress(t.Context(), s); err != nil {
				t.Errorf("%s: the sign-in was spent: %v", name, err)
			}
		}
		completion := h.Completion(h.Begin(t))
		completion.OldBrowser, completion.NewBrowser = mine.Browser, mine.Browser
		if _, err := h.DB.CompleteSignIn(t.Context(), completion); err == nil {
			t.Error("completed without a new cookie")
		}
	})
}

// Two windows of a browser complete a sign-in: the slower one doesn't know of
// the session that the faster one made. No second live session stays behind.
func TestSessionOfTheSameUserIsNotLeftBehind(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		first := h.SignedIn(t)
		second := h.signInAs(t, h.User.ID, first.Browser, "")
		if n := h.Count(t, `SELECT count(*) FROM sessions WHERE ended_at IS NULL`); n != 1 {
			t.Errorf("%d live sessions, want 1", n)
		}
		if got := h.current(t, second.Browser); got != second.ID {
			t.Errorf("session %s", got)
		}
	})
}

func TestG06_SessionsOfAUserAreBounded(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		other := h.NewUser(t, "other@example.com")
		h.signInAs(t, other.ID, "", "")
		var sessions []storage.Session
		for range 50 {
			h.Clock.Move(time.Second)
			sessions = append(sessions, h.SignedIn(t))
		}
		oldest := h.Grant(t, sessions[0])
		must(t, h.DB.ChooseSession(t.Context(), sessions[1].Browser, h.Name("browser"), sessions[1].ID)) // used just now
		h.Clock.Move(time.Second)
		must(t, h.DB.ChooseSession(t.Context(), sessions[0].Browser, h.Name("browser"), sessions[0].ID))
		h.Clock.Move(time.Second)
		h.SignedIn(t)
		if n := h.Count(t, `SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL`, h.User.ID); n != 50 {
			t.Errorf("%d sessions, want 50", n)
		}
		if got := h.current(t, sessions[2].Browser); got != "" {
			t.Error("the one that was longest unused is still there")
		}
		if n := h.Count(t, `SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL`, other.ID); n != 1 {
			t.Error("another user's session has ended")
		}
		if _, err := h.DB.Grant(t.Context(), oldest.ID); err != nil {
			t.Errorf("grant of a session that lives: %v", err)
		}
	})
}

func TestPresentSessionIsTheOneChosenLast(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		other := h.NewUser(t, "other@example.com")
		a := h.signInAs(t, other.ID, "", "")
		h.Clock.Move(time.Hour)
		b := h.signInAs(t, h.User.ID, a.Browser, "")
		if got := h.current(t, b.Browser); got != b.ID {
			t.Errorf("present session %s, want the newest", got)
		}
		h.Clock.Move(-time.Second) // another replica, whose clock is behind
		must(t, h.DB.ChooseSession(t.Context(), b.Browser, "next", a.ID))
		if got := h.current(t, "next"); got != a.ID {
			t.Errorf("present session %s, want the chosen one", got)
		}
		if got := h.current(t, b.Browser); got != "" {
			t.Errorf("the cookie of before still stands for %s", got)
		}
		for what, browser := range map[string]string{"another browser's session": h.Name("browser"), "with the cookie of before": b.Browser} {
			want(t, what, h.DB.ChooseSession(t.Context(), browser, "stolen", a.ID), storage.ErrConflict)
		}
		if h.DB.ChooseSession(t.Context(), "next", "next", a.ID) == nil || h.DB.ChooseSession(t.Context(), "next", "", a.ID) == nil {
			t.Error("chosen without a new cookie")
		}

		// The chosen one is over before the other: its user has to sign in, and
		// nobody becomes the other user without a word.
		h.Clock.Move(11*time.Hour + time.Minute)
		h.nobody(t, "next", "was over")
		want(t, "choosing what is over", h.DB.ChooseSession(t.Context(), "next", "then", a.ID), storage.ErrConflict)
		must(t, h.DB.RemoveExpired(t.Context()))
		h.nobody(t, "next", "was removed")
		must(t, h.DB.ChooseSession(t.Context(), "next", "then", b.ID))
		if got := h.current(t, "then"); got != b.ID {
			t.Errorf("present session %s", got)
		}
	})
}

// nobody fails unless a browser, in which others wait, is in nobody's hands.
func (h *House) nobody(t *testing.T, browser, when string) {
	t.Helper()
	if got := h.current(t, browser); got != "" {
		t.Errorf("present session %s after the chosen one %s", got, when)
	}
	view, err := h.DB.OpenSignIn(t.Context(), h.Key(), browser, nil)
	if err != nil || view.Session != nil || view.Person != nil {
		t.Errorf("after the chosen one %s: %+v, %v", when, view, err)
	}
	if list := got(h.DB.BrowserSessions(t.Context(), browser))(t); len(list) != 1 {
		t.Errorf("%d sessions wait", len(list))
	}
}

// However the present session ends, no other user of the browser takes its place.
func TestG05_NobodyStepsInForAnEndedSession(t *testing.T) {
	for how, end := range map[string]func(*testing.T, *House, storage.Session) error{
		"signed out by an admin": func(t *testing.T, h *House, s storage.Session) error {
			return h.DB.SignOutUser(t.Context(), s.UserID, By)
		},
		"signed out from another browser": func(t *testing.T, h *House, s storage.Session) error {
			return h.DB.EndOwnSession(t.Context(), s.UserID, s.ID, Event(audit.SessionEnded))
		},
		"signed out by an app": func(t *testing.T, h *House, s storage.Session) error {
			return h.DB.EndSession(t.Context(), s.ID, "client", By)
		},
		"another password": func(t *testing.T, h *House, s storage.Session) error {
			return h.DB.SetPassword(t.Context(), s.UserID, "$argon2id$next", By)
		},
		"deleted": func(t *testing.T, h *House, s storage.Session) error {
			return h.DB.DeleteUser(t.Context(), s.UserID, By)
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			Each(t, func(t *testing.T, h *House) {
				other := h.NewUser(t, "other@example.com")
				a := h.signInAs(t, other.ID, "", "")
				b := h.signInAs(t, h.User.ID, a.Browser, "")
				must(t, end(t, h, b))
				h.nobody(t, b.Browser, "has ended")
				must(t, h.DB.ChooseSession(t.Context(), b.Browser, "next", a.ID))
				if got := h.current(t, "next"); got != a.ID {
					t.Errorf("present session %q", got)
				}
			})
		})
	}
}

func TestG05_EvidenceIsOneUsers(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		other := h.NewUser(t, "other@example.com")
		theirs := h.signInAs(t, other.ID, "", "")
		s := h.Begin(t) // the house's user, in the same browser
		view, err := h.DB.OpenSignIn(t.Context(), s.Key, theirs.Browser, nil)
		must(t, err)
		if view.SignIn == nil || view.Person.User.ID != h.User.ID || view.Session != nil {
			t.Errorf("a sign-in of one user sees session %+v", view.Session)
		}
	})
}

func TestConsentComesWithTheSession(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.SignedIn(t)
		must(t, h.DB.GiveConsent(t.Context(), h.User.ID, h.Client, "openid", nil, Event(audit.ConsentGiven)))
		must(t, h.DB.GiveConsent(t.Context(), h.User.ID, h.Client, "openid email", []storage.Mail{{Kind: "app-allowed"}}, Event(audit.ConsentGiven)))
		for client, scope := range map[string]string{h.Client.ID: "openid email", "other": "", "": ""} {
			if v, err := h.DB.Session(t.Context(), s.Browser, client); err != nil || v.Consent != scope {
				t.Errorf("consent for %q: %q, %v", client, v.Consent, err)
			}
		}
		if v, err := h.DB.Grant(t.Context(), h.Grant(t, s).ID); err != nil || v.Consent != "openid email" {
			t.Errorf("consent of the grant: %q, %v", v.Consent, err)
		}
	})
}

// What was allowed holds for the registration that the user was told of.
func TestConsentEndsWhenTheClientReachesFurther(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		other, err := h.DB.CreateClient(ctx, storage.Client{ID: "other", Metadata: h.Client.Metadata}, By)
		must(t, err)
		another := h.NewUser(t, "another@example.com")
		for _, u := range []string{h.User.ID, another.ID} {
			must(t, h.DB.GiveConsent(ctx, u, h.Client, "openid", nil, Event(audit.ConsentGiven)))
			must(t, h.DB.GiveConsent(ctx, u, other, "openid", nil, Event(audit.ConsentGiven)))
		}
		consents := func(id string) int64 { return h.Count(t, `SELECT count(*) FROM consents WHERE client_id = $1`, id) }
		told := func() string {
			list, err := h.DB.Events(ctx, storage.EventFilter{ClientID: h.Client.ID, Kind: audit.ClientChanged, Limit: 1})
			must(t, err)
			return list[0].Detail["consents_ended"]
		}
		update := func(change func(*storage.Client)) storage.Client {
			h.Clock.Move(time.Second) // for told
			c, err := h.DB.UpdateClient(ctx, h.Client.ID, func(c *storage.Client) error { change(c); return nil }, By)
			must(t, err)
			return c
		}
		update(func(c *storage.Client) { c.Metadata.Name, c.Metadata.Scope = "Another name", "openid" })
		if n := consents(h.Client.ID); n != 2 || told() != "" {
			t.Errorf("%d consents after a change that reaches no further, %q told", n, told())
		}
		grown := update(func(c *storage.Client) {
			c.Metadata.RedirectURIs = append(c.Metadata.RedirectURIs, "https://elsewhere.example/callback")
		})
		if n := consents(h.Client.ID); n != 0 || told() != "2" {
			t.Errorf("%d consents after a further redirect URI, %q told", n, told())
		}
		if n := consents("other"); n != 2 {
			t.Errorf("%d consents of another client", n)
		}
		// Whoever was told of the old registration says nothing about the new one.
		err = h.DB.GiveConsent(ctx, h.User.ID, h.Client, "openid", []storage.Mail{{Kind: "app-allowed"}}, Event(audit.ConsentGiven))
		want(t, "consent to the registration before", err, storage.ErrConflict)
		if n := consents(h.Client.ID) + h.Count(t, `SELECT count(*) FROM outbox`); n != 0 {
			t.Errorf("%d left of a refused consent", n)
		}
		must(t, h.DB.GiveConsent(ctx, h.User.ID, grown, "openid", nil, Event(audit.ConsentGiven)))
		// The same by a file of what is wanted.
		h.Clock.Move(time.Second)
		_, err = h.DB.Apply(ctx, storage.Desired{Clients: []storage.DesiredClient{{ID: h.Client.ID, Metadata: h.Client.Metadata}}}, storage.ApplyOptions{}, By)
		must(t, err)
		if n := consents(h.Client.ID); n != 0 || told() != "1" {
			t.Errorf("%d consents after apply, %q told", n, told())
		}
	})
}

func TestUseIsWrittenOnceAMinute(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.SignedIn(t)
		seen := func() time.Duration {
			v, err := h.DB.Session(t.Context(), s.Browser, "")
			must(t, err)
			return v.Session.SeenAt.Sub(s.SeenAt)
		}
		for _, c := range []struct{ move, wanted time.Duration }{{59 * time.Second, 0}, {time.Second, time.Minute}, {time.Second, time.Minute}} {
			h.Clock.Move(c.move)
			must(t, h.DB.TouchSession(t.Context(), s.ID))
			if got := seen(); got != c.wanted {
				t.Errorf("seen after %v, want %v", got, c.wanted)
			}
		}
		h.Clock.Move(2 * time.Minute)
		issue := h.Issue(t, s)
		_, err := h.DB.IssueCode(t.Context(), issue)
		must(t, err)
		if got := seen(); got != time.Minute {
			t.Errorf("a code without its user there counts as use: %v", got)
		}
		issue = h.Issue(t, s)
		issue.Touch = true
		_, err = h.DB.IssueCode(t.Context(), issue)
		must(t, err)
		if got := seen(); got != 3*time.Minute+time.Second {
			t.Errorf("seen after %v", got)
		}
	})
}

func TestF03_SignOutEndsWhatHangsOnTheSession(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		other := h.NewUser(t, "other@example.com")
		theirs := h.signInAs(t, other.ID, "", "")
		s := h.signInAs(t, h.User.ID, theirs.Browser, "")
		online := h.Grant(t, s)
		issue := h.Issue(t, s)
		issue.Grant.Offline = true
		_, err := h.DB.IssueCode(t.Context(), issue)
		must(t, err)
		offline, err := h.DB.RedeemCode(t.Context(), issue.CodeHash, h.Redeem("offline access"))
		must(t, err)
		elsewhere := h.Grant(t, h.SignedIn(t))

		must(t, h.DB.EndSessions(t.Context(), s.Browser, "signed_out", By))
		if got := h.current(t, s.Browser); got != "" {
			t.Errorf("session %s", got)
		}
		_, err = h.DB.Grant(t.Context(), online.ID)
		want(t, "grant of the session", err, storage.ErrNotFound)
		for name, id := range map[string]string{"offline": offline.Grant.ID, "elsewhere": elsewhere.ID} {
			if _, _, err := h.DB.RotateRefresh(t.Context(), id, 1, h.Rotate(h.Name("access"))); err != nil {
				t.Errorf("grant %s: %v", name, err)
			}
		}
		if _, err := h.DB.GrantByAccess(t.Context(), "offline access"); err != nil {
			t.Errorf("access token of an offline grant: %v", err)
		}
		lines := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = $1`, audit.SessionEnded)
		must(t, h.DB.EndSessions(t.Context(), s.Browser, "signed_out", By))
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = $1`, audit.SessionEnded); lines != 2 || n != 2 {
			t.Errorf("%d and then %d lines in the audit log, want 2", lines, n)
		}
	})
}

func TestE05_EvidenceIsStoredAsItWasProven(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		id := h.Enrol(t)
		s, err := h.DB.ProveTOTP(t.Context(), h.TOTPProof(h.Begin(t), id, 1001))
		must(t, err)
		session, err := h.DB.CompleteSignIn(t.Context(), h.Completion(s))
		must(t, err)
		v, err := h.DB.Session(t.Context(), session.Browser, "")
		must(t, err)
		if got := fmt.Sprint(v.Session.Evidence.AMR()); got != "[mfa otp pwd]" || v.Session.Evidence.Of(v.Person.Subject).Level() != authn.LevelMFA {
			t.Errorf("session proves %s", got)
		}
		grant := h.Grant(t, session)
		at := session.Evidence.AuthTime()
		h.Clock.Move(time.Hour)
		later := h.signInAs(t, h.User.ID, session.Browser, session.ID) // the password alone, later
		if later.ID != session.ID {
			t.Fatal("another session")
		}
		view, _, err := h.DB.RotateRefresh(t.Context(), grant.ID, 1, h.Rotate("access"))
		must(t, err)
		if !view.Grant.Evidence.AuthTime().Equal(at) || view.Grant.ACR != "multi-factor" {
			t.Errorf("the grant's evidence moved: %+v", view.Grant.Evidence)
		}
		access, err := h.DB.GrantByAccess(t.Context(), "access")
		must(t, err)
		if !access.Grant.Evidence.AuthTime().Equal(at) || access.Scope != "openid" || !access.IssuedAt.Equal(h.Clock.Now()) {
			t.Errorf("access token %+v", access)
		}
	})
}
