package storagetest

import (
	"errors"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

// addition is a passkey that was made for the house's user now.
func (h *House) addition(t testing.TB, credential string) storage.PasskeyAddition {
	t.Helper()
	return storage.PasskeyAddition{
		Own:       h.letIn(t),
		Passkey:   storage.Passkey{Credential: []byte(credential), PublicKey: []byte("key"), Counter: 1, Transports: []string{"usb"}, Name: "Blue key"},
		Challenge: h.challenge(), Event: Event(audit.PasskeyAdded), Mails: []storage.Mail{{Kind: "passkey-added", To: h.User.Email}},
	}
}

// letIn is the house's user in a session of now.
func (h *House) letIn(t testing.TB) storage.Own {
	t.Helper()
	return h.own(t, h.SignedIn(t))
}

func (h *House) challenge() storage.Challenge {
	return storage.Challenge{Hash: h.Name("challenge"), Expires: h.Clock.Now().Add(5 * time.Minute)}
}

// AddPasskey gives the house's user a passkey.
func (h *House) AddPasskey(t testing.TB, credential string) storage.Passkey {
	t.Helper()
	return got(h.DB.AddPasskey(t.Context(), h.addition(t, credential)))(t)
}

// passkeyProof is a right answer of a passkey that begins a sign-in.
func (h *House) passkeyProof(p storage.Person, k storage.Passkey, counter uint32) storage.PasskeyProof {
	n := h.PendingSignIn(p, h.Key())
	n.Progress.Evidence = authn.Evidence{{Method: authn.Passkey, At: h.Clock.Now(), Authenticator: k.ID}}
	return storage.PasskeyProof{SignIn: n, PasskeyID: k.ID, Counter: counter, Challenge: h.challenge(), Event: Event(audit.ProofAccepted)}
}

func (h *House) removal(t testing.TB, id string) storage.PasskeyRemoval {
	s := h.SignedIn(t)
	return storage.PasskeyRemoval{
		Own: h.own(t, s), OldBrowser: s.Browser, NewBrowser: h.Name("browser"), ID: id, Event: Event(audit.PasskeyRemoved), Mails: []storage.Mail{{Kind: "passkey-removed", To: h.User.Email}},
	}
}

func TestPasskeyIsRegisteredRenamedRemoved(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		before := h.Begin(t)
		epoch := h.Person(t).User.Epoch
		k := h.AddPasskey(t, "credential") // in a session that lives on
		p := h.Person(t)
		if p.Passkeys != 1 || !p.Subject.Has(authn.Passkey) || p.User.Epoch != epoch+1 {
			t.Errorf("after: %+v", p.Subject)
		}
		if _, err := h.DB.SaveProgress(ctx, before); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("K08: a sign-in of before goes on: %v", err)
		}
		list := got(h.DB.Passkeys(ctx, h.User.ID))(t)
		if len(list) != 1 || list[0].ID != k.ID || string(list[0].Credential) != "credential" || string(list[0].PublicKey) != "key" ||
			list[0].Counter != 1 || list[0].Name != "Blue key" || list[0].Transports[0] != "usb" || list[0].Used != nil || list[0].Since.IsZero() {
			t.Errorf("listed: %+v", list)
		}
		found, key, err := h.DB.PersonByPasskey(ctx, []byte("credential"))
		if err != nil || found.User.ID != h.User.ID || key.ID != k.ID {
			t.Errorf("found %s, %s, %v", found.User.ID, key.ID, err)
		}
		if _, _, err := h.DB.PersonByPasskey(ctx, []byte("other")); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("another: %v", err)
		}
		must(t, h.DB.RenamePasskey(ctx, h.User.ID, k.ID, "Red key", Event(audit.PasskeyRenamed)))
		if err := h.DB.RenamePasskey(ctx, "somebody else", k.ID, "Mine", Event(audit.PasskeyRenamed)); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("renamed by somebody else: %v", err)
		}
		if list := got(h.DB.Passkeys(ctx, h.User.ID))(t); list[0].Name != "Red key" {
			t.Errorf("renamed: %+v", list)
		}
		kept, other := h.SignedIn(t), h.SignedIn(t)
		grant := h.Grant(t, other)
		r := h.removal(t, k.ID)
		r.Own, r.OldBrowser = h.own(t, kept), kept.Browser
		r.Cooldown = ptr(h.Clock.Now().Add(time.Hour))
		must(t, h.DB.RemovePasskey(ctx, r))
		if p := h.Person(t); p.Passkeys != 0 || p.Subject.HasPasskey() || p.User.CooldownUntil == nil || !p.User.CooldownUntil.Equal(*r.Cooldown) {
			t.Errorf("after removal: %+v", p)
		}
		if n := h.Count(t, `SELECT count(*) FROM sessions WHERE ended_at IS NULL`); n != 1 {
			t.Errorf("%d sessions live, want the one of this browser", n)
		}
		if h.current(t, kept.Browser) != "" || h.current(t, r.NewBrowser) != kept.ID {
			t.Error("a copy of the cookie still opens")
		}
		if n := h.Count(t, `SELECT count(*) FROM grants WHERE id = $1 AND ended_reason = 'authenticator_removed'`, grant.ID); n != 1 {
			t.Error("the grant lives")
		}
		if err := h.DB.RemovePasskey(ctx, r); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("removed twice at once: %v", err)
		}
		if err := h.DB.RemovePasskey(ctx, h.removal(t, k.ID)); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
		for kind, want := range map[string]int64{"passkey.added": 1, "passkey.renamed": 1, "passkey.removed": 1} {
			if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = $1`, kind); n != want {
				t.Errorf("%d lines of %s", n, kind)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM outbox WHERE kind IN ('passkey-added', 'passkey-removed')`); n != 2 {
			t.Errorf("%d messages", n)
		}
	})
}

