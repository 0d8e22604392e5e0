package op

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"stile/authn"
	"stile/token"
)

// askOf says what a request wants proven, beyond what the account and the user
// require anyway, and fills in which acr values it may be answered with. What
// the request leaves open is taken from the client's registration (OpenID
// Connect Dynamic Client Registration, section 2). start is when the request
// came in: freshness is counted from there, so that a slow user is not asked
// for ever.
func (p *Provider) askOf(ctx context.Context, q *request, c *client, start time.Time) (authn.Ask, error) {
	var ask authn.Ask
	values, essential := acrWanted(q.ask, c)
	q.ACR = slices.DeleteFunc(slices.Compact(values), func(v string) bool { _, ok := p.Levels.Level(v); return !ok })
	ask.Levels, ask.Essential = p.Levels.Of(q.ACR), essential
	ask.Since = proofsSince(q, c, start)
	subject, err := p.subjectOf(ctx, q, c)
	ask.Subject = subject
	return ask, err
}

// acrWanted returns the acr values of a request in the client's order, and
// whether one of them has to be reached. The claims parameter is the more
// particular one (OpenID Connect Core, section 5.5.1.1).
func acrWanted(a askParameters, c *client) (values []string, essential bool) {
	if values, err := a.claims.acrValues(); err == nil && values != nil {
		return values, a.claims.acrEssential()
	}
	if len(a.acr) > 0 {
		return a.acr, false
	}
	return slices.Clone(c.Metadata.DefaultACRValues), false
}

// proofsSince returns how old proofs may be, zero for any age. Choosing an
// account is done by signing in to it.
func proofsSince(q *request, c *client, start time.Time) time.Time {
	if q.ask.login || q.Select {
		return start
	}
	age := q.ask.maxAge
	if age == nil && c.Metadata.DefaultMaxAge != nil {
		seconds := time.Duration(min(*c.Metadata.DefaultMaxAge, math.MaxInt32)) * time.Second
		age = &seconds
	}
	if age == nil {
		return time.Time{}
	}
	return start.Add(-*age)
}

// subjectOf returns the user whom the request is about: that of id_token_hint,
// or the sub of the claims parameter; empty for anybody. Whether there is such
// a user is not looked up, so it can't be told.
func (p *Provider) subjectOf(ctx context.Context, q *request, c *client) (string, error) {
	subject := q.ask.claims.subject
	if q.ask.hint == "" {
		return subject, nil
	}
	hint, err := p.Tokens.VerifyIDTokenHint(ctx, q.ask.hint, c.ID)
	switch {
	case errors.Is(err, token.ErrInvalid):
		return "", errIDTokenHint()
	case err != nil:
		return "", err
	case subject != "" && subject != hint.Subject:
		return "", errSubjects()
	}
	return hint.Subject, nil
}
