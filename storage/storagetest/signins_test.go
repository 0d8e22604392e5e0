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

// want fails the test unless err is the one wanted; nil for none.
func want(t *testing.T, what string, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Errorf("%s: %v, want %v", what, err, wanted)
	}
}

func TestG01_SignInBelongsToOneBrowser(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.Begin(t)
		view, err := h.DB.OpenSignIn(t.Context(), s.Key, "", nil)
		must(t, err)
		if view.SignIn == nil || view.Person == nil || view.Person.User.ID != h.User.ID || view.Session != nil {
			t.Fatalf("view %+v", view)
		}
		if got := view.SignIn.Progress.Evidence.Of(view.Person.Subject).Level(); got != authn.LevelPassword {
			t.Errorf("level %v", got)
		}
		for name, key := range map[string]storage.SignInKey{
			"link opened in another browser": {ID: s.Key.ID, Binding: h.Name("binding")},
			"another request":                {ID: h.Name("request"), Binding: s.Key.Binding},
			"no binding":                     {ID: s.Key.ID},
		} {
			view, err := h.DB.OpenSignIn(t.Context(), key, "", nil)
			if err != nil || view.SignIn != nil || view.Person != nil {
				t.Errorf("%s: %+v, %v", name, view, err)
			}
			stranger := s
			stranger.Key = key
			_, err = h.DB.SaveProgress(t.Context(), stranger)
			want(t, name, err, storage.ErrConflict)
			_, err = h.DB.CompleteSignIn(t.Context(), h.Completion(stranger))
			want(t, name, err, storage.ErrConflict)
		}
		elsewhere := h.SignedIn(t) // the same user, in another browser
		view, err = h.DB.OpenSignIn(t.Context(), storage.SignInKey{ID: s.Key.ID, Binding: h.Name("binding")}, elsewhere.Browser, nil)
		if err != nil || view.SignIn != nil || view.Session == nil {
			t.Errorf("the user's other browser: %+v, %v", view, err)
		}
	})
}

func TestA04_SignInIsWrittenAsItWasRead(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		first := h.Begin(t)
		second := first
		first.Progress = first.Progress.InstallApp()
		first.Secrets.Recovery = []string{"kept"}
		first, err := h.DB.SaveProgress(t.Context(), first)
		must(t, err)
		_, err = h.DB.SaveProgress(t.Context(), second)
		want(t, "a window that read before", err, storage.ErrConflict)
		view, err := h.DB.OpenSignIn(t.Context(), first.Key, "", nil)
		must(t, err)
		if !view.SignIn.Progress.Enrolment.AppInstalled || view.SignIn.Version != first.Version || len(view.SignIn.Secrets.Recovery) != 1 {
			t.Errorf("stored %+v", view.SignIn)
		}
		if n := h.Count(t, `SELECT count(*) FROM sign_ins WHERE secrets LIKE '%kept%' OR secrets = ''`); n != 0 {
			t.Error("secrets are not sealed")
		}
		other := h.NewUser(t, "other@example.com")
		first.UserID = other.ID
		_, err = h.DB.SaveProgress(t.Context(), first)
		want(t, "another user", err, storage.ErrConflict)
	})
}

func TestSignInIsOverAfterItsTime(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.Begin(t)
		h.Clock.Move(10 * time.Minute)
		view, err := h.DB.OpenSignIn(t.Context(), s.Key, "", nil)
		if err != nil || view.SignIn != nil {
			t.Errorf("view %+v, %v", view, err)
		}
		_, err = h.DB.SaveProgress(t.Context(), s)
		want(t, "progress", err, storage.ErrConflict)
		_, err = h.DB.CompleteSignIn(t.Context(), h.Completion(s))
		want(t, "completion", err, storage.ErrConflict)
	})
}

func TestPasswordBeginsAfreshOrGoesOn(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.Begin(t)
		if s.Version == 0 {
			t.Fatal("version 0 means that there is no row")
		}
		s = h.Connect(t, s)
		p := h.Person(t)

		s.Progress = s.Progress.Prove(authn.Proof{Method: authn.Password, At: h.Clock.Now(), Authenticator: authn.PasswordID(1)}, p.Subject)
		on, err := h.DB.ProvePassword(t.Context(), storage.PasswordProof{SignIn: s, Event: Event(audit.ProofAccepted)})
		must(t, err)
		if on.Version != s.Version+1 {
			t.Errorf("version %d, want %d", on.Version, s.Version+1)
		}
		_, err = h.DB.ProvePassword(t.Context(), storage.PasswordProof{SignIn: s, Event: Event(audit.ProofAccepted)})
		want(t, "going on with what has changed", err, storage.ErrConflict)
		view, err := h.DB.OpenSignIn(t.Context(), s.Key, "", nil)
		must(t, err)
		if view.SignIn.Secrets.AuthenticatorID != s.Secrets.AuthenticatorID {
			t.Error("going on, the pending authenticator was lost")
		}

		gone := on
		gone.Key = h.Key()
		_, err = h.DB.ProvePassword(t.Context(), storage.PasswordProof{SignIn: gone, Event: Event(audit.ProofAccepted)})
		want(t, "going on with what is not there", err, storage.ErrConflict)

		other := h.NewUser(t, "other@example.com")
		otherPerson, err := h.DB.PersonByID(t.Context(), other.ID)
		must(t, err)
		_, err = h.DB.ProvePassword(t.Context(), storage.PasswordProof{SignIn: h.PendingSignIn(otherPerson, s.Key), Event: Event(audit.ProofAccepted)})
		must(t, err)
		view, err = h.DB.OpenSignIn(t.Context(), s.Key, "", nil)
		must(t, err)
		if view.Person.User.ID != other.ID || view.SignIn.Secrets.AuthenticatorID != "" {
			t.Errorf("another user's sign-in kept something: %+v", view.SignIn)
		}
		_, err = h.DB.SaveProgress(t.Context(), on)
		want(t, "the first user's window", err, storage.ErrConflict)
	})
}