func ptr[T any](v T) *T { return &v }

func TestM04_CredentialIsRegisteredOnce(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		k := h.AddPasskey(t, "credential")
		if _, err := h.DB.AddPasskey(ctx, h.addition(t, "credential")); !errors.Is(err, storage.ErrExists) {
			t.Errorf("again: %v", err)
		}
		other := h.NewUser(t, "other@example.com")
		a := h.addition(t, "credential")
		theirs, err := h.DB.CompleteSignIn(ctx, h.Completion(h.beginAs(t, other.ID)))
		must(t, err)
		a.Own = storage.Own{UserID: other.ID, SessionID: theirs.ID, Epoch: other.Epoch}
		if _, err := h.DB.AddPasskey(ctx, a); !errors.Is(err, storage.ErrExists) {
			t.Errorf("by another user: %v", err)
		}
		// One that is over may be made anew, and is another authenticator: what
		// the old one proved stays void.
		must(t, h.DB.RemovePasskey(ctx, h.removal(t, k.ID)))
		if again := h.AddPasskey(t, "credential"); again.ID == k.ID {
			t.Error("the same authenticator came back")
		}
		must(t, h.DB.ResetAuthenticator(ctx, h.User.ID, By))
		if p := h.Person(t); p.Passkeys != 0 {
			t.Error("a reset left a passkey")
		}
		h.AddPasskey(t, "credential")
		must(t, h.DB.DeleteUser(ctx, h.User.ID, By))
		if _, _, err := h.DB.PersonByPasskey(ctx, []byte("credential")); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("of a deleted user: %v", err)
		}
	})
}

func TestM03_ChallengeOfARegistrationWorksOnce(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		a := h.addition(t, "one")
		got(h.DB.AddPasskey(t.Context(), a))(t)
		again := h.addition(t, "two")
		again.Challenge = a.Challenge
		if _, err := h.DB.AddPasskey(t.Context(), again); !errors.Is(err, storage.ErrSpent) {
			t.Errorf("the challenge again: %v", err)
		}
		stale := h.addition(t, "three")
		stale.Own.Epoch--
		if _, err := h.DB.AddPasskey(t.Context(), stale); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("as things were before: %v", err)
		}
		ended := h.addition(t, "four")
		must(t, h.DB.EndSession(t.Context(), ended.Own.SessionID, "signed_out", By))
		if _, err := h.DB.AddPasskey(t.Context(), ended); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("by a session that has ended: %v", err)
		}
	})
}

func TestPasskeysAreBounded(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		for i := 0; ; i++ {
			_, err := h.DB.AddPasskey(t.Context(), h.addition(t, h.Name("credential")))
			if errors.Is(err, storage.ErrTooMany) && i == 20 {
				break
			}
			if err != nil || i > 20 {
				t.Fatalf("passkey %d: %v", i+1, err)
			}
		}
	})
}

// Whoever needs a second factor keeps one.
func TestL07_TheLastSecondFactorStays(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		ctx := t.Context()
		one, two := h.AddPasskey(t, "one"), h.AddPasskey(t, "two")
		must(t, h.RequireTwoSteps(ctx, h.DB))
		other := h.Open(t)
		removals := []storage.PasskeyRemoval{h.removal(t, one.ID), h.removal(t, two.ID)}
		_, errs := AtOnce(h, other, func(db *storage.DB, caller int) (struct{}, error) {
			return struct{}{}, db.RemovePasskey(ctx, removals[caller/2%2])
		})
		oneWinner(t, errs, storage.ErrConflict)
		left := got(h.DB.Passkeys(ctx, h.User.ID))(t)
		if len(left) != 1 {
			t.Fatalf("%d passkeys left", len(left))
		}
		if err := h.DB.RemovePasskey(ctx, h.removal(t, left[0].ID)); !errors.Is(err, storage.ErrLastFactor) {
			t.Errorf("the last one: %v", err)
		}
		h.Enrol(t)
		must(t, h.DB.RemovePasskey(ctx, h.removal(t, left[0].ID))) // the app is asked for instead
	})
}

