package storagetest

import (
	"errors"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// admin adds an administrator to the house's account.
func (h *House) admin(t testing.TB, email string) audit.Actor {
	t.Helper()
	u, err := h.DB.CreateUser(t.Context(), storage.User{
		AccountID: h.Account.ID, Email: email, Name: "Kim " + email, Password: "$argon2id$of-no-use", Roles: []string{storage.RoleAdmin},
	}, By)
	must(t, err)
	return audit.Actor{Kind: "user", ID: u.ID}
}

// ask asks for another device in a sign-in, and returns both.
func (h *House) ask(t testing.TB, s storage.SignIn) (storage.SignIn, storage.DeviceRequest) {
	t.Helper()
	e := Event(audit.DeviceAsked)
	e.Actor.Network, e.Actor.UserAgent = "192.0.2.7", "Firefox"
	s, err := h.DB.AskForDevice(t.Context(), storage.DeviceAsk{SignIn: s, Mails: []storage.Mail{{Kind: "device-asked", To: "kim@example.com"}}, Event: e})
	must(t, err)
	r, err := h.DB.DeviceRequestOf(t.Context(), s)
	must(t, err)
	return s, r
}

// use is the use of an approval in a sign-in.
func (h *House) use(s storage.SignIn, r storage.DeviceRequest) storage.DeviceUse {
	s.Progress = s.Progress.Approve(authn.Subject{})
	return storage.DeviceUse{SignIn: s, RequestID: r.ID, Event: Event(audit.DeviceUsed)}
}

// decide decides, and returns where the request then stands.
func (h *House) decide(t testing.TB, r storage.DeviceRequest, approve bool, by audit.Actor) (storage.DeviceState, error) {
	t.Helper()
	r, err := h.DB.DecideDeviceRequest(t.Context(), h.Account.ID, r.ID, approve, by, storage.Mail{Kind: "device-decided", To: "agent@example.com"})
	return r.State(h.Clock.Now()), err
}

func wantError(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestDeviceRequestIsApprovedAndUsed(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		kim := h.admin(t, "kim@example.com")
		h.Enrol(t)
		s, r := h.ask(t, h.Begin(t))
		if r.Kind != storage.DeviceNew || r.UserID != h.User.ID || r.AskedBy != h.User.ID || r.Label != s.Label || r.Network != "192.0.2.7" ||
			r.UserAgent != "Firefox" || r.Email != h.User.Email || r.Name != h.User.Name || !r.ExpiresAt.Equal(h.Clock.Now().Add(time.Hour)) ||
			r.State(h.Clock.Now()) != storage.DeviceOpen {
			t.Errorf("request %+v", r)
		}
		_, err := h.DB.UseDeviceRequest(t.Context(), h.use(s, r))
		wantError(t, "used before it was decided", err, storage.ErrConflict)
		if state, err := h.decide(t, r, true, kim); err != nil || state != storage.DeviceApproved {
			t.Fatalf("%s, %v", state, err)
		}
		r, err = h.DB.DeviceRequestOf(t.Context(), s)
		must(t, err)
		if r.DecidedBy != kim.ID || r.Decider != "Kim kim@example.com" || r.DecidedAt == nil {
			t.Errorf("decided: %+v", r)
		}
		used, err := h.DB.UseDeviceRequest(t.Context(), h.use(s, r))
		must(t, err)
		if !used.Progress.Enrolment.Approved || used.Version != s.Version+1 {
			t.Errorf("goes on with %+v", used)
		}
		_, err = h.DB.UseDeviceRequest(t.Context(), h.use(used, r))
		wantError(t, "used again", err, storage.ErrSpent)
		for kind, want := range map[audit.Kind]int64{audit.DeviceAsked: 1, audit.DeviceApproved: 1, audit.DeviceUsed: 1, audit.DeviceRefused: 0} {
			if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = $1`, kind); n != want {
				t.Errorf("%d lines of %s", n, kind)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM outbox WHERE kind IN ('device-asked', 'device-decided')`); n != 2 {
			t.Errorf("%d messages", n)
		}
	})
}

