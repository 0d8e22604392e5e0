package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

const aDay = 24 * time.Hour

// trustFor lets browsers of the house's account be trusted.
func (h *House) trustFor(t testing.TB, days int) {
	t.Helper()
	_, err := h.DB.UpdatePolicy(t.Context(), h.Account.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.SetTrustDays(days)
		return s.Policy, nil
	}, By)
	must(t, err)
}

// trusting is the end of a sign-in in a browser that is trusted from then on.
func (h *House) trusting(t testing.TB, userID, hash string, days int) storage.Completion {
	t.Helper()
	c := h.Completion(h.beginAs(t, userID))
	c.Trust = &storage.NewTrust{
		Hash: hash, Until: h.Clock.Now().Add(time.Duration(days) * aDay), PolicyVersion: h.Person(t).Policy.Version,
		Mails: []storage.Mail{{Kind: "browser-trusted", To: h.User.Email}},
	}
	return c
}

func (h *House) trust(t testing.TB, hash string) storage.Session {
	t.Helper()
	return got(h.DB.CompleteSignIn(t.Context(), h.trusting(t, h.User.ID, hash, 14)))(t)
}

// liveTrust counts the trusted browsers that are one now.
func (h *House) liveTrust(t testing.TB) int64 {
	t.Helper()
	return h.Count(t, `SELECT count(*) FROM trusted_browsers WHERE ended_at IS NULL AND expires_at > $1`, h.Clock.Now().UnixMicro())
}

