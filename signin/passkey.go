package signin

import (
	"context"
	"errors"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/seal"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// ChallengeLife is how long a passkey may take to answer.
const ChallengeLife = 5 * time.Minute

// Passkeys are the passkeys of this installation.
func (s *Service) Passkeys() *factor.Passkeys { return s.passkeys }

// passkeyDue tells whether a passkey would help now, if the user has one.
func (p *Pending) passkeyDue() bool {
	switch p.Decision.Step {
	case authn.StepSignIn:
		return true
	case authn.StepEnterCode:
		return p.Person.Subject.HasPasskey()
	default:
		return false
	}
}

// OnlyPasskey tells whether at enter-code a passkey alone will do: there is no
// app that gives a code, or more than a code is wanted.
func (p *Pending) OnlyPasskey() bool {
	return p.Decision.Step == authn.StepEnterCode && p.Person.Subject.HasPasskey() &&
		(!p.Person.Subject.Has(authn.TOTP) || p.Requirement.Level >= authn.LevelPhishingResistant)
}

// AskPasskey makes the options with which the browser is asked for a passkey,
// and the challenge that they hold: of whoever comes, or of the one who signs
// in. The options are empty where none will do.
func (s *Service) AskPasskey(ctx context.Context, p *Pending) (options, challenge string, err error) {
	if !s.passkeys.Work() || !p.passkeyDue() {
		return "", "", nil
	}
	var of []factor.Credential
	if p.Decision.Step != authn.StepSignIn {
		list, err := s.db.Passkeys(ctx, p.Person.User.ID)
		if err != nil {
			return "", "", err
		}
		for _, k := range list {
			of = append(of, Credential(k))
		}
	}
	challenge = factor.NewChallenge()
	return s.passkeys.RequestOptions(challenge, of), challenge, nil
}

// Credential is a stored passkey as package factor judges it.
func Credential(k storage.Passkey) factor.Credential {
	return factor.Credential{
		ID: k.Credential, PublicKey: k.PublicKey, Counter: k.Counter, Transports: k.Transports, Synced: k.Synced, BackedUp: k.BackedUp,
	}
}

// SpentChallenge is how storage knows a challenge that was answered.
func (s *Service) SpentChallenge(challenge string) storage.Challenge {
	return storage.Challenge{Hash: seal.HashToken(challenge), Expires: s.now().Add(ChallengeLife)}
}

// Passkey answers with a passkey: on the first screen in place of address and
// password, later in place of the code. The challenge is the one that this
// browser was asked with in this sign-in; it is empty where that is not so, or
// too long ago. Whatever is wrong with a passkey gets the same answer. trust is as
// in [Service.Code], for a passkey in place of the code.
func (s *Service) Passkey(ctx context.Context, p *Pending, challenge, answer string, trust bool) error {
	switch {
	case answer == "":
		return problem(templates.FieldPasskey, templates.ErrPasskeyNone)
	case challenge == "":
		return problem(templates.FieldPasskey, templates.ErrPasskeyOld)
	case !p.passkeyDue():
		return storage.ErrConflict
	}
	a, err := factor.ReadAssertion(answer)
	if err != nil {
		return problem(templates.FieldPasskey, templates.ErrPasskeyRefused)
	}
	who, key, err := s.db.PersonByPasskey(ctx, a.ID)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	first := p.Decision.Step == authn.StepSignIn
	about := &Pending{Request: p.Request, Browser: p.Browser} // whoever was here before
	if !first {
		if err := s.row(ctx, p); err != nil {
			return err
		}
		about = p
	}
	try, err := s.try(ctx, about, templates.FieldPasskey, s.limits.BookPasskey(s.visitor(p, s.addressKey(who.User.Email))))
	if err != nil {
		return err
	}
	after, refused := s.judgePasskey(p, &who, key, a, challenge)
	if refused != nil {
		if first {
			*refused = who.User.About(*refused)
		}
		return try.wrong(ctx, *refused, templates.ErrPasskeyRefused)
	}
	if first {
		if err := s.handOver(ctx, p, who.User.ID); err != nil {
			return try.void(ctx, err)
		}
	}
	return s.provePasskey(ctx, p, &who, passkeyAnswer{key.ID, challenge, after, trust && !first}, try)
}

// passkeyAnswer is an answer that was right: of which passkey, to which
// challenge, and the passkey as it is afterwards.
type passkeyAnswer struct {
	id, challenge string
	after         factor.Credential
	trust         bool
}

// provePasskey stores what an answer proves. On the first screen it begins the
// sign-in anew, under a key that only this answer gives, as a password does.
func (s *Service) provePasskey(ctx context.Context, p *Pending, who *storage.Person, a passkeyAnswer, try attempt) error {
	proof := storage.PasskeyProof{
		PasskeyID: a.id, Counter: a.after.Counter, BackedUp: a.after.BackedUp, Challenge: s.SpentChallenge(a.challenge), Refund: try.right(),
	}
	about, binding := p, p.Browser.Binding
	first := p.Decision.Step == authn.StepSignIn
	if first {
		about = &Pending{Request: p.Request, Browser: p.Browser, Person: who}
		binding = web.ProvenBinding(binding)
		proof.SignIn = s.newSignIn(p, who, binding)
		proof.SignIn.Progress.Started = proof.SignIn.StartedAt
	} else {
		proof.SignIn = *p.SignIn
	}
	progress := proof.SignIn.Progress.Prove(authn.Proof{Method: a.after.Method(), At: s.now(), Authenticator: a.id}, who.Subject)
	if a.trust {
		progress = progress.TrustBrowser()
	}
	if p.Request.NewDevice && progress.Enrolment.Reason == "" {
		progress = progress.Replace(who.Subject) // what was asked for comes next
	}
	proof.SignIn.Progress, proof.SignIn.ExpiresAt = progress, p.lives(s.now(), progress)
	proof.Event = s.event(about, audit.ProofAccepted, string(a.after.Method()))
	saved, err := s.db.ProvePasskey(ctx, proof)
	switch {
	case errors.Is(err, storage.ErrSpent): // a double click, or somebody who has seen it
		return try.void(ctx, problem(templates.FieldPasskey, templates.ErrPasskeyOld))
	case err != nil:
		return try.void(ctx, err)
	case first:
		p.Browser.Binding = binding
		return s.read(ctx, p)
	default:
		return s.went(p, saved, nil)
	}
}

// judgePasskey tells why an answer is not accepted, as a line of the audit log,
// or returns the passkey as it is afterwards.
func (s *Service) judgePasskey(p *Pending, who *storage.Person, key storage.Passkey, a factor.Assertion, challenge string) (factor.Credential, *audit.Event) {
	first := p.Decision.Step == authn.StepSignIn
	refused := func(kind audit.Kind, reason string) (factor.Credential, *audit.Event) {
		about := p
		if first {
			about = &Pending{Request: p.Request, Browser: p.Browser}
		}
		e := s.refused(about, kind, reason)
		return factor.Credential{}, &e
	}
	kind := audit.ProofRefused
	if first {
		kind = audit.SignInFailed
	}
	switch {
	case key.ID == "":
		return refused(kind, "unknown_passkey")
	case !who.Active():
		return refused(kind, "switched_off")
	case a.UserID != "" && a.UserID != who.User.ID,
		first && !p.takes(who.User.ID),
		!first && who.User.ID != p.Person.User.ID:
		return refused(kind, "other_user")
	}
	after, err := s.passkeys.Check(a, challenge, Credential(key))
	switch {
	case errors.Is(err, factor.ErrPasskeyCounter):
		return refused(audit.PasskeyCounter, "counter")
	case err != nil:
		return refused(kind, "wrong_passkey")
	}
	return after, nil
}