func TestM03_AnswerOfAPasskeyWorksOnce(t *testing.T) {
	t.Parallel()
	for name, counter := range map[string]uint32{"counting": 7, "never counting": 0} {
		t.Run(name, func(t *testing.T) {
			Each(t, func(t *testing.T, h *House) {
				other := h.Open(t)
				a := h.addition(t, "credential")
				a.Passkey.Counter = min(1, counter)
				k := got(h.DB.AddPasskey(t.Context(), a))(t)
				before := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'proof.accepted'`)
				for range Rounds(4) {
					p := h.Person(t)
					proof := h.passkeyProof(p, k, counter)
					keys := make([]storage.SignInKey, Callers)
					for i := range keys {
						keys[i] = h.Key()
					}
					_, errs := AtOnce(h, other, func(db *storage.DB, caller int) (storage.SignIn, error) {
						mine := proof
						mine.SignIn.Key = keys[caller]
						return db.ProvePasskey(t.Context(), mine)
					})
					oneWinner(t, errs, storage.ErrSpent)
					for i, key := range keys {
						view, err := h.DB.OpenSignIn(t.Context(), key, "", nil)
						if err != nil || (view.SignIn != nil) != (errs[i] == nil) {
							t.Errorf("caller %d got %v, and there is %v", i, errs[i], view.SignIn)
						}
					}
					if counter > 0 {
						counter++
					}
				}
				if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'proof.accepted'`); n-before != int64(Rounds(4)) {
					t.Errorf("%d proofs in the audit log of %d", n, Rounds(4))
				}
			})
		})
	}
}

// Answers to different challenges that were signed with one counter are of two
// copies: the second is refused.
func TestM03_CounterOfAPasskeyRises(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		other := h.Open(t)
		k := h.AddPasskey(t, "credential")
		p := h.Person(t)
		proofs := make([]storage.PasskeyProof, Callers)
		for i := range proofs {
			proofs[i] = h.passkeyProof(p, k, 5)
		}
		_, errs := AtOnce(h, other, func(db *storage.DB, caller int) (storage.SignIn, error) {
			return db.ProvePasskey(t.Context(), proofs[caller])
		})
		winner := oneWinner(t, errs, storage.ErrConflict)
		for _, counter := range []uint32{5, 4, 0} {
			if _, err := h.DB.ProvePasskey(t.Context(), h.passkeyProof(p, k, counter)); !errors.Is(err, storage.ErrConflict) {
				t.Errorf("counter %d after 5: %v", counter, err)
			}
		}
		if n := h.Count(t, `SELECT count(*) FROM spent_challenges`); n != 2 {
			t.Errorf("%d challenges are spent, want the one of the passkey and of caller %d", n, winner)
		}
		got(h.DB.ProvePasskey(t.Context(), h.passkeyProof(p, k, 6)))(t)
		if list := got(h.DB.Passkeys(t.Context(), h.User.ID))(t); list[0].Counter != 6 || list[0].Used == nil {
			t.Errorf("after: %+v", list[0])
		}
	})
}

// A passkey as the second proof goes on with the sign-in that is under way.
func TestM03_PasskeyGoesOnWithASignIn(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		k := h.AddPasskey(t, "credential")
		p := h.Person(t)
		s := h.Begin(t)
		proof := h.passkeyProof(p, k, 2)
		proof.SignIn = s
		after := got(h.DB.ProvePasskey(t.Context(), proof))(t)
		if after.Version != s.Version+1 {
			t.Errorf("version %d", after.Version)
		}
		again := h.passkeyProof(p, k, 3)
		again.SignIn = s
		if _, err := h.DB.ProvePasskey(t.Context(), again); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("on the sign-in as it was: %v", err)
		}
		if n := h.Count(t, `SELECT counter FROM passkeys`); n != 2 {
			t.Errorf("a refused step moved the counter to %d", n)
		}
	})
}