// A trusted browser is found by the sign-in's user with its hash, and by the
// session and the grants that name it; by nobody else.
func TestL05_TrustedBrowserIsOfOneUserAndOneToken(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.trustFor(t, 14)
		s := h.trust(t, "token")
		other := h.NewUser(t, "other@example.com")
		view := got(h.DB.Session(ctx, s.Browser, ""))(t)
		if b := view.Person.Trusted; b == nil || b.ID != s.TrustedID || b.UserAgent != "Firefox" || b.Network != "192.0.2.1" || view.Person.Subject.Trusted.ID != b.ID {
			t.Fatalf("the session's trusted browser: %+v of %q", b, s.TrustedID)
		}
		for name, c := range map[string]struct {
			user   string
			hashes []string
			want   bool
		}{
			"the token":              {h.User.ID, []string{"other token", "token"}, true},
			"another token":          {h.User.ID, []string{"other token"}, false},
			"none":                   {h.User.ID, nil, false},
			"of another user":        {other.ID, []string{"token"}, false},
			"the id in its place":    {h.User.ID, []string{s.TrustedID}, false},
			"an empty one, and none": {h.User.ID, []string{""}, false},
		} {
			n := h.beginAs(t, c.user)
			before := h.DB.Statements()
			v := got(h.DB.OpenSignIn(ctx, n.Key, "", c.hashes))(t)
			if sent := h.DB.Statements() - before; sent != 1 {
				t.Errorf("%s: %d statements", name, sent)
			}
			if found := v.Person.Trusted != nil; found != c.want || found != (v.Person.Subject.Trusted.ID != "") {
				t.Errorf("%s: %v", name, found)
			}
		}
		// Where nothing was proven yet, it is the session's, whatever the cookie says.
		if v := got(h.DB.OpenSignIn(ctx, h.Key(), s.Browser, []string{"other token"}))(t); v.Person.Trusted == nil {
			t.Error("a sign-in that begins in the session does not know its trusted browser")
		}
		if v := got(h.DB.OpenSignIn(ctx, h.Key(), h.SignedIn(t).Browser, []string{"token"}))(t); v.Person.Trusted != nil {
			t.Error("a session that names none has one")
		}
		i := h.Issue(t, s)
		i.Grant.TrustedID = s.TrustedID
		got(h.DB.IssueCode(ctx, i))(t)
		if v := got(h.DB.RedeemCode(ctx, i.CodeHash, h.Redeem("access")))(t); v.Person.Trusted == nil || v.Person.Trusted.ID != s.TrustedID {
			t.Errorf("of the grant: %+v", v.Person.Trusted)
		}
		if v := got(h.DB.GrantByAccess(ctx, "access"))(t); v.Person.Trusted == nil {
			t.Error("of the access token: none")
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'trusted_browser.added' AND subject_id = $1 AND session_id = $2`, h.User.ID, s.ID) +
			h.Count(t, `SELECT count(*) FROM outbox WHERE kind = 'browser-trusted'`); n != 2 {
			t.Errorf("%d lines and messages", n)
		}
	})
}

// Whatever ends sessions and grants for the sake of the sign-in ends the trusted
// browsers in the same transaction.
func TestL05_WhatEndsTrustedBrowsers(t *testing.T) {
	t.Parallel()
	acts := map[string]func(t *testing.T, h *House, s storage.Session) error{
		"another password": func(t *testing.T, h *House, s storage.Session) error {
			return h.DB.ChangePassword(t.Context(), storage.PasswordChange{
				UserID: h.User.ID, Version: h.Person(t).User.PasswordVersion, Password: "$new", SessionID: s.ID, OldBrowser: s.Browser, NewBrowser: h.Name("browser"),
				KeepGrants: true, Event: Event(audit.PasswordChanged),
			})
		},
		"a password that was set": func(t *testing.T, h *House, _ storage.Session) error {
			return h.DB.SetPassword(t.Context(), h.User.ID, "$new", By)
		},
		"a password by e-mail": func(t *testing.T, h *House, _ storage.Session) error {
			h.link(t, storage.ResetLink, "link", true)
			return h.reset(h.DB, t, "link")
		},
		"another app": func(t *testing.T, h *House, _ storage.Session) error { return h.enrol(t.Context(), h.DB) },
		"reset by an admin": func(t *testing.T, h *House, _ storage.Session) error {
			return h.DB.ResetAuthenticator(t.Context(), h.User.ID, By)
		},
		"signed out by one": func(t *testing.T, h *House, _ storage.Session) error {
			return h.DB.SignOutUser(t.Context(), h.User.ID, By)
		},
		"signed out of all": func(t *testing.T, h *House, s storage.Session) error {
			return h.DB.EndOthers(t.Context(), h.own(t, s), s.Browser, h.Name("browser"), Event(audit.SessionEnded))
		},
		"another address": changed(func(u *storage.User) { u.Email = "new@example.com" }),
		"another address by one's own wish": func(t *testing.T, h *House, s storage.Session) error {
			hash := h.Name("link")
			h.askAddress(t, s, h.Name("new")+"@example.com", hash)
			return h.DB.ConfirmAddress(t.Context(), h.confirmation(t, s, hash))
		},
		"switched off": changed(func(u *storage.User) { at := time.Now(); u.DisabledAt = &at }),
		"not me": func(t *testing.T, h *House, _ storage.Session) error {
			h.notice(t, "link", "")
			return h.DB.SayNotMe(t.Context(), "link", By)
		},
		"a passkey less": func(t *testing.T, h *House, _ storage.Session) error {
			return h.DB.RemovePasskey(t.Context(), h.removal(t, h.passkey(t)))
		},
		"forgotten": func(t *testing.T, h *House, s storage.Session) error {
			return h.DB.ForgetTrusted(t.Context(), h.own(t, s), s.TrustedID, Event(audit.BrowserForgotten))
		},
		"all are forgotten": func(t *testing.T, h *House, s storage.Session) error {
			return h.DB.ForgetTrusted(t.Context(), h.own(t, s), "", Event(audit.BrowserForgotten))
		},
		"no days any more": func(t *testing.T, h *House, _ storage.Session) error { h.trustFor(t, 0); return nil },
		"14 days":          func(_ *testing.T, h *House, _ storage.Session) error { h.Clock.Move(14 * aDay); return nil },
		"no more than a day": func(t *testing.T, h *House, _ storage.Session) error {
			h.Clock.Move(aDay)
			h.trustFor(t, 1)
			return nil
		},
	}
	Each(t, func(t *testing.T, h *House) {
		h.trustFor(t, 14)
		h.Enrol(t)
		for name, act := range acts {
			_ = second(h.DB.UpdateUser(t.Context(), h.User.ID, func(u *storage.User) error { u.DisabledAt, u.Email = nil, "agent@example.com"; return nil }, By))
			h.trustFor(t, 14)
			if h.Person(t).TOTP == nil {
				h.Enrol(t)
			}
			if name == "a passkey less" {
				h.AddPasskey(t, "credential")
			}
			s := h.trust(t, h.Name("token"))
			if h.liveTrust(t) != 1 {
				t.Fatalf("%s: %d trusted browsers before", name, h.liveTrust(t))
			}
			if err := act(t, h, s); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if n := h.liveTrust(t); n != 0 {
				t.Errorf("%s: %d are left", name, n)
			}
			h.trustFor(t, 30) // a longer time brings none back
			if n := h.liveTrust(t); n != 0 {
				t.Errorf("%s, and 30 days: %d are back", name, n)
			}
			h.Clock.Move(time.Hour)
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'trusted_browser.forgotten' AND detail LIKE '%trusted_browsers_ended%'`); n != 2 {
			t.Errorf("%d lines about what was forgotten", n)
		}
	})
}

