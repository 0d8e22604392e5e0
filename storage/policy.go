package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/device"
)

// Policy is what one account decides about its users. Zero fields of a stored
// policy mean the installation's default; those that a method returns are filled.
type Policy struct {
	authn.Policy
	// From is when two-step verification, which is switched on already, begins to
	// hold; zero for at once. See At.
	From time.Time `json:"from,omitzero"`
	// Required is the client version that every device group must have before
	// two-step verification can be turned on.
	Required device.Version `json:"required,omitzero"`
	// Lifetimes of sessions and grants.
	Lifetimes Lifetimes `json:"lifetimes,omitzero"`
	// Reenrolment says what replaces a lost authenticator.
	Reenrolment Reenrolment `json:"reenrolment,omitempty"`
}

// Lifetimes bound sessions and grants. Idle is the time without use, Absolute
// the time since the beginning.
type Lifetimes struct {
	// Of a session that a second factor was given in, and of any other one.
	TwoStepIdle      time.Duration `json:"two_step_idle,omitempty" yaml:"two_step_idle"`
	TwoStepAbsolute  time.Duration `json:"two_step_absolute,omitempty" yaml:"two_step_absolute"`
	PasswordIdle     time.Duration `json:"password_idle,omitempty" yaml:"password_idle"`
	PasswordAbsolute time.Duration `json:"password_absolute,omitempty" yaml:"password_absolute"`
	// Of refresh tokens; the last where two-step verification is required.
	GrantIdle            time.Duration `json:"grant_idle,omitempty" yaml:"grant_idle"`
	GrantAbsolute        time.Duration `json:"grant_absolute,omitempty" yaml:"grant_absolute"`
	TwoStepGrantAbsolute time.Duration `json:"two_step_grant_absolute,omitempty" yaml:"two_step_grant_absolute"`
	// Cooldown is how long an authenticator that was replaced without the old
	// one doesn't open sensitive acts; negative for not at all.
	Cooldown time.Duration `json:"cooldown,omitempty" yaml:"cooldown"`
}

// Reenrolment is the proof, besides the password, that replaces an
// authenticator without the old one.
type Reenrolment string

// The modes of re-enrolment.
const (
	ReenrolByEmail    Reenrolment = "email"
	ReenrolByRecovery Reenrolment = "recovery-code"
	ReenrolByAdmin    Reenrolment = "admin"
)

const day = 24 * time.Hour

// DefaultPolicy is the policy of an account that decided nothing, in an
// installation that decided nothing either.
func DefaultPolicy() Policy {
	return Policy{
		Required: device.Version{Numbers: []int{4, 3}, Build: 1575},
		Lifetimes: Lifetimes{
			TwoStepIdle: time.Hour, TwoStepAbsolute: 12 * time.Hour,
			PasswordIdle: 8 * time.Hour, PasswordAbsolute: 7 * day,
			GrantIdle: 14 * day, GrantAbsolute: 90 * day, TwoStepGrantAbsolute: 30 * day,
			Cooldown: day,
		},
		Reenrolment: ReenrolByEmail,
	}
}

// filled returns the policy with its open fields taken from d. Whether two-step
// is on, and for whom, is always the account's own decision.
func (p Policy) filled(d Policy) Policy {
	if len(p.Required.Numbers) == 0 {
		p.Required = d.Required
	}
	if p.Reenrolment == "" {
		p.Reenrolment = d.Reenrolment
	}
	if p.TrustFor == 0 {
		p.TrustFor = d.TrustFor
	}
	mine, theirs := p.Lifetimes.fields(), d.Lifetimes.fields()
	for i, f := range mine {
		if *f == 0 {
			*f = *theirs[i]
		}
	}
	return p
}

func (l *Lifetimes) fields() []*time.Duration {
	return []*time.Duration{
		&l.TwoStepIdle, &l.TwoStepAbsolute, &l.PasswordIdle, &l.PasswordAbsolute,
		&l.GrantIdle, &l.GrantAbsolute, &l.TwoStepGrantAbsolute, &l.Cooldown,
	}
}

// kept is filled turned around: what equals the default is left open, so that
// it goes on following the installation's.
func (p Policy) kept(d Policy) Policy {
	if p.Required.Compare(d.Required) == 0 {
		p.Required = device.Version{}
	}
	if p.Reenrolment == d.Reenrolment {
		p.Reenrolment = ""
	}
	if max(0, p.TrustFor) == max(0, d.TrustFor) {
		p.TrustFor = 0
	}
	mine, theirs := p.Lifetimes.fields(), d.Lifetimes.fields()
	for i, f := range mine {
		if *f == *theirs[i] {
			*f = 0
		}
	}
	return p
}

