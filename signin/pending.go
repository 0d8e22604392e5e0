package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/limit"
	"stile/seal"
	"stile/session"
	"stile/storage"
	"stile/web"
)

// ErrSwitchedOff says that the user was disabled, or the account suspended,
// in the middle of a sign-in.
var ErrSwitchedOff = errors.New("signin: user or account is switched off")

// How long a sign-in lives after its last step; an enrolment takes longer,
// because people install an app meanwhile. Neither outlives [RequestLife].
const (
	stepLife      = 10 * time.Minute
	enrolmentLife = 30 * time.Minute
)

// Browser is the browser in which a step is taken, as its cookies tell.
type Browser struct {
	Binding  string // value of its login cookie; empty without one
	Session  string // hash of its session cookie; empty without one
	Known    Known
	Trusted  Trusted
	Actor    audit.Actor // from where, see web.Actor
	Language string      // of the pages that it is shown
}

// Pending is one sign-in under way in one browser, as it is now.
type Pending struct {
	Request Request
	Sealed  string // the request as it travels
	Browser Browser
	// SignIn is the row of what was proven; nil before the first proof.
	SignIn *storage.SignIn
	// Session is the live session of the same user in this browser; nil without one.
	Session *storage.Session
	// Person is who signs in; nil while nobody has proven anything here.
	Person *storage.Person
	// Choices are the browser's users, where one is to be chosen first.
	Choices []storage.SessionView
	// Requirement is what must be proven; zero without Person.
	Requirement authn.Requirement
	// Decision is what comes next, and why.
	Decision authn.Decision
	// KeyLapsed says that the key of an enrolment is over; the next screen but
	// one has another.
	KeyLapsed bool
	// Outdated says that a sign-in was under way that ended with a change of
	// the user's password or authenticators.
	Outdated bool
	// Wait is the newest wait for another device of this user; empty without one.
	Wait storage.DeviceWait

	wait    storage.WaitState
	mailbox mailbox
	alone   bool // the user is the only admin of an account whose admins approve
}

// Open opens a sealed request in a browser and works out what is due. It fails
// with [ErrOver], [ErrSwitchedOff], [authn.ErrUnmet], or a fault of ours; the
// Pending that it returns then still has the request, where that is known.
func (s *Service) Open(ctx context.Context, sealed string, b Browser) (*Pending, error) {
	req, err := s.OpenRequest(ctx, sealed)
	p := &Pending{Request: req, Sealed: sealed, Browser: b}
	if err != nil {
		return p, err
	}
	return p, s.read(ctx, p)
}

// read brings a Pending to what is true now.
func (s *Service) read(ctx context.Context, p *Pending) error {
	if p.Browser.Binding == "" && p.Browser.Session == "" {
		return s.decide(p) // a browser that was never here: nothing to look up
	}
	key := storage.SignInKey{ID: p.Request.ID}
	var older []string
	for i, b := range web.RowBindings(p.Browser.Binding) {
		if hash := seal.HashToken(b); i == 0 {
			key.Binding = hash
		} else {
			older = append(older, hash)
		}
	}
	view, err := s.db.OpenSignIn(ctx, key, p.Browser.Session, p.Browser.Trusted.hashes(p.Browser.Known, s.now()), older...)
	if err != nil {
		return fmt.Errorf("signin: %w", err)
	}
	p.SignIn, p.Person, p.Outdated, p.Wait = view.SignIn, view.Person, view.Outdated, view.Wait
	if p.Choices, err = s.choices(ctx, p); err != nil {
		return fmt.Errorf("signin: %w", err)
	}
	p.Session = s.usable(p, view)
	if p.SignIn == nil && p.Session == nil {
		p.Person = nil
	}
	if p.SignIn != nil && !p.Person.Active() {
		return ErrSwitchedOff
	}
	if p.Person != nil {
		p.Person.Subject.Guarded = view.Guarded != nil && !s.known(p)
		if p.alone, err = s.onlyAdmin(ctx, p); err != nil {
			return fmt.Errorf("signin: %w", err)
		}
	}
	if p.Person != nil {
		p.sameBrowser()
	}
	return s.decide(p)
}

// usable returns the session of a view if it says something about this
// sign-in: it is alive, and its user is the one who signs in here. What
// somebody proved as a user of one account says nothing about another.
func (s *Service) usable(p *Pending, view storage.SignInView) *storage.Session {
	n := view.Session
	if n == nil || view.Person == nil || n.UserID != view.Person.User.ID || n.AccountID != view.Person.User.AccountID {
		return nil
	}
	if !view.Person.Active() || !session.Alive(*n, view.Person.Policy, s.now()) {
		return nil
	}
	other := p.Request.SomeoneElse || p.Request.Choose || p.Request.Ask.Subject != "" && p.Request.Ask.Subject != n.UserID
	if view.SignIn == nil && other {
		return nil
	}
	return n
}

