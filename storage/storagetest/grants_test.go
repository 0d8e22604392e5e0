package storagetest

import (
	"errors"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

var errDecided = errors.New("decided against")

func TestC02_RefusedCodeIsSpent(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.SignedIn(t)
		code := h.Code(t, s)
		_, err := h.DB.RedeemCode(t.Context(), code, func(v storage.GrantView) (storage.Redemption, error) {
			if v.Grant.ClientID != h.Client.ID || v.Grant.Code.Challenge != "challenge" || v.Client.ID != h.Client.ID || !v.SessionLive {
				t.Errorf("view %+v", v)
			}
			return storage.Redemption{Event: audit.Event{Kind: audit.TokenRefused, Reason: "other_client"}}, errDecided
		})
		want(t, "refusal", err, errDecided)
		_, err = h.DB.RedeemCode(t.Context(), code, h.Redeem("access"))
		want(t, "afterwards", err, storage.ErrSpent)
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'token.refused' AND outcome = 'refused' AND reason = 'other_client' AND client_id = $1`, h.Client.ID); n != 1 {
			t.Errorf("%d refusals in the audit log", n)
		}
		if n := h.Count(t, `SELECT count(*) FROM access_tokens`); n != 0 {
			t.Errorf("%d access tokens", n)
		}
	})
}

func TestC02_CodeIsOverAfterItsTime(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		code := h.Code(t, h.SignedIn(t))
		h.Clock.Move(time.Minute)
		_, err := h.DB.RedeemCode(t.Context(), code, h.Redeem("access"))
		want(t, "after a minute", err, storage.ErrExpired)
		_, err = h.DB.RedeemCode(t.Context(), code, h.Redeem("access"))
		want(t, "again", err, storage.ErrSpent)
	})
}

func TestC05_SessionIsOverBeforeTheExchange(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		c := h.Completion(h.Begin(t))
		c.ExpiresAt = h.Clock.Now().Add(30 * time.Second)
		s, err := h.DB.CompleteSignIn(t.Context(), c)
		must(t, err)
		exchanged, waiting := h.Issue(t, s), h.Issue(t, s)
		exchanged.Grant.Offline, waiting.Grant.Offline = true, true
		for _, i := range []storage.Issue{exchanged, waiting} {
			_, err := h.DB.IssueCode(t.Context(), i)
			must(t, err)
		}
		v, err := h.DB.RedeemCode(t.Context(), exchanged.CodeHash, h.Redeem("access"))
		must(t, err)
		h.Clock.Move(30 * time.Second)
		_, err = h.DB.RedeemCode(t.Context(), waiting.CodeHash, h.Redeem("x"))
		want(t, "a code, even with offline access", err, storage.ErrEnded)
		_, err = h.DB.IssueCode(t.Context(), h.Issue(t, s))
		want(t, "another code", err, storage.ErrConflict)
		if _, _, err := h.DB.RotateRefresh(t.Context(), v.Grant.ID, 1, h.Rotate("y")); err != nil {
			t.Errorf("a refresh token with offline access: %v", err)
		}
	})
}

// An access token ends with the session that its grant hangs on.
func TestF03_AccessTokenEndsWithTheSession(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		c := h.Completion(h.Begin(t))
		c.ExpiresAt = h.Clock.Now().Add(time.Minute)
		s, err := h.DB.CompleteSignIn(t.Context(), c)
		must(t, err)
		_, err = h.DB.RedeemCode(t.Context(), h.Code(t, s), h.Redeem("access"))
		must(t, err)
		if _, err := h.DB.GrantByAccess(t.Context(), "access"); err != nil {
			t.Errorf("before: %v", err)
		}
		h.Clock.Move(time.Minute)
		_, err = h.DB.GrantByAccess(t.Context(), "access")
		want(t, "after the session", err, storage.ErrNotFound)
	})
}

func TestC04_EachKindIsLookedUpAmongItsOwn(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.SignedIn(t)
		issue := h.Issue(t, s)
		_, err := h.DB.IssueCode(t.Context(), issue)
		must(t, err)
		v, err := h.DB.RedeemCode(t.Context(), issue.CodeHash, h.Redeem("access"))
		must(t, err)
		must(t, h.DB.SaveRequest(t.Context(), "handle", "sealed", h.Clock.Now().Add(time.Hour)))
		for name, hash := range map[string]string{"access token": "access", "grant": v.Grant.ID, "session": s.Browser, "handle": "handle", "nothing": ""} {
			_, err := h.DB.RedeemCode(t.Context(), hash, h.Redeem("x"))
			want(t, name+" as code", err, storage.ErrNotFound)
			_, _, err = h.DB.RotateRefresh(t.Context(), hash, 1, h.Rotate("x"))
			if name != "grant" {
				want(t, name+" as refresh token", err, storage.ErrNotFound)
			}
			if name != "access token" {
				_, err = h.DB.GrantByAccess(t.Context(), hash)
				want(t, name+" as access token", err, storage.ErrNotFound)
			}
		}
		_, err = h.DB.GrantByAccess(t.Context(), issue.CodeHash)
		want(t, "code as access token", err, storage.ErrNotFound)
	})
}

func TestE01_SuccessorIsRepeatedForTenSeconds(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		grant := h.Grant(t, h.SignedIn(t)).ID
		rotate := func(generation int64) (int64, error) {
			_, next, err := h.DB.RotateRefresh(t.Context(), grant, generation, h.Rotate(h.Name("access")))
			return next, err
		}
		for _, move := range []time.Duration{0, time.Second, 8*time.Second + 999*time.Millisecond} {
			h.Clock.Move(move)
			if next, err := rotate(1); err != nil || next != 2 {
				t.Errorf("generation 1 gave %d, %v", next, err)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM access_tokens WHERE grant_id = $1`, grant); n != 4 {
			t.Errorf("%d access tokens, want 4", n)
		}
		h.Clock.Move(time.Millisecond)
		_, err := rotate(1)
		want(t, "after ten seconds", err, storage.ErrSpent)
		_, err = rotate(2)
		want(t, "the successor after the reuse", err, storage.ErrEnded)
		if n := h.Count(t, `SELECT count(*) FROM outbox WHERE kind = 'grant-reused'`); n != 1 {
			t.Errorf("%d messages to the user, want 1", n)
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'grant.ended' AND reason = 'refresh_reused' AND grant_id = $1`, grant); n != 1 {
			t.Errorf("%d lines in the audit log, want 1", n)
		}
	})
}

func TestE01_UsedSuccessorEndsTheGrace(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		grant := h.Grant(t, h.SignedIn(t)).ID
		for _, generation := range []int64{1, 2} {
			_, _, err := h.DB.RotateRefresh(t.Context(), grant, generation, h.Rotate(h.Name("access")))
			must(t, err)
		}
		_, _, err := h.DB.RotateRefresh(t.Context(), grant, 1, h.Rotate("late"))
		want(t, "generation 1 after 2 was used", err, storage.ErrSpent)
		_, err = h.DB.GrantByAccess(t.Context(), "late")
		want(t, "its access token", err, storage.ErrNotFound)
		if n := h.Count(t, `SELECT count(*) FROM grants WHERE id = $1 AND ended_reason = 'refresh_reused'`, grant); n != 1 {
			t.Error("the grant goes on")
		}
	})
}

func TestE02_ReuseIsRefusedAfterARestart(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.SignedIn(t)
		code := h.Code(t, s)
		v, err := h.DB.RedeemCode(t.Context(), code, h.Redeem("access"))
		must(t, err)
		refreshed := h.Grant(t, s).ID
		for _, generation := range []int64{1, 2} {
			_, _, err := h.DB.RotateRefresh(t.Context(), refreshed, generation, h.Rotate(h.Name("access")))
			must(t, err)
		}
		must(t, h.DB.Close())
		h.DB = h.Open(t)
		_, _, err = h.DB.RotateRefresh(t.Context(), refreshed, 1, h.Rotate("x"))
		want(t, "refresh token", err, storage.ErrSpent)
		_, err = h.DB.RedeemCode(t.Context(), code, h.Redeem("x"))
		want(t, "code", err, storage.ErrSpent)
		_, err = h.DB.Grant(t.Context(), v.Grant.ID)
		want(t, "what the code gave", err, storage.ErrNotFound)
	})
}

// A database that was restored from a backup knows less than the tokens do.
func TestE02_GenerationFromTheFutureEndsTheGrant(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		grant := h.Grant(t, h.SignedIn(t)).ID
		_, _, err := h.DB.RotateRefresh(t.Context(), grant, 7, h.Rotate("x"))
		want(t, "generation 7 of 1", err, storage.ErrSpent)
		_, err = h.DB.Grant(t.Context(), grant)
		want(t, "the grant", err, storage.ErrNotFound)
	})
}

func TestE04_RefreshTokenEndsInTime(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		const day = 24 * time.Hour
		s := h.SignedIn(t)
		issue := func() string {
			i := h.Issue(t, s)
			i.Grant.Offline = true
			_, err := h.DB.IssueCode(t.Context(), i)
			must(t, err)
			v, err := h.DB.RedeemCode(t.Context(), i.CodeHash, h.Redeem(h.Name("access")))
			must(t, err)
			return v.Grant.ID
		}
		idle, used := issue(), issue()
		generation := int64(1)
		for range 6 { // days 13 to 78
			h.Clock.Move(13 * day)
			_, next, err := h.DB.RotateRefresh(t.Context(), used, generation, h.Rotate(h.Name("access")))
			must(t, err)
			generation = next
		}
		_, _, err := h.DB.RotateRefresh(t.Context(), idle, 1, h.Rotate("x"))
		want(t, "unused for longer than 14 days", err, storage.ErrExpired)
		h.Clock.Move(12 * day)
		_, _, err = h.DB.RotateRefresh(t.Context(), used, generation, h.Rotate("x"))
		want(t, "after 90 days", err, storage.ErrExpired)
		_, err = h.DB.Grant(t.Context(), used)
		want(t, "the grant", err, storage.ErrNotFound)
	})
}

func TestE04_RefusedRefreshChangesNothing(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		grant := h.Grant(t, h.SignedIn(t)).ID
		before := h.Count(t, `SELECT count(*) FROM audit_events`)
		_, _, err := h.DB.RotateRefresh(t.Context(), grant, 1, func(storage.GrantView) (storage.Rotation, error) { return storage.Rotation{}, errDecided })
		want(t, "refusal", err, errDecided)
		if n := h.Count(t, `SELECT count(*) FROM audit_events`); n != before {
			t.Errorf("%d lines", n-before)
		}
		_, next, err := h.DB.RotateRefresh(t.Context(), grant, 1, h.Rotate("x"))
		if err != nil || next != 2 {
			t.Errorf("afterwards: %d, %v", next, err)
		}
	})
}

func TestCodeWithoutRefreshGivesNone(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		v, err := h.DB.RedeemCode(t.Context(), h.Code(t, h.SignedIn(t)), func(v storage.GrantView) (storage.Redemption, error) {
			r, err := h.Redeem("access")(v)
			r.Refresh = false
			return r, err
		})
		must(t, err)
		for _, generation := range []int64{0, 1} {
			_, _, err := h.DB.RotateRefresh(t.Context(), v.Grant.ID, generation, h.Rotate("x"))
			want(t, "refresh", err, storage.ErrEnded)
		}
		if _, err := h.DB.GrantByAccess(t.Context(), "access"); err != nil {
			t.Errorf("access token: %v", err)
		}
		h.Clock.Move(5 * time.Minute)
		_, err = h.DB.GrantByAccess(t.Context(), "access")
		want(t, "access token after its time", err, storage.ErrNotFound)
	})
}

// A request can be answered for an hour, so that long its answer is remembered.
func TestA04_OneCodeForOneRequest(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.SignedIn(t)
		first := h.Issue(t, s)
		_, err := h.DB.IssueCode(t.Context(), first)
		must(t, err)
		for range 60 {
			must(t, h.DB.RemoveExpired(t.Context()))
			again := h.Issue(t, s)
			again.Grant.RequestID = first.Grant.RequestID
			_, err = h.DB.IssueCode(t.Context(), again)
			want(t, h.Clock.Now().Format(time.TimeOnly), err, storage.ErrSpent)
			h.Clock.Move(time.Minute)
		}
		h.Clock.Move(time.Hour)
		must(t, h.DB.RemoveExpired(t.Context()))
		if n := h.Count(t, `SELECT count(*) FROM grants`); n != 0 {
			t.Errorf("%d grants are kept for ever", n)
		}
	})
}

func TestEndedGrantGivesNothing(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.SignedIn(t)
		v, err := h.DB.RedeemCode(t.Context(), h.Code(t, s), h.Redeem("access"))
		must(t, err)
		for range 2 {
			must(t, h.DB.EndGrant(t.Context(), v.Grant.ID, "revoked", By))
		}
		must(t, h.DB.EndGrant(t.Context(), "no such grant", "revoked", By))
		_, err = h.DB.GrantByAccess(t.Context(), "access")
		want(t, "access token", err, storage.ErrNotFound)
		_, _, err = h.DB.RotateRefresh(t.Context(), v.Grant.ID, 1, h.Rotate("x"))
		want(t, "refresh token", err, storage.ErrEnded)
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'grant.ended' AND reason = 'revoked'`); n != 1 {
			t.Errorf("%d lines in the audit log, want 1", n)
		}
		if n := h.Count(t, `SELECT count(*) FROM outbox`); n != 0 {
			t.Errorf("%d messages", n)
		}
	})
}

