package signin

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"stile/address"
	"stile/audit"
	"stile/authn"
	"stile/factor"
	"stile/limit"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// CheckAddress says what is wrong with the form of an address, if anything is.
// It doesn't say whether the address is anybody's.
func CheckAddress(email string) error {
	if key := addressFault(email); key != "" {
		return problem(templates.FieldEmail, key)
	}
	return nil
}

func addressFault(email string) (key string) {
	if strings.TrimSpace(email) == "" {
		return templates.ErrAddressEmpty
	}
	if _, err := address.Canonical(email); err != nil {
		return templates.ErrAddressForm
	}
	return ""
}

// Password answers the first screen: who is it, and the password. Unknown,
// disabled and wrong get the same answer for the same work: one booking, one
// read, one hash, one line of the audit log.
func (s *Service) Password(ctx context.Context, p *Pending, email, password string) error {
	if err := checkPair(email, password); err != nil {
		return err
	}
	canonical, _ := address.Canonical(email) // checked above
	key := s.addressKey(canonical)
	anybody := &Pending{Request: p.Request, Browser: p.Browser} // whoever was here before
	visitor := s.visitor(p, key)
	try, err := s.try(ctx, anybody, templates.FieldPassword, s.limits.BookPassword(key, visitor))
	if err != nil {
		return err
	}
	if try.has(limit.Password) { // nothing is judged any more in a browser that isn't known
		if err := s.AskLink(ctx, storage.UnlockLink, email, p.Browser); err != nil {
			return try.void(ctx, err)
		}
		return try.void(ctx, problem(templates.FieldPassword, templates.ErrOpenLink))
	}
	v, err := s.judge(ctx, canonical, password)
	if err == nil && v.refused == "" {
		if p.takes(v.person.User.ID) {
			err = s.handOver(ctx, p, v.person.User.ID)
		} else {
			v.refused = "other_user"
		}
	}
	switch {
	case errors.Is(err, factor.ErrBusy):
		return try.void(ctx, busy(templates.FieldPassword))
	case err != nil:
		return try.void(ctx, err)
	}
	if v.refused != "" {
		e := s.refused(anybody, audit.SignInFailed, v.refused)
		return try.wrong(ctx, v.person.User.About(e), templates.ErrMismatch)
	}
	refund := try.right()
	if visitor.Known == "" && visitor.Opened != "" {
		refund = append(refund, limit.PasswordAfterLink(key))
	}
	return s.provePassword(ctx, p, &v.person, v.rehash, refund)
}

// verdict is what became of a pair.
type verdict struct {
	person  storage.Person // empty for an address that is nobody's
	rehash  string         // a stronger record of the same password, where due
	refused string         // why it is not accepted, for the audit log; empty: it is right
}

// judge looks a pair up. It does the same whether or not the address is
// anybody's, and holds no connection to the database while it hashes.
func (s *Service) judge(ctx context.Context, canonical, password string) (v verdict, err error) {
	if v.person, err = s.db.PersonByEmail(ctx, canonical); errors.Is(err, storage.ErrNotFound) {
		v.person, v.refused = storage.Person{}, "unknown_address"
	} else if err != nil {
		return v, err
	} else if !v.person.Active() {
		v.refused = "switched_off"
	}
	stored := v.person.User.Password
	if v.refused != "" {
		stored = ""
	}
	ok, rehash, err := s.passwords.Check(ctx, stored, password)
	switch {
	case errors.Is(err, factor.ErrDamaged):
		s.log.ErrorContext(ctx, "password record can't be read: set a new password", "user", v.person.User.ID)
	case isTooLong(err): // for anybody, so it is nobody's
	case err != nil:
		return v, err
	}
	if v.rehash = rehash; !ok && v.refused == "" {
		v.refused = "wrong_password"
	}
	return v, nil
}

func isTooLong(err error) bool {
	_, ok := errors.AsType[*factor.Rejection](err)
	return ok
}

func checkPair(email, password string) error {
	var fields []templates.FieldError
	if key := addressFault(email); key != "" {
		fields = append(fields, templates.FieldError{Field: templates.FieldEmail, Key: key})
	}
	if password == "" {
		fields = append(fields, templates.FieldError{Field: templates.FieldPassword, Key: templates.ErrPasswordEmpty})
	}
	if fields == nil {
		return nil
	}
	return &Problem{Status: http.StatusUnprocessableEntity, Fields: fields}
}

// provePassword stores the first proof. It begins the sign-in anew, under a key
// that only this answer gives: what was under way before is not built upon,
// since somebody else may have begun it here.
func (s *Service) provePassword(ctx context.Context, p *Pending, person *storage.Person, rehash string, refund []limit.Back) error {
	binding := web.ProvenBinding(p.Browser.Binding)
	n := s.newSignIn(p, person, binding)
	n.Progress.Started = n.StartedAt
	n.Progress = n.Progress.Prove(authn.Proof{
		Method: authn.Password, At: s.now(), Authenticator: authn.PasswordID(person.User.PasswordVersion),
	}, person.Subject)
	n.ExpiresAt = p.lives(s.now(), n.Progress)
	proven := Pending{Request: p.Request, Browser: p.Browser, Person: person}
	_, err := s.db.ProvePassword(ctx, storage.PasswordProof{
		SignIn: n, Rehash: rehash, Refund: refund, Event: s.event(&proven, audit.ProofAccepted, string(authn.Password)),
	})
	if err != nil {
		return err
	}
	p.Browser.Binding = binding
	if err := s.read(ctx, p); err != nil {
		return err
	}
	return s.sendGuard(ctx, p)
}