func changed(change func(*storage.User)) func(*testing.T, *House, storage.Session) error {
	return func(t *testing.T, h *House, _ storage.Session) error {
		return second(h.DB.UpdateUser(t.Context(), h.User.ID, func(u *storage.User) error { change(u); return nil }, By))
	}
}

func (h *House) passkey(t testing.TB) string {
	t.Helper()
	return got(h.DB.Passkeys(t.Context(), h.User.ID))(t)[0].ID
}

// What was decided before a browser was forgotten is not done after it.
func TestL05_DecisionsBeforeForgettingAreVoid(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.trustFor(t, 14)
		s := h.trust(t, "token")
		i, code := h.Issue(t, s), h.Issue(t, s)
		got(h.DB.IssueCode(ctx, code))(t)
		pending := h.Completion(h.Begin(t))
		pending.TrustedID = s.TrustedID
		forget := func() error { return h.DB.ForgetTrusted(ctx, h.own(t, s), s.TrustedID, Event(audit.BrowserForgotten)) }
		judged := 0
		_, err := h.DB.RedeemCode(ctx, code.CodeHash, func(v storage.GrantView) (storage.Redemption, error) {
			if judged++; judged == 1 {
				must(t, forget()) // between reading and writing
			}
			return h.Redeem("access")(v)
		})
		if err != nil || judged != 2 {
			t.Errorf("the code was judged %d times: %v", judged, err)
		}
		s2 := h.trust(t, "token 1")
		v := got(h.DB.Grant(ctx, h.Grant(t, s2).ID))(t)
		judged = 0
		_, _, err = h.DB.RotateRefresh(ctx, v.Grant.ID, 1, func(v storage.GrantView) (storage.Rotation, error) {
			if judged++; judged == 1 {
				must(t, h.DB.ForgetTrusted(ctx, h.own(t, s2), "", Event(audit.BrowserForgotten)))
			}
			return h.Rotate("refreshed")(v)
		})
		if err != nil || judged != 2 {
			t.Errorf("the refresh was judged %d times: %v", judged, err)
		}
		if _, err := h.DB.IssueCode(ctx, i); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("a code: %v", err)
		}
		if _, err := h.DB.CompleteSignIn(ctx, pending); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("a sign-in: %v", err)
		}
		if err := forget(); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		stranger := h.NewUser(t, "stranger@example.com")
		theirs := h.signInAs(t, stranger.ID, "", "")
		s = h.trust(t, "token 2")
		err = h.DB.ForgetTrusted(ctx, storage.Own{UserID: stranger.ID, SessionID: theirs.ID, Epoch: stranger.Epoch}, s.TrustedID, Event(audit.BrowserForgotten))
		if !errors.Is(err, storage.ErrNotFound) || h.liveTrust(t) != 1 {
			t.Errorf("G05 somebody else's: %v", err)
		}
	})
}

