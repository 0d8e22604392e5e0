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
// require anyway, and fills in which acr values it may be answered with. The
// client's registration (default_acr_values, default_max_age of OpenID Connect
// Dynamic Client Registration, section 2) holds besides: a request may ask for
// more and not for less, since whoever sits at the browser can edit it. start is when the request
// came in: freshness is counted from there, so that a slow user is not asked
// for ever.
func (p *Provider) askOf(ctx context.Context, q *request, c *client, start time.Time) (authn.Ask, error) {
	var ask authn.Ask
	values, essential := acrWanted(q.ask)
	ask.Levels, ask.Essential = p.Levels.Of(values), essential
	ask.Floor = p.Levels.Of(c.Metadata.DefaultACRValues)
	q.ACR = slices.DeleteFunc(slices.Compact(slices.Concat(values, c.Metadata.DefaultACRValues)),
		func(v string) bool { _, ok := p.Levels.Level(v); return !ok })
	ask.Since = proofsSince(q, c, start)
	subject, err := p.subjectOf(ctx, q, c)
	ask.Subject = subject
	return ask, err
}

// acrWanted returns the acr values of a request in the client's order, and
// whether one of them has to be reached. The claims parameter is the more
// particular one (OpenID Connect Core, section 5.5.1.1).
func acrWanted(a askParameters) (values []string, essential bool) {
	if values, err := a.claims.acrValues(); err == nil && values != nil {
		return values, a.claims.acrEssential()
	}
	return a.acr, false
}

// proofsSince returns how old proofs may be, zero for any age: the shorter of
// what the request and the client's registration allow.
func proofsSince(q *request, c *client, start time.Time) time.Time {
	if q.ask.login {
		return start
	}
	age := q.ask.maxAge
	if d := c.Metadata.DefaultMaxAge; d != nil {
		registered := time.Duration(min(*d, math.MaxInt32)) * time.Second
		if age == nil || registered < *age {
			age = &registered
		}
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