func TestM04_PasskeyOfWhoIsSwitchedOff(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]func(t *testing.T, h *House, k storage.Passkey){
		"user disabled": func(t *testing.T, h *House, _ storage.Passkey) {
			got(h.DB.UpdateUser(t.Context(), h.User.ID, func(u *storage.User) error { u.DisabledAt = ptr(h.Clock.Now()); return nil }, By))(t)
		},
		"account suspended": func(t *testing.T, h *House, _ storage.Passkey) {
			got(h.DB.UpdateAccount(t.Context(), h.Account.ID, func(a *storage.Account) error { a.SuspendedAt = ptr(h.Clock.Now()); return nil }, By))(t)
		},
		"removed": func(t *testing.T, h *House, k storage.Passkey) {
			must(t, h.DB.RemovePasskey(t.Context(), h.removal(t, k.ID)))
		},
		"password changed": func(t *testing.T, h *House, _ storage.Passkey) {
			must(t, h.DB.SetPassword(t.Context(), h.User.ID, "$argon2id$another", By))
		},
	} {
		t.Run(name, func(t *testing.T) {
			Each(t, func(t *testing.T, h *House) {
				k := h.AddPasskey(t, "credential")
				p := h.Person(t)
				off(t, h, k)
				if _, err := h.DB.ProvePasskey(t.Context(), h.passkeyProof(p, k, 2)); !errors.Is(err, storage.ErrConflict) {
					t.Errorf("proven all the same: %v", err)
				}
			})
		})
	}
}

// Who has no app but a passkey, and gets in without it, waits before anything
// that protects the sign-in can be changed, and is alone: also where the policy
// has no time to wait.
func TestK08_AnAppInPlaceOfALostPasskey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		unshown bool
		wait    time.Duration
	}{
		"without it":                      {true, 24 * time.Hour},
		"without it, and no time to wait": {true, 0},
		"with it":                         {false, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			Each(t, func(t *testing.T, h *House) {
				h.AddPasskey(t, "credential")
				session := h.SignedIn(t)
				grant := h.Grant(t, session)
				a := h.Activation(h.Connect(t, h.Begin(t)))
				a.Unshown, a.Cooldown = c.unshown, c.wait
				got(h.DB.ActivateTOTP(t.Context(), a))(t)
				p := h.Person(t)
				if p.TOTP == nil || p.Passkeys != 1 || (p.User.CooldownUntil != nil) != (c.unshown && c.wait > 0) {
					t.Errorf("after: %+v", p)
				}
				if n := h.Count(t, `SELECT count(*) FROM sessions WHERE id = $1 AND ended_at IS NULL`, session.ID); (n == 0) != c.unshown {
					t.Errorf("%d sessions of before live", n)
				}
				if n := h.Count(t, `SELECT count(*) FROM grants WHERE id = $1 AND ended_at IS NULL`, grant.ID); (n == 0) != c.unshown {
					t.Errorf("%d grants of before live", n)
				}
			})
		})
	}
}

// What is registered after a reset was not shown to be the user's, whichever kind
// it is, and whichever kind was there before.
func TestK08_WhatComesAfterAResetCoolsDown(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(t *testing.T, h *House){
		"app": func(t *testing.T, h *House) {
			a := h.Activation(h.Connect(t, h.Begin(t)))
			a.Unshown, a.Cooldown = true, 24*time.Hour
			got(h.DB.ActivateTOTP(t.Context(), a))(t)
		},
		"passkey": func(t *testing.T, h *House) {
			got(h.DB.ActivatePasskey(t.Context(), storage.FirstPasskey{
				SignIn: h.Begin(t), Passkey: storage.Passkey{ID: h.Name("passkey"), Credential: []byte(h.Name("credential")), PublicKey: []byte("key"), Name: "Key"},
				Challenge: h.challenge(), Cooldown: 24 * time.Hour, Event: Event(audit.PasskeyAdded),
			}))(t)
		},
	}
	for before, register := range kinds {
		for after, registerAgain := range kinds {
			t.Run(before+" then "+after, func(t *testing.T) {
				Each(t, func(t *testing.T, h *House) {
					register(t, h)
					if until := h.Person(t).User.CooldownUntil; until != nil {
						t.Errorf("the first one of all cools down until %v", until)
					}
					h.Clock.Move(time.Minute)
					must(t, h.DB.ResetAuthenticator(t.Context(), h.User.ID, By))
					h.Clock.Move(time.Minute)
					registerAgain(t, h)
					if until := h.Person(t).User.CooldownUntil; until == nil || !until.Equal(h.Clock.Now().Add(24*time.Hour)) {
						t.Errorf("cool-down until %v", until)
					}
				})
			})
		}
	}
}

// A passkey that its owner never wanted goes by the link of the message.
func TestDenyingAPasskeyTakesItAway(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, h *House) {
		a := h.addition(t, "credential")
		a.Passkey.ID = h.Name("passkey")
		a.Mails[0].NotMe = &storage.NotMe{LinkHash: "link", AccountID: h.Account.ID, UserID: h.User.ID, AuthenticatorID: a.Passkey.ID}
		got(h.DB.AddPasskey(t.Context(), a))(t)
		must(t, h.DB.SayNotMe(t.Context(), "link", By))
		if p := h.Person(t); p.Passkeys != 0 || p.Subject.HasPasskey() {
			t.Error("it is still there")
		}
		h.AddPasskey(t, "credential") // by whom it belongs to
	})
}