// At returns the policy that holds at a time: two-step verification that is
// switched on for later is still off. From then says when it begins; once it
// has, nothing tells such a policy from one that was switched on at once.
func (p Policy) At(now time.Time) Policy {
	if p.From.After(now) {
		p.TwoStep = false
	} else {
		p.From = time.Time{}
	}
	return p
}

// Validate refuses times beyond what may be configured and unknown modes.
// It wants a filled policy.
func (p Policy) Validate() error {
	l := p.Lifetimes
	for _, bound := range []struct {
		what                string
		idle, absolute, max time.Duration
	}{
		{"two-step session", l.TwoStepIdle, l.TwoStepAbsolute, day},
		{"session", l.PasswordIdle, l.PasswordAbsolute, 30 * day},
		{"grant", l.GrantIdle, l.GrantAbsolute, 365 * day},
		{"two-step grant", 0, l.TwoStepGrantAbsolute, 365 * day},
	} {
		if bound.idle < 0 || bound.absolute <= 0 || bound.idle > bound.absolute || bound.absolute > bound.max {
			return fmt.Errorf("policy: %s: idle %v and absolute %v: idle must be the shorter one, and absolute at most %v",
				bound.what, bound.idle, bound.absolute, bound.max)
		}
	}
	if p.TrustFor > authn.MaxTrustDays*day || p.TrustFor > 0 && p.TrustFor%day != 0 || p.TrustFor < noTrust {
		return fmt.Errorf("policy: trusted browsers for %v: use whole days, 0 to %d", p.TrustFor, authn.MaxTrustDays)
	}
	switch p.Reenrolment {
	case ReenrolByEmail, ReenrolByRecovery, ReenrolByAdmin:
	default:
		return fmt.Errorf("policy: re-enrolment %q: use email, recovery-code or admin", p.Reenrolment)
	}
	if _, err := device.Parse(p.Required.Text(), p.Required.Build); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return nil
}

// AccountState is what a change of policy is decided on. Its Policy is the
// stored one: whether two-step verification holds now is for [Policy.At] to say.
type AccountState struct {
	Account  Account
	Policy   Policy
	Groups   []device.Group
	Products []Product
}

// Gate fails with [device.BelowError] if a change of policy turns two-step
// verification on, for now or for another time than before, while a device group
// is older than the new policy requires.
func (s AccountState) Gate(next Policy, now time.Time) error {
	turns := next.TwoStep && (!s.Policy.TwoStep || !next.From.Equal(s.Policy.From))
	if !turns || s.Policy.At(now).TwoStep {
		return nil
	}
	return device.Check(next.Required, s.Groups)
}

// UpdatePolicy changes an account's policy to what decide returns. decide is
// pure and may run more than once. What it decides on stays as it is until the
// change is made.
//
// Turning two-step verification on, for now or for later, is refused with
// [device.BelowError] while a device group is older than the policy requires;
// once it is on, groups may fall below. What holds already has no From any
// more. Who is newly covered gets a notice, see [DB.AnnounceNext], and those
// whom tell names get theirs. Nothing is written when nothing changes.
func (db *DB) UpdatePolicy(ctx context.Context, accountID string, decide func(AccountState) (Policy, error), by audit.Actor, tell ...func(before, after Policy) []Mail) (Policy, error) {
	p, err := writing(ctx, db, func(tx *sql.Tx) (Policy, error) { return db.updatePolicy(ctx, tx, accountID, decide, by, tell) })
	if err != nil {
		return Policy{}, errors.Join(err, db.policyRefused(ctx, accountID, err, by))
	}
	return p, nil
}

