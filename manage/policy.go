package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/device"
	"stile/storage"
	"stile/templates"
)

// PolicyChange is what somebody wants to change of the account's policy. What
// is nil stays as it is.
type PolicyChange struct {
	TwoStep     *bool
	Products    *[]string  // ids; empty covers everyone
	From        *time.Time // from when a switch that is turned on holds; zero: at once
	WaiveFirst  *bool
	Reenrolment *storage.Reenrolment
	Required    *device.Version
	TrustDays   *int // for how many days a browser can be trusted; 0: not at all
}

// Review is what a change of policy would bring, and what stands in its way.
type Review struct {
	Now, Next storage.Policy
	Products  []storage.Product
	Coverage  storage.Coverage // under Next, as if it held already
	Below     []device.Group   // groups that must be raised before it can be turned on
	// LastBy and LastAt say who changed the policy last; empty if nobody did.
	LastBy string
	LastAt time.Time
}

// Policy returns the account's policy as it is, with what it covers.
func (s *Service) Policy(ctx context.Context, w Who) (Review, error) {
	return s.ReviewPolicy(ctx, w, PolicyChange{})
}

// ReviewPolicy says what a change would bring. It changes nothing.
func (s *Service) ReviewPolicy(ctx context.Context, w Who, c PolicyChange) (Review, error) {
	if err := s.may(w, Read); err != nil {
		return Review{}, err
	}
	state, err := s.DB.AccountState(ctx, w.accountID)
	if err != nil {
		return Review{}, err
	}
	r := Review{Now: state.Policy, Products: state.Products}
	if r.Next, err = s.next(state, c); err != nil {
		return Review{}, err
	}
	if below, ok := errors.AsType[device.BelowError](state.Gate(r.Next, s.Now())); ok {
		r.Below = below.Groups
	}
	if r.Coverage, err = s.DB.Coverage(ctx, w.accountID, r.Next); err != nil {
		return Review{}, err
	}
	r.LastBy, r.LastAt, err = s.lastChange(ctx, w.accountID)
	return r, err
}

// lastChange says who changed the policy last, by display name where there is one.
func (s *Service) lastChange(ctx context.Context, accountID string) (who string, at time.Time, err error) {
	events, err := s.DB.Events(ctx, storage.EventFilter{AccountID: accountID, Kind: audit.PolicyChanged, Limit: 1})
	if err != nil || len(events) == 0 {
		return "", time.Time{}, err
	}
	who, err = s.actorName(ctx, accountID, events[0].Actor)
	return who, events[0].At, err
}

// SetPolicy changes the account's policy. version is the one that whoever asks
// has seen, 0 for none: it fails with [ErrChanged] if there is another one by
// now, and with [device.BelowError] as [storage.DB.UpdatePolicy] does.
func (s *Service) SetPolicy(ctx context.Context, w Who, c PolicyChange, version int64) (storage.Policy, error) {
	if err := s.may(w, EditPolicy); err != nil {
		return storage.Policy{}, err
	}
	admins, err := s.DB.Admins(ctx, w.accountID)
	if err != nil {
		return storage.Policy{}, err
	}
	var account storage.Account
	return s.DB.UpdatePolicy(ctx, w.accountID, func(state storage.AccountState) (storage.Policy, error) {
		account = state.Account
		if version != 0 && version != state.Policy.Version {
			return storage.Policy{}, ErrChanged
		}
		next, err := s.next(state, c)
		// A way back in that asks for less is what opens other people's accounts.
		if w.service && proof[next.Reenrolment] < proof[state.Policy.Reenrolment] {
			err = errors.Join(err, ErrForbidden)
		}
		return next, err
	}, w.by, func(before, after storage.Policy) []storage.Mail {
		return s.switched(w, account, admins, before, after)
	})
}

// proof orders the modes of re-enrolment by what they ask for.
var proof = map[storage.Reenrolment]int{storage.ReenrolByEmail: 1, storage.ReenrolByAdmin: 2, storage.ReenrolByRecovery: 3}

// next is the policy after a change.
func (s *Service) next(state storage.AccountState, c PolicyChange) (storage.Policy, error) {
	p := state.Policy
	set(&p.TwoStep, c.TwoStep)
	set(&p.WaiveFirst, c.WaiveFirst)
	set(&p.Required, c.Required)
	if c.Reenrolment != nil {
		if !slices.Contains([]storage.Reenrolment{storage.ReenrolByEmail, storage.ReenrolByRecovery, storage.ReenrolByAdmin}, *c.Reenrolment) {
			return p, InputError{"reenrolment", InputMode, "use email, recovery-code or admin"}
		}
		p.Reenrolment = *c.Reenrolment
	}
	if n := c.TrustDays; n != nil {
		if *n < 0 || *n > authn.MaxTrustDays {
			return p, InputError{"trusted_browser_days", InputDays, fmt.Sprintf("use 0 to %d", authn.MaxTrustDays)}
		}
		p.SetTrustDays(*n)
	}
	if c.Products != nil {
		p.Products = slices.Clone(*c.Products)
		for _, id := range p.Products {
			if !slices.ContainsFunc(state.Products, func(has storage.Product) bool { return has.ID == id }) {
				return p, InputError{"products", InputProduct, "the account has no product " + id}
			}
		}
	}
	return s.scheduled(p, state.Policy, c.From)
}

// maxAhead is how far ahead a switch may be set.
const maxAhead = 365 * 24 * time.Hour

// scheduled sets the date from which a policy holds. One that holds already is
// not taken back by a date: that would be a way to turn it off.
func (s *Service) scheduled(p, before storage.Policy, from *time.Time) (storage.Policy, error) {
	now := s.Now()
	switch {
	case !p.TwoStep:
		p.From = time.Time{}
	case from == nil:
	case from.IsZero():
		p.From = time.Time{}
	case !from.After(now), from.After(now.Add(maxAhead)):
		return p, InputError{"from", InputDate, "use a time in the future, at most a year ahead"}
	case before.At(now).TwoStep:
		return p, InputError{"from", InputDate, "two-step verification is on already"}
	default:
		p.From = from.UTC().Truncate(time.Microsecond)
	}
	return p, nil
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// Announcement is the message to somebody whom a policy newly covers and who has
// no second factor yet.
func (s *Service) Announcement(r storage.UserRow, a storage.Account, p storage.Policy) storage.Mail {
	m := s.mail(r.User, a, templates.MailTwoStepAnnounced)
	if p.From.After(s.Now()) {
		m.Data[templates.DataFrom] = p.From.Format(time.RFC3339)
	}
	return m
}
