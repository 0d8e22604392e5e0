package storagetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"stile/audit"
	"stile/storage"
)

func TestL01_SwitchAgainstRefresh(t *testing.T) { Each(t, FlipAgainstRefresh) }

func TestK10_TwoWindowsEnrolAtOnce(t *testing.T) { Each(t, EnrolAtOnce) }

func TestK08_ReplacementAgainstCodeOfTheOldApp(t *testing.T) { Each(t, ReplaceAgainstCode) }

func TestE05_ReplacementAgainstCodeFromItsOwnBrowser(t *testing.T) { Each(t, ReplaceAgainstIssue) }

func TestE05_CodeWaitsForTheUser(t *testing.T) { Each(t, IssueAgainstEpoch) }

func TestG01_PasswordChangeAgainstSignIn(t *testing.T) { Each(t, PasswordAgainstSignIn) }

func TestF03_SignOutAgainstCode(t *testing.T) { Each(t, SignOutAgainstCode) }

// redeem exchanges a code as far as the judge lets it.
func (h *House) redeem(t *testing.T, code string, judge func(storage.GrantView) error) error {
	_, err := h.DB.RedeemCode(t.Context(), code, func(v storage.GrantView) (storage.Redemption, error) {
		r, _ := h.Redeem(h.Name("access"))(v)
		return r, judge(v)
	})
	return err
}

func (h *House) rotate(t *testing.T, grant string, generation int64, judge func(storage.GrantView) error) error {
	_, _, err := h.DB.RotateRefresh(t.Context(), grant, generation, func(v storage.GrantView) (storage.Rotation, error) {
		r, _ := h.Rotate(h.Name("access"))(v)
		return r, judge(v)
	})
	return err
}

// eachChange runs a test for each change, in a house with a session.
func eachChange(t *testing.T, slow bool, test func(t *testing.T, h *House, c Change)) {
	for _, c := range Changes {
		if c.Slow && !slow {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			Each(t, func(t *testing.T, h *House) {
				h.Session = h.SignedIn(t)
				test(t, h, c)
			})
		})
	}
}

// code issues a code, and notes its grant for the change.
func (h *House) code(t *testing.T) string {
	i := h.Issue(t, h.Session)
	id, err := h.DB.IssueCode(t.Context(), i)
	must(t, err)
	h.GrantID = id
	return i.CodeHash
}

func (h *House) redeemed(t *testing.T) string {
	must(t, h.redeem(t, h.code(t), Judge))
	return h.GrantID
}

func TestC05_ChangeBeforeExchange(t *testing.T) {
	eachChange(t, true, func(t *testing.T, h *House, c Change) {
		code := h.code(t)
		if c.Name == "session over its absolute limit" {
			c.Refused = storage.ErrExpired // the code's own time is over long before
		}
		must(t, c.Make(t.Context(), h, h.DB))
		if err := h.redeem(t, code, Judge); !errors.Is(err, c.Refused) {
			t.Errorf("exchange: %v, want %v", err, c.Refused)
		}
		if n := h.Count(t, `SELECT count(*) FROM access_tokens`); n != 0 {
			t.Errorf("%d access tokens", n)
		}
		if err := h.redeem(t, code, Judge); !errors.Is(err, storage.ErrSpent) {
			t.Errorf("the code is not spent by the refusal: %v", err)
		}
		if n := h.Count(t, `SELECT count(*) FROM audit_events WHERE kind = 'token.refused' AND outcome = 'refused' AND grant_id = $1`, h.GrantID); n != 1 {
			t.Errorf("%d refusals in the audit log, want 1", n)
		}
	})
}

func TestC05_ChangeBetweenReadingAndWriting(t *testing.T) {
	eachChange(t, false, func(t *testing.T, h *House, c Change) {
		code := h.code(t)
		if err := h.redeem(t, code, c.Between(t.Context(), h, h.Open(t))); !errors.Is(err, c.Refused) {
			t.Errorf("exchange: %v, want %v", err, c.Refused)
		}
		if n := h.Count(t, `SELECT count(*) FROM access_tokens`); n != 0 {
			t.Errorf("%d access tokens", n)
		}
	})
}

func TestE04_ChangeBeforeRefresh(t *testing.T) {
	eachChange(t, true, func(t *testing.T, h *House, c Change) {
		grant := h.redeemed(t)
		must(t, c.Make(t.Context(), h, h.DB))
		if err := h.rotate(t, grant, 1, Judge); !errors.Is(err, c.Refused) {
			t.Errorf("refresh: %v, want %v", err, c.Refused)
		}
		if n := h.Count(t, `SELECT generation FROM grants WHERE id = $1`, grant); n != 1 {
			t.Errorf("generation %d: a refusal must change nothing", n)
		}
	})
}