func TestTrustedBrowsersAreBoundedAndRemoved(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		h.trustFor(t, 14)
		first := h.trust(t, "first")
		for range 20 {
			h.Clock.Move(time.Minute)
			h.trust(t, h.Name("token"))
		}
		list := got(h.DB.OwnTrusted(ctx, h.User.ID))(t)
		if len(list) != 20 || list[19].ID == first.TrustedID || !list[0].Since.After(list[1].Since) {
			t.Errorf("%d trusted browsers, the last is %+v", len(list), list[len(list)-1])
		}
		// The token of a browser that is trusted anew is void.
		h.Clock.Move(time.Minute)
		c := h.trusting(t, h.User.ID, "renewed", 14)
		c.Trust.Replaces = h.textOf(t, `SELECT hash FROM trusted_browsers WHERE id = $1`, list[0].ID)
		got(h.DB.CompleteSignIn(ctx, c))(t)
		again := got(h.DB.OwnTrusted(ctx, h.User.ID))(t)
		if len(again) != 20 || again[1].ID != list[1].ID || again[19].ID != list[19].ID {
			t.Errorf("after one was renewed: %d", len(again))
		}
		// Nobody trusts a browser in a sign-in that was overtaken.
		c = h.trusting(t, h.User.ID, "late", 14)
		must(t, h.DB.SignOutUser(ctx, h.User.ID, By))
		if _, err := h.DB.CompleteSignIn(ctx, c); !errors.Is(err, storage.ErrConflict) || h.liveTrust(t) != 0 {
			t.Errorf("overtaken: %v, %d trusted", err, h.liveTrust(t))
		}
		// Nor by a policy that has changed meanwhile.
		c = h.trusting(t, h.User.ID, "by another policy", 14)
		h.trustFor(t, 7)
		if _, err := h.DB.CompleteSignIn(ctx, c); !errors.Is(err, storage.ErrConflict) || h.liveTrust(t) != 0 {
			t.Errorf("by another policy: %v, %d trusted", err, h.liveTrust(t))
		}
		h.Clock.Move(31 * aDay)
		must(t, h.DB.RemoveExpired(ctx))
		if n := h.Count(t, `SELECT count(*) FROM trusted_browsers`); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

func (h *House) textOf(t testing.TB, query string, args ...any) (text string) {
	t.Helper()
	must(t, h.raw.QueryRowContext(context.WithoutCancel(t.Context()), query, args...).Scan(&text))
	return text
}

// Days that an account leaves open are the installation's; none at all is a
// decision of its own.
func TestTrustDaysFollowTheInstallation(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		defaults := storage.DefaultPolicy()
		defaults.SetTrustDays(7)
		db := got(storage.Open(t.Context(), h.URL, storage.Options{Ring: Ring(), Now: h.Clock.Now, Defaults: defaults}))(t)
		defer func() { must(t, db.Close()) }()
		days := func(db *storage.DB) int { return got(db.AccountState(t.Context(), h.Account.ID))(t).Policy.TrustDays() }
		set := func(n int) storage.Policy {
			return got(db.UpdatePolicy(t.Context(), h.Account.ID, func(s storage.AccountState) (storage.Policy, error) {
				s.Policy.SetTrustDays(n)
				return s.Policy, nil
			}, By))(t)
		}
		if days(h.DB) != 0 || days(db) != 7 {
			t.Errorf("at first %d, and %d of 7", days(h.DB), days(db))
		}
		version := set(7).Version
		if again := set(7); again.Version != version {
			t.Error("the default changes the policy")
		}
		if set(0); days(db) != 0 {
			t.Errorf("0 of 7: %d", days(db))
		}
		if p := got(db.PersonByID(t.Context(), h.User.ID))(t); p.Policy.TrustFor > 0 {
			t.Errorf("for a person: %v", p.Policy.TrustFor)
		}
		for _, n := range []int{31, -2} {
			_, err := db.UpdatePolicy(t.Context(), h.Account.ID, func(s storage.AccountState) (storage.Policy, error) { s.Policy.SetTrustDays(n); return s.Policy, nil }, By)
			if err == nil {
				t.Errorf("%d days", n)
			}
		}
	})
}