func TestPasswordOfAnOlderStateProvesNothing(t *testing.T) {
	for name, change := range map[string]Change{"disabled": Changes[0], "suspended": Changes[1], "changed": Changes[3]} {
		t.Run(name, func(t *testing.T) {
			Each(t, func(t *testing.T, h *House) {
				begun, late := h.Begin(t), h.PendingSignIn(h.Person(t), h.Key())
				must(t, change.Make(t.Context(), h, h.DB))
				_, err := h.DB.ProvePassword(t.Context(), storage.PasswordProof{SignIn: late, Event: Event(audit.ProofAccepted)})
				want(t, "a proof judged before", err, storage.ErrConflict)
				_, err = h.DB.SaveProgress(t.Context(), begun)
				want(t, "progress", err, storage.ErrConflict)
				_, err = h.DB.CompleteSignIn(t.Context(), h.Completion(begun))
				want(t, "completion", err, storage.ErrConflict)
				_, err = h.DB.SendEmailCode(t.Context(), storage.SendCode{SignIn: begun, Hash: "x", Expires: h.Clock.Now().Add(time.Minute), Event: Event(audit.EmailCodeSent)})
				want(t, "e-mail code", err, storage.ErrConflict)
				if n := h.Count(t, `SELECT count(*) FROM outbox`); n != 0 {
					t.Errorf("%d messages", n)
				}
			})
		})
	}
}

func TestOutdatedSignInIsTold(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		s := h.Begin(t)
		h.Enrol(t)
		view, err := h.DB.OpenSignIn(t.Context(), s.Key, "", nil)
		must(t, err)
		if view.SignIn != nil || view.Person != nil || !view.Outdated {
			t.Errorf("view %+v", view)
		}
	})
}

func TestRehashStoresTheStrongerHash(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		_, err := h.DB.ProvePassword(t.Context(), storage.PasswordProof{
			SignIn: h.PendingSignIn(h.Person(t), h.Key()), Rehash: "$argon2id$stronger", Event: Event(audit.ProofAccepted),
		})
		must(t, err)
		if p := h.Person(t); p.User.Password != "$argon2id$stronger" || p.User.PasswordVersion != 1 || p.User.Epoch != 1 {
			t.Errorf("user %+v", p.User)
		}
	})
}

func TestG06_PendingSignInsOfABrowserAreBounded(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		binding := h.Name("binding")
		elsewhere := h.Begin(t)
		for i := range 25 {
			h.Clock.Move(time.Second)
			key := storage.SignInKey{ID: fmt.Sprintf("request-%02d", i), Binding: binding}
			_, err := h.DB.ProvePassword(t.Context(), storage.PasswordProof{SignIn: h.PendingSignIn(h.Person(t), key), Event: Event(audit.ProofAccepted)})
			must(t, err)
		}
		if n := h.Count(t, `SELECT count(*) FROM sign_ins WHERE binding = $1`, binding); n != 20 {
			t.Errorf("%d sign-ins, want 20", n)
		}
		if n := h.Count(t, `SELECT count(*) FROM sign_ins WHERE id IN ('request-04', 'request-05')`); n != 1 {
			t.Error("not the oldest have gone")
		}
		if _, err := h.DB.SaveProgress(t.Context(), elsewhere); err != nil {
			t.Errorf("another browser's sign-in: %v", err)
		}
	})
}

func TestStepUpStandsOnALiveSession(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		session := h.SignedIn(t)
		start := func(id, browser string) (storage.SignIn, error) {
			s := h.PendingSignIn(h.Person(t), h.Key())
			s.Progress = authn.Progress{Started: h.Clock.Now()}
			return h.DB.StartSignIn(t.Context(), s, id, browser, Event(audit.ProofAccepted))
		}
		s, err := start(session.ID, session.Browser)
		must(t, err)
		view, err := h.DB.OpenSignIn(t.Context(), s.Key, session.Browser, nil)
		must(t, err)
		if view.SignIn == nil || view.Session == nil || view.Session.ID != session.ID || len(view.SignIn.Progress.Evidence) != 0 {
			t.Errorf("view %+v", view)
		}
		_, err = h.DB.StartSignIn(t.Context(), s, session.ID, session.Browser, Event(audit.ProofAccepted))
		want(t, "the same again, from another window", err, storage.ErrConflict)
		_, err = start(session.ID, h.Name("browser"))
		want(t, "another browser", err, storage.ErrConflict)
		must(t, h.DB.EndSession(t.Context(), session.ID, "signed_out", By))
		_, err = start(session.ID, session.Browser)
		want(t, "a session that has ended", err, storage.ErrConflict)
	})
}

func TestLongRequestsAreKeptByHandle(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		must(t, h.DB.SaveRequest(t.Context(), "hash", "sealed", h.Clock.Now().Add(time.Hour)))
		for range 2 {
			if sealed, err := h.DB.Request(t.Context(), "hash"); err != nil || sealed != "sealed" {
				t.Errorf("%q, %v", sealed, err)
			}
		}
		_, err := h.DB.Request(t.Context(), "other")
		want(t, "unknown handle", err, storage.ErrNotFound)
		h.Clock.Move(time.Hour)
		_, err = h.DB.Request(t.Context(), "hash")
		want(t, "over", err, storage.ErrNotFound)
	})
}