func TestE04_ChangeBetweenReadingAndWriting(t *testing.T) {
	eachChange(t, false, func(t *testing.T, h *House, c Change) {
		grant := h.redeemed(t)
		if err := h.rotate(t, grant, 1, c.Between(t.Context(), h, h.Open(t))); !errors.Is(err, c.Refused) {
			t.Errorf("refresh: %v, want %v", err, c.Refused)
		}
		if n := h.Count(t, `SELECT count(*) FROM access_tokens`); n != 1 {
			t.Errorf("%d access tokens, want the one of the exchange", n)
		}
	})
}

// The same for the repeat of a refresh, which changes no generation.
func TestE04_ChangeBetweenReadingAndWritingOfARepeat(t *testing.T) {
	eachChange(t, false, func(t *testing.T, h *House, c Change) {
		grant := h.redeemed(t)
		must(t, h.rotate(t, grant, 1, Judge))
		if err := h.rotate(t, grant, 1, c.Between(t.Context(), h, h.Open(t))); !errors.Is(err, c.Refused) {
			t.Errorf("refresh: %v, want %v", err, c.Refused)
		}
		if n := h.Count(t, `SELECT count(*) FROM access_tokens`); n != 2 {
			t.Errorf("%d access tokens, want those of the exchange and the refresh", n)
		}
	})
}

// What a decision looks at beside the user's password and authenticators, the
// policy and the client counts to the moment as well.
func TestL08_SeatWishOrConsentBetweenReadingAndWriting(t *testing.T) {
	for _, c := range []Change{
		{Name: "seat of a covered product given", Make: func(ctx context.Context, h *House, db *storage.DB) error {
			return db.GiveSeat(ctx, h.User.ID, "covered", By)
		}},
		{Name: "two steps wished for", Make: func(ctx context.Context, h *House, db *storage.DB) error {
			_, err := db.UpdateUser(ctx, h.User.ID, func(u *storage.User) error { u.Enhanced = true; return nil }, By)
			return err
		}},
		{Name: "less consented to", Make: func(ctx context.Context, h *House, db *storage.DB) error {
			return db.GiveConsent(ctx, h.User.ID, h.Client, "openid", nil, Event(audit.ConsentGiven))
		}},
	} {
		for name, use := range map[string]func(t *testing.T, h *House, judge func(storage.GrantView) error) error{
			"exchange": func(t *testing.T, h *House, judge func(storage.GrantView) error) error {
				return h.redeem(t, h.code(t), judge)
			},
			"refresh": func(t *testing.T, h *House, judge func(storage.GrantView) error) error {
				return h.rotate(t, h.redeemed(t), 1, judge)
			},
		} {
			t.Run(c.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				Each(t, func(t *testing.T, h *House) {
					h.coverOneProduct(t)
					must(t, h.DB.GiveConsent(t.Context(), h.User.ID, h.Client, "openid email", nil, Event(audit.ConsentGiven)))
					h.Session = h.SignedIn(t)
					between := c.Between(t.Context(), h, h.Open(t))
					want(t, name, use(t, h, func(v storage.GrantView) error {
						if v.Consent != "openid email" {
							return errPolicy
						}
						return between(v)
					}), errPolicy)
				})
			})
		}
	}
}

// coverOneProduct requires two steps of those who hold a seat of one product;
// the house's user has one of another.
func (h *House) coverOneProduct(t *testing.T) {
	for _, id := range []string{"free", "covered"} {
		_, err := h.DB.CreateProduct(t.Context(), storage.Product{ID: id, AccountID: h.Account.ID, Name: id}, By)
		must(t, err)
	}
	must(t, h.DB.GiveSeat(t.Context(), h.User.ID, "free", By))
	_, err := h.DB.UpdatePolicy(t.Context(), h.Account.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep, s.Policy.Products = true, []string{"covered"}
		return s.Policy, nil
	}, By)
	must(t, err)
}