func TestK08_ApprovalBelongsToOneSignIn(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		kim := h.admin(t, "kim@example.com")
		first, r := h.ask(t, h.Begin(t))
		_, err := h.decide(t, r, true, kim)
		must(t, err)

		stranger := h.Begin(t)
		_, err = h.DB.DeviceRequestOf(t.Context(), stranger)
		wantError(t, "found by another sign-in", err, storage.ErrNotFound)
		_, err = h.DB.UseDeviceRequest(t.Context(), h.use(stranger, r))
		wantError(t, "used by another sign-in", err, storage.ErrConflict)
		other := h.beginAs(t, h.NewUser(t, "other@example.com").ID)
		other.Key.Binding = first.Key.Binding
		_, err = h.DB.UseDeviceRequest(t.Context(), h.use(other, r))
		wantError(t, "used by another user", err, storage.ErrConflict)
		_, err = h.DB.TakeUpDeviceRequest(t.Context(), stranger, []string{"some other binding"})
		wantError(t, "taken up with another binding", err, storage.ErrNotFound)

		// Another sign-in of the browser takes it up, and the first has it no more.
		stranger, err = h.DB.TakeUpDeviceRequest(t.Context(), stranger, []string{"x", first.Key.Binding})
		must(t, err)
		_, err = h.DB.UseDeviceRequest(t.Context(), h.use(first, r))
		wantError(t, "used where it was taken away", err, storage.ErrConflict)
		_, err = h.DB.UseDeviceRequest(t.Context(), h.use(stranger, r))
		must(t, err)
		_, err = h.DB.TakeUpDeviceRequest(t.Context(), first, []string{stranger.Key.Binding})
		wantError(t, "taken up after it was used", err, storage.ErrNotFound)
	})
}

func TestK08_DeviceRequestEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, h *House, s storage.SignIn){
		"after an hour": func(_ *testing.T, h *House, _ storage.SignIn) { h.Clock.Move(time.Hour) },
		"when the password changes": func(t *testing.T, h *House, _ storage.SignIn) {
			must(t, h.DB.SetPassword(t.Context(), h.User.ID, "$argon2id$new", By))
		},
		"when an authenticator changes": func(t *testing.T, h *House, _ storage.SignIn) { h.Enrol(t) },
		"when another one is asked for": func(t *testing.T, h *House, _ storage.SignIn) { h.ask(t, h.Begin(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			Each(t, func(t *testing.T, h *House) {
				kim := h.admin(t, "kim@example.com")
				s := h.Begin(t)
				s.ExpiresAt = h.Clock.Now().Add(2 * time.Hour)
				s, r := h.ask(t, s)
				end(t, h, s)
				state, err := h.decide(t, r, true, kim)
				wantError(t, "approved", err, storage.ErrSpent)
				if state != storage.DeviceOver {
					t.Errorf("the request is %s", state)
				}

				// The same after it was approved.
				s = h.Begin(t)
				s.ExpiresAt = h.Clock.Now().Add(2 * time.Hour)
				s, r = h.ask(t, s)
				_, err = h.decide(t, r, true, kim)
				must(t, err)
				end(t, h, s)
				_, err = h.DB.UseDeviceRequest(t.Context(), h.use(s, r))
				wantError(t, "used", err, storage.ErrConflict)
				_, err = h.DB.TakeUpDeviceRequest(t.Context(), h.Begin(t), []string{s.Key.Binding})
				wantError(t, "taken up", err, storage.ErrNotFound)
				if n := h.Count(t, `SELECT count(*) FROM device_requests WHERE used_at IS NOT NULL`); n != 0 {
					t.Errorf("%d were used", n)
				}
			})
		})
	}
}

func TestN05_WhoDecidesOnADeviceRequest(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		kim, sam := h.admin(t, "kim@example.com"), h.admin(t, "sam@example.com")
		_, own := h.ask(t, h.beginAs(t, kim.ID))
		_, err := h.decide(t, own, true, kim)
		wantError(t, "one's own", err, storage.ErrOwnRequest)
		h.Enrol(t)
		reset, err := h.DB.AskForReset(t.Context(), h.Account.ID, h.User.ID, sam)
		must(t, err)
		_, err = h.decide(t, reset, true, sam)
		wantError(t, "asked for by oneself", err, storage.ErrOwnRequest)
		_, err = h.decide(t, reset, true, audit.Actor{Kind: "user", ID: h.User.ID})
		wantError(t, "about oneself", err, storage.ErrOwnRequest)
		elsewhere, err := h.DB.CreateAccount(t.Context(), storage.Account{Name: "Elsewhere"}, By)
		must(t, err)
		_, err = h.DB.DecideDeviceRequest(t.Context(), elsewhere.ID, reset.ID, true, kim)
		wantError(t, "of another account", err, storage.ErrNotFound)
		_, err = h.DB.AskForReset(t.Context(), elsewhere.ID, h.User.ID, kim)
		wantError(t, "asked for in another account", err, storage.ErrNotFound)
		if list, err := h.DB.DeviceRequests(t.Context(), elsewhere.ID, "", 10); err != nil || len(list) != 0 {
			t.Errorf("another account has %v, %v", list, err)
		}
		if n := h.Count(t, `SELECT count(*) FROM device_requests WHERE decided_at IS NOT NULL`); n != 0 {
			t.Errorf("%d were decided", n)
		}
	})
}