// decide works out what is due.
func (s *Service) decide(p *Pending) error {
	p.Requirement, p.Decision = authn.Requirement{}, authn.Decision{Step: authn.StepSignIn, Reason: authn.ReasonNothingProven}
	if p.choosing() {
		p.Decision = stepChoose
	}
	if p.Person == nil {
		return nil
	}
	p.wait = p.Wait.State(p.Person.User.Epoch, s.now())
	p.mailbox = s.mailboxOf(p.Person, p.wait)
	var err error
	if p.Requirement, err = authn.Require(p.Person.Policy.Policy, p.Person.Subject, p.Request.Ask); err != nil {
		return err
	}
	p.Decision = authn.Next(p.Requirement, p.Person.Subject, p.Progress())
	if p.KeyLapsed = s.lapsed(p); p.KeyLapsed {
		p.Decision.Step = authn.StepInstallApp
	}
	if p.barred() {
		p.Decision.Step = authn.StepIntroduction
	}
	return nil
}

// barred tells whether an enrolment is further than the account's rule of today
// lets it be: an e-mail code was enough when it was given.
func (p *Pending) barred() bool {
	if p.guarded() {
		return false
	}
	switch p.Decision.Step {
	case authn.StepVerifyEmail, authn.StepInstallApp, authn.StepConnectDevice, authn.StepSetupCode:
		return p.NeedsMore()
	default:
		return false
	}
}

// guarded tells whether an e-mail code is due before one of the app.
func (p *Pending) guarded() bool { return p.Decision.Reason == authn.ReasonGuarded }

// CodeSent is what is known of the e-mail code that is due; nil if none was sent.
func (p *Pending) CodeSent() *storage.EmailCodeState {
	if p.SignIn == nil || p.SignIn.EmailCode == nil || p.SignIn.EmailCode.Purpose != p.codePurpose() {
		return nil
	}
	return p.SignIn.EmailCode
}

func (p *Pending) codePurpose() storage.CodePurpose {
	if p.guarded() {
		return storage.CodeGuard
	}
	return storage.CodeEnrolment
}

// Progress is how far the sign-in has come, with what the session had proven
// before.
func (p *Pending) Progress() authn.Progress {
	progress := authn.Progress{Started: p.Request.Started}
	if p.SignIn != nil {
		progress = p.SignIn.Progress
	}
	if p.Session != nil {
		progress = progress.Join(p.Session.Evidence)
	}
	return progress
}

// Until is when this sign-in stops working if nothing more happens; more tells
// whether [Service.MoreTime] would move it.
func (p *Pending) Until() (until time.Time, more bool) {
	end := p.Request.Started.Add(RequestLife)
	if p.SignIn == nil {
		return end, false
	}
	return p.SignIn.ExpiresAt, p.SignIn.ExpiresAt.Before(end)
}

// MoreTime lets the sign-in live as long again as after a step.
func (s *Service) MoreTime(ctx context.Context, p *Pending) error {
	if p.SignIn == nil {
		return nil
	}
	return s.save(ctx, p, p.SignIn.Progress, p.SignIn.Secrets)
}

// Again begins the same request anew for somebody else than the browser's
// present user, and returns the path of its first screen.
func (s *Service) Again(ctx context.Context, p *Pending) (path string, err error) {
	return s.Begin(ctx, p.Request.another(s.now()))
}

// another is the request for somebody else. A page of our own that wants one user
// shows itself to another, too; what it wanted of the one is dropped.
func (req Request) another(now time.Time) Request {
	if req.ClientID == "" && req.Ask.Subject != "" {
		req.Ask, req.Enhance, req.NewDevice = authn.Ask{}, false, false
	}
	req.ID, req.LoginHint, req.Choose, req.PasswordSet, req.SomeoneElse = "", "", false, false, true
	req.Ask.Since = now // whoever it is proves everything anew
	return req
}

// takes tells whether a sign-in takes the right proofs of a user: also those of
// another than its page asked to sign in again, but not where a client asked for
// somebody, or a link was somebody's.
func (p *Pending) takes(userID string) bool {
	subject := p.Request.Ask.Subject
	return subject == "" || subject == userID || p.Request.ClientID == "" && !p.Request.PasswordSet
}

