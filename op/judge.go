package op

import (
	"errors"
	"slices"
	"strings"

	"stile/authn"
	"stile/storage"
)

// next is what an authorization request waits for.
type next int

const (
	nextCode next = iota // nothing: it gets its code
	nextSignIn
	nextConsent
)

// verdict is the answer to one look at a request and the browser's session.
type verdict struct {
	next        next
	requirement authn.Requirement // with nextCode: what the session has met
	scopes      []string          // with nextConsent: what the user is asked for
}

// judge says what a request waits for, given the browser's session as it is now
// (nil: none). It is pure, and it is the only place that decides. The error is
// what the client is told; with prompt=none every wait is one.
func judge(q pending, view *storage.SessionView) (verdict, error) {
	if view == nil {
		// Nobody has signed in; but what nobody can reach is not worth a sign-in.
		if _, err := authn.Require(authn.Policy{}, authn.Subject{ID: q.Ask.Subject}, q.Ask); errors.Is(err, authn.ErrUnmet) {
			return verdict{}, errUnmet()
		}
		return q.wait(errLoginRequired())
	}
	person := view.Person
	requirement, err := authn.Require(person.Policy.Policy, person.Subject, q.Ask)
	switch {
	case errors.Is(err, authn.ErrUnmet):
		return verdict{}, errUnmet()
	case errors.Is(err, authn.ErrOtherUser) && q.Visited:
		return verdict{}, errLoginRequired() // another user has signed in
	case errors.Is(err, authn.ErrOtherUser):
		return q.wait(errLoginRequired())
	case err != nil:
		return verdict{}, err
	}
	known := requirement.Counts(view.Session.Evidence, person.Subject).Level() >= authn.LevelPassword
	switch {
	case !known:
		return q.wait(errLoginRequired())
	case q.client.AccountID != "" && q.client.AccountID != person.Account.ID:
		return verdict{}, errOtherAccount()
	case !requirement.Met(view.Session.Evidence, person.Subject):
		return q.wait(errInteraction())
	}
	if asked := q.toAllow(person.User.ID, view.Consent); asked != nil {
		if q.Silent {
			return verdict{}, errConsent()
		}
		return verdict{next: nextConsent, requirement: requirement, scopes: asked}, nil
	}
	return verdict{next: nextCode, requirement: requirement}, nil
}

// wait sends the user to the sign-in, or the client away where no page may be shown.
func (q pending) wait(otherwise error) (verdict, error) {
	if q.Silent {
		return verdict{}, otherwise
	}
	return verdict{next: nextSignIn}, nil
}

// toAllow returns the scopes that the user has to be asked about, nil for none.
// The vendor's own clients are asked about only on their own wish. Who has
// allowed this very request is not asked again; whoever was asked earlier, only
// about what is new.
func (q pending) toAllow(userID, consent string) []string {
	if q.Allowed == userID {
		return nil
	}
	if q.Consent {
		return q.Scope
	}
	if !q.client.ThirdParty {
		return nil
	}
	given := strings.Fields(consent)
	var asked []string
	for _, s := range q.Scope {
		if !slices.Contains(given, s) {
			asked = append(asked, s)
		}
	}
	return asked
}