func TestResetIsApproved(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		kim, sam := h.admin(t, "kim@example.com"), h.admin(t, "sam@example.com")
		_, err := h.DB.AskForReset(t.Context(), h.Account.ID, h.User.ID, sam)
		wantError(t, "nothing to reset", err, storage.ErrNotFound)
		h.Enrol(t)
		session := h.SignedIn(t)
		told := storage.Mail{Kind: "reset-asked", To: "kim@example.com"}
		_, err = h.DB.AskForReset(t.Context(), h.Account.ID, h.User.ID, sam, told)
		must(t, err)
		r, err := h.DB.AskForReset(t.Context(), h.Account.ID, h.User.ID, sam, told)
		must(t, err)
		mails := func() int64 { return h.Count(t, `SELECT count(*) FROM outbox WHERE kind = 'reset-asked'`) }
		if n := mails(); n != 1 {
			t.Errorf("%d messages about an open request", n)
		}
		if state, err := h.decide(t, r, false, kim); err != nil || state != storage.DeviceRefused || h.Person(t).TOTP == nil {
			t.Fatalf("refused: %s, %v", state, err)
		}
		_, err = h.decide(t, r, true, kim)
		wantError(t, "approved after it was refused", err, storage.ErrSpent)
		r, err = h.DB.AskForReset(t.Context(), h.Account.ID, h.User.ID, sam, told)
		must(t, err)
		if n := mails(); n != 2 {
			t.Errorf("%d messages, with one about a further request", n)
		}
		h.Clock.Move(23 * time.Hour)
		if state, err := h.decide(t, r, true, kim); err != nil || state != storage.DeviceApproved {
			t.Fatalf("approved: %s, %v", state, err)
		}
		if p := h.Person(t); p.TOTP != nil || p.RecoveryID != "" {
			t.Error("the authenticator is still there")
		}
		if n := h.Count(t, `SELECT count(*) FROM sessions WHERE id = $1 AND ended_at IS NULL`, session.ID); n != 0 {
			t.Error("the session goes on")
		}
		_, err = h.DB.AskForReset(t.Context(), h.Account.ID, h.User.ID, sam)
		wantError(t, "asked for when it is done", err, storage.ErrNotFound)
	})
}

func TestDeviceRequestsAreListed(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		kim := h.admin(t, "kim@example.com")
		var ids []string // as they are asked
		for i, name := range []string{"a@example.com", "b@example.com", "c@example.com", "d@example.com", "e@example.com"} {
			h.Clock.Move(time.Minute)
			s, r := h.ask(t, h.beginAs(t, h.NewUser(t, name).ID))
			ids = append(ids, r.ID)
			if i < 2 {
				_, err := h.decide(t, r, i == 0, kim)
				must(t, err)
			}
			if i == 4 {
				must(t, h.DB.SetPassword(t.Context(), s.UserID, "$argon2id$new", By))
			}
		}
		want := []string{ids[3], ids[2], ids[1], ids[0]}
		after := ""
		for _, id := range want {
			page, err := h.DB.DeviceRequests(t.Context(), h.Account.ID, after, 1)
			must(t, err)
			if len(page) != 1 || page[0].ID != id {
				t.Fatalf("after %q: %+v, want %s", after, page, id)
			}
			after = id
		}
		if page, err := h.DB.DeviceRequests(t.Context(), h.Account.ID, after, 1); err != nil || len(page) != 0 {
			t.Errorf("after the last: %v, %v", page, err)
		}
		h.Clock.Move(time.Hour)
		if page, err := h.DB.DeviceRequests(t.Context(), h.Account.ID, "", 10); err != nil || len(page) != 2 {
			t.Errorf("an hour later: %v, %v", page, err)
		}
		h.Clock.Move(7 * 24 * time.Hour)
		if page, err := h.DB.DeviceRequests(t.Context(), h.Account.ID, "", 10); err != nil || len(page) != 0 {
			t.Errorf("a week later: %v, %v", page, err)
		}
		must(t, h.DB.RemoveExpired(t.Context()))
		if n := h.Count(t, `SELECT count(*) FROM device_requests`); n != 0 {
			t.Errorf("%d rows are kept", n)
		}
	})
}