// A change that takes nothing away still has the decision made again.
func TestE04_DecisionIsMadeOnWhatIsTrueWhenItIsCarriedOut(t *testing.T) {
	enrolment := Change{Make: func(ctx context.Context, h *House, db *storage.DB) error { return h.enrol(ctx, db) }}
	Each(t, func(t *testing.T, h *House) {
		h.Session = h.SignedIn(t)
		for name, use := range map[string]func(judge func(storage.GrantView) error) error{
			"exchange": func(judge func(storage.GrantView) error) error { return h.redeem(t, h.code(t), judge) },
			"refresh":  func(judge func(storage.GrantView) error) error { return h.rotate(t, h.redeemed(t), 1, judge) },
		} {
			reset := h.NewUser(t, name+"@example.com") // who has no authenticator yet
			h.User, h.Session = reset, h.signInAs(t, reset.ID, "", "")
			between := enrolment.Between(t.Context(), h, h.DB)
			var epochs []int64
			err := use(func(v storage.GrantView) error {
				epochs = append(epochs, v.Person.User.Epoch)
				return between(v)
			})
			if err != nil || !slices.Equal(epochs, []int64{1, 2}) {
				t.Errorf("%s: decided at epochs %v, %v", name, epochs, err)
			}
			issue := h.Issue(t, h.Session)
			issue.Epoch--
			_, err = h.DB.IssueCode(t.Context(), issue)
			want(t, "a code decided on at the epoch before", err, storage.ErrConflict)
		}
	})
}

// A session may end without its grants: those with offline access go on, and of
// too many sessions the oldest ends by itself.
func TestC05_SessionEndsBetweenReadingAndWriting(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		h.Session = h.SignedIn(t)
		ends := func(storage.GrantView) error {
			_, err := h.raw.ExecContext(t.Context(), "UPDATE sessions SET ended_at = 1 WHERE id = $1", h.Session.ID)
			return err
		}
		lives := func() {
			_, err := h.raw.ExecContext(t.Context(), "UPDATE sessions SET ended_at = NULL")
			must(t, err)
		}
		grant := h.redeemed(t)
		offline := h.Issue(t, h.Session)
		offline.Grant.Offline = true
		_, err := h.DB.IssueCode(t.Context(), offline)
		must(t, err)
		want(t, "code with offline access", h.redeem(t, offline.CodeHash, ends), storage.ErrEnded)
		lives()
		want(t, "refresh", h.rotate(t, grant, 1, ends), storage.ErrEnded)
		want(t, "refresh afterwards", h.rotate(t, grant, 1, Judge), storage.ErrEnded)
		lives()
		must(t, h.rotate(t, grant, 1, Judge))
		want(t, "repeat", h.rotate(t, grant, 1, ends), storage.ErrEnded)
	})
}

// Even if the decision forgets to ask, and however it came about.
func TestE04_WhoIsSwitchedOffGetsNothing(t *testing.T) {
	careless := func(storage.GrantView) error { return nil }
	Each(t, func(t *testing.T, h *House) {
		h.Session = h.SignedIn(t)
		grant, code, issue := h.redeemed(t), h.code(t), h.Issue(t, h.Session)
		for _, table := range []string{"users SET disabled_at", "accounts SET suspended_at", "clients SET disabled_at"} {
			_, err := h.raw.ExecContext(t.Context(), "UPDATE "+table+" = 1")
			must(t, err)
			want(t, table+": refresh", h.rotate(t, grant, 1, careless), storage.ErrConflict)
			want(t, table+": exchange", h.redeem(t, code, careless), storage.ErrConflict)
			_, err = h.DB.IssueCode(t.Context(), issue)
			want(t, table+": code", err, storage.ErrConflict)
			_, err = h.raw.ExecContext(t.Context(), "UPDATE "+table+" = NULL")
			must(t, err)
		}
		must(t, h.rotate(t, grant, 1, careless))
		must(t, h.redeem(t, code, careless))
		_, err := h.DB.IssueCode(t.Context(), issue)
		must(t, err)
	})
}

func TestC05_ChangeBeforeIssue(t *testing.T) {
	eachChange(t, false, func(t *testing.T, h *House, c Change) {
		if c.Name == "grant ended" {
			t.Skip("there is none yet")
		}
		issue := h.Issue(t, h.Session)
		must(t, c.Make(t.Context(), h, h.DB))
		if _, err := h.DB.IssueCode(t.Context(), issue); !errors.Is(err, storage.ErrConflict) {
			t.Errorf("a code was issued on what was true before: %v", err)
		}
		if n := h.Count(t, `SELECT count(*) FROM grants`); n != 0 {
			t.Errorf("%d grants", n)
		}
	})
}