// The frequent ways are held to a number of statements. On the embedded
// database a guarded write is one transaction of as many statements as it has
// pieces, without round trips.
func TestStatementsOfTheFrequentWays(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		session := h.SignedIn(t)
		issue := h.Issue(t, session)
		grant := h.Grant(t, session).ID
		code := h.Code(t, session)
		enrolled := h.Enrol(t)
		_, err := h.DB.IssueCode(t.Context(), h.Issue(t, session)) // prepares what is prepared once
		must(t, err)
		issue.Epoch = h.Person(t).User.Epoch
		pending := h.Begin(t)
		for _, c := range []struct {
			name             string
			server, embedded int64
			do               func() error
		}{
			{"Session", 1, 1, func() error { _, err := h.DB.Session(t.Context(), session.Browser, h.Client.ID); return err }},
			{"OpenSignIn", 1, 1, func() error { _, err := h.DB.OpenSignIn(t.Context(), pending.Key, session.Browser, nil); return err }},
			{"IssueCode", 1, 3, func() error { _, err := h.DB.IssueCode(t.Context(), issue); return err }},
			{"RedeemCode", 2, 4, func() error { _, err := h.DB.RedeemCode(t.Context(), code, h.Redeem("a1")); return err }},
			{"RotateRefresh", 2, 4, func() error { _, _, err := h.DB.RotateRefresh(t.Context(), grant, 1, h.Rotate("a2")); return err }},
			{"GrantByAccess", 1, 1, func() error { _, err := h.DB.GrantByAccess(t.Context(), "a2"); return err }},
			{"ProveTOTP", 1, 3, func() (err error) {
				pending, err = h.DB.ProveTOTP(t.Context(), h.TOTPProof(pending, enrolled, 1001))
				return err
			}},
			{"CompleteSignIn", 1, 6, func() error { _, err := h.DB.CompleteSignIn(t.Context(), h.Completion(pending)); return err }},
		} {
			before := h.DB.Statements()
			if err := c.do(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			wanted := c.server
			if h.DB.Embedded() {
				wanted = c.embedded
			}
			if n := h.DB.Statements() - before; n != wanted {
				t.Errorf("%s: %d statements, want %d", c.name, n, wanted)
			}
		}
	})
}