func TestAdminsAreListed(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		h.admin(t, "sam@example.com")
		kim := h.admin(t, "kim@example.com")
		gone := h.admin(t, "gone@example.com")
		_, err := h.DB.UpdateUser(t.Context(), gone.ID, func(u *storage.User) error { at := h.Clock.Now(); u.DisabledAt = &at; return nil }, By)
		must(t, err)
		admins, err := h.DB.Admins(t.Context(), h.Account.ID)
		must(t, err)
		if len(admins) != 2 || admins[0].ID != kim.ID {
			t.Errorf("admins %+v", admins)
		}
	})
}

func TestK08_DeviceRequestIsDecidedOnce(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		kim, sam, other := h.admin(t, "kim@example.com"), h.admin(t, "sam@example.com"), h.Open(t)
		for range Rounds(5) {
			_, r := h.ask(t, h.Begin(t))
			decided, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.DeviceRequest, error) {
				by := kim
				if i%3 == 0 {
					by = sam
				}
				return db.DecideDeviceRequest(t.Context(), h.Account.ID, r.ID, i%2 == 0, by)
			})
			winner := oneWinner(t, errs, storage.ErrSpent)
			for i, d := range decided { // also the losers learn who was faster
				if d.DecidedBy != decided[winner].DecidedBy || d.Approved != (winner%2 == 0) {
					t.Errorf("caller %d read %+v, the winner %+v", i, d, decided[winner])
				}
			}
			if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind IN ($1, $2) AND detail LIKE $3`,
				audit.DeviceApproved, audit.DeviceRefused, `%`+r.ID+`%`); n != 1 {
				t.Errorf("%d decisions in the audit log", n)
			}
		}
	})
}

func TestK08_ApprovalIsUsedOnce(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		kim, other := h.admin(t, "kim@example.com"), h.Open(t)
		for range Rounds(5) {
			s, r := h.ask(t, h.Begin(t))
			_, err := h.decide(t, r, true, kim)
			must(t, err)
			// Half of them try to take it up into another sign-in at the same time.
			second := h.Begin(t)
			use := h.use(s, r)
			_, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.SignIn, error) {
				if i%4 < 2 {
					return db.UseDeviceRequest(t.Context(), use)
				}
				moved, err := db.TakeUpDeviceRequest(t.Context(), second, []string{s.Key.Binding})
				if err != nil {
					return moved, err
				}
				return db.UseDeviceRequest(t.Context(), h.use(moved, r))
			})
			oneWinner(t, errs, storage.ErrSpent, storage.ErrConflict, storage.ErrNotFound)
			if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = $1 AND detail LIKE $2`, audit.DeviceUsed, `%`+r.ID+`%`); n != 1 {
				t.Errorf("used %d times", n)
			}
			if n := h.Count(t, `SELECT count(*) FROM sign_ins WHERE progress LIKE '%"approved"%' AND id IN ($1, $2)`, s.Key.ID, second.Key.ID); n != 1 {
				t.Errorf("%d sign-ins go on", n)
			}
		}
	})
}

func TestK08_OneRequestIsOpen(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		other := h.Open(t)
		for range Rounds(3) {
			signIns := make([]storage.SignIn, Callers)
			for i := range signIns {
				signIns[i] = h.Begin(t)
			}
			_, errs := AtOnce(h, other, func(db *storage.DB, i int) (storage.SignIn, error) {
				return db.AskForDevice(t.Context(), storage.DeviceAsk{SignIn: signIns[i], Event: Event(audit.DeviceAsked)})
			})
			for i, err := range errs {
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			}
			if n := h.Count(t, `SELECT count(*) FROM device_requests WHERE ended_at IS NULL`); n != 1 {
				t.Errorf("%d are open", n)
			}
		}
	})
}