func (db *DB) updatePolicy(ctx context.Context, tx *sql.Tx, accountID string, decide func(AccountState) (Policy, error), by audit.Actor, tell []func(before, after Policy) []Mail) (Policy, error) {
	state, err := db.lockState(ctx, tx, accountID)
	if err != nil {
		return Policy{}, err
	}
	old, now := state.Policy, db.now()
	p, err := decide(state)
	if err != nil {
		return Policy{}, err
	}
	p = p.filled(db.defaults)
	p.Version = old.Version
	p.Products = slices.Compact(slices.Sorted(slices.Values(p.Products)))
	if p.From, err = p.begins(old, now); err != nil {
		return Policy{}, err
	}
	if err := p.Validate(); err != nil {
		return Policy{}, err
	}
	for _, id := range p.Products {
		if !slices.ContainsFunc(state.Products, func(has Product) bool { return has.ID == id }) {
			return Policy{}, fmt.Errorf("policy: product %q: %w", id, ErrNotFound)
		}
	}
	if err := state.Gate(p, now); err != nil {
		return Policy{}, err
	}
	before, after := old.kept(db.defaults).text(), p.kept(db.defaults).text()
	if before == after {
		return old, nil
	}
	p.Version++
	if _, err := run(ctx, tx, `UPDATE policies SET version = $2, settings = $3, updated_at = $4 WHERE account_id = $1`,
		accountID, p.Version, after, micros(now)); err != nil {
		return Policy{}, err
	}
	if err := shortenTrust(ctx, tx, accountID, old, p); err != nil {
		return Policy{}, err
	}
	if err := announce(ctx, tx, accountID, old, p, now); err != nil {
		return Policy{}, err
	}
	for _, mails := range tell {
		if err := db.send(ctx, tx, mails(old, p)); err != nil {
			return Policy{}, err
		}
	}
	return p, db.event(audit.Event{
		Kind: audit.PolicyChanged, Actor: by, AccountID: accountID,
		Detail: map[string]string{"before": before, "after": after},
	}).add(ctx, tx)
}

// begins returns the From that a policy is stored with.
func (p Policy) begins(old Policy, now time.Time) (time.Time, error) {
	from := p.From.UTC().Truncate(time.Microsecond)
	switch {
	case from.IsZero(), old.At(now).TwoStep:
		return time.Time{}, nil
	case !p.TwoStep && from.Equal(old.From):
		return time.Time{}, nil // what was to come is called off
	case !p.TwoStep:
		return time.Time{}, errors.New("policy: a date needs two-step verification that is switched on from then")
	case from.After(now.AddDate(1, 0, 0)):
		return time.Time{}, fmt.Errorf("policy: two-step verification from %s: choose a date within a year", from.Format(time.DateOnly))
	case !from.After(now):
		return time.Time{}, nil
	}
	return from, nil
}

// text is the stored form.
func (p Policy) text() string {
	text, _ := json.Marshal(p) // holds nothing that doesn't encode
	return string(text)
}

// policyRefused writes down that the device groups stood in the way.
func (db *DB) policyRefused(ctx context.Context, accountID string, cause error, by audit.Actor) error {
	var below device.BelowError
	if !errors.As(cause, &below) {
		return nil
	}
	return db.write(ctx, db.event(audit.Event{
		Kind: audit.PolicyRefused, Outcome: audit.Refused, Actor: by, AccountID: accountID,
		Reason: "device_groups", Detail: map[string]string{"needs": below.Needs.String(), "below": fmt.Sprint(len(below.Groups))},
	}).in(ctx))
}

// AccountState returns what a change of policy would be decided on now.
func (db *DB) AccountState(ctx context.Context, accountID string) (AccountState, error) {
	a, err := db.account(ctx, db.reader, accountID)
	if err != nil {
		return AccountState{}, err
	}
	return db.state(ctx, db.reader, a)
}

// lockState is AccountState that stays true until the transaction ends.
func (db *DB) lockState(ctx context.Context, tx *sql.Tx, accountID string) (AccountState, error) {
	a, err := db.lockAccount(ctx, tx, accountID)
	if err != nil {
		return AccountState{}, err
	}
	return db.state(ctx, tx, a)
}

func (db *DB) state(ctx context.Context, q queryer, a Account) (s AccountState, err error) {
	s.Account = a
	s.Policy, err = one(ctx, q, func(r row) (p Policy, err error) {
		var version int64
		err = r.Scan(&version, fromJSON(&p))
		p = p.filled(db.defaults)
		p.Version = version
		return p, err
	}, `SELECT version, settings FROM policies WHERE account_id = $1`, a.ID)
	if err != nil {
		return s, fmt.Errorf("policy: %w", err)
	}
	groups, err := deviceGroups(ctx, q, a.ID)
	for _, g := range groups {
		s.Groups = append(s.Groups, g.Group)
	}
	if err == nil {
		s.Products, err = products(ctx, q, a.ID)
	}
	return s, err
}