// handOver makes a request that asked for another user one of this user, who uses
// the page now.
func (s *Service) handOver(ctx context.Context, p *Pending, userID string) (err error) {
	if subject := p.Request.Ask.Subject; subject == "" || subject == userID {
		return nil
	}
	p.Request = p.Request.another(s.now())
	p.Request.ID = rand.Text()
	p.Sealed, err = s.seal(ctx, p.Request)
	return err
}

// key names the row that is begun under the newest key of a binding.
func (p *Pending) key(binding string) storage.SignInKey {
	return storage.SignInKey{ID: p.Request.ID, Binding: seal.HashToken(web.RowBindings(binding)[0])}
}

// row makes sure that there is a row to write progress to. Where the proofs of
// a session are enough to get here, it is begun on them.
func (s *Service) row(ctx context.Context, p *Pending) error {
	if p.SignIn != nil {
		return nil
	}
	if p.Session == nil {
		return storage.ErrConflict // nothing is proven any more
	}
	binding := web.SessionBinding(s.hasher, p.Browser.Binding, p.Browser.Session, p.Person.User.ID)
	n := s.newSignIn(p, p.Person, binding)
	n.Progress = authn.Progress{Started: n.StartedAt}
	event := s.event(p, audit.ProofAccepted, "session")
	event.SessionID = p.Session.ID
	begun, err := s.db.StartSignIn(ctx, n, p.Session.ID, p.Browser.Session, event)
	if err != nil {
		return err
	}
	p.SignIn, p.Browser.Binding = &begun, binding
	return s.decide(p)
}

func (s *Service) newSignIn(p *Pending, who *storage.Person, binding string) storage.SignIn {
	now := s.now()
	return storage.SignIn{
		Key: p.key(binding), AccountID: who.User.AccountID, UserID: who.User.ID, Epoch: who.User.Epoch,
		Label: newLabel(), StartedAt: now, ExpiresAt: p.lives(now, authn.Progress{}),
	}
}

// lives returns until when a sign-in lives after a step at this time.
func (p *Pending) lives(now time.Time, progress authn.Progress) time.Time {
	life := stepLife
	if n := progress.Enrolment; n.Reason != "" && !n.Declined && !n.Activated {
		life = enrolmentLife
	}
	until, end := now.Add(life), p.Request.Started.Add(RequestLife)
	if until.After(end) {
		return end
	}
	return until
}

// changed returns the row with new progress and secrets, to be stored.
func (s *Service) changed(p *Pending, progress authn.Progress, secrets storage.SignInSecrets) storage.SignIn {
	n := *p.SignIn
	n.Progress, n.Secrets, n.ExpiresAt = progress, secrets, p.lives(s.now(), progress)
	return n
}

// save stores a step that proves nothing.
func (s *Service) save(ctx context.Context, p *Pending, progress authn.Progress, secrets storage.SignInSecrets) error {
	saved, err := s.db.SaveProgress(ctx, s.changed(p, progress, secrets))
	return s.went(p, saved, err)
}

// went takes over a row that was stored, and works out what is due then.
func (s *Service) went(p *Pending, saved storage.SignIn, err error) error {
	if err != nil {
		return err
	}
	saved.EmailCode = p.SignIn.EmailCode
	p.SignIn = &saved
	return s.decide(p)
}

// visitor tells the limits who tries.
func (s *Service) visitor(p *Pending, addressKey string) limit.Visitor {
	network, _ := netip.ParseAddr(p.Browser.Actor.Network) // zero: one shared count
	v := limit.Visitor{Network: network, Known: p.Browser.Known.here(addressKey, s.now()), Opened: p.Browser.Known.opened(addressKey, s.now())}
	if p.SignIn != nil {
		v.Verified = p.SignIn.Progress.AddressProven
	}
	return v
}

// event begins a line of the audit log about this sign-in.
func (s *Service) event(p *Pending, kind audit.Kind, reason string) audit.Event {
	e := audit.Event{Kind: kind, Actor: p.Browser.Actor, ClientID: p.Request.ClientID, Reason: reason}
	if p.Person != nil {
		e.AccountID, e.SubjectID = p.Person.User.AccountID, p.Person.User.ID
		e.Actor = p.Person.User.Acting(e.Actor)
	}
	return e
}

// refused is the event of something that was not accepted.
func (s *Service) refused(p *Pending, kind audit.Kind, reason string) audit.Event {
	e := s.event(p, kind, reason)
	e.Outcome = audit.Refused
	return e
}
