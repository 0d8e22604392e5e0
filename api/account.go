package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"stile/device"
	"stile/manage"
	"stile/storage"
)

// Account is the account that a token works on.
type Account struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Language  string    `json:"language,omitempty" doc:"Of mails and pages where a user has none of his own."`
	TimeZone  string    `json:"time_zone,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// Version is a client version with its build.
type Version struct {
	Version string `json:"client_version" maxLength:"50" example:"4.3" doc:"One to four numbers with dots between."`
	Build   int    `json:"client_build" minimum:"0" maximum:"999999999" example:"1575"`
}

func versionOf(v device.Version) Version { return Version{v.Text(), v.Build} }

// Coverage counts whom a policy covers.
type Coverage struct {
	Users    int `json:"users" doc:"Active users of the account."`
	Covered  int `json:"covered" doc:"Of them: whom the policy covers, if it is on."`
	Enrolled int `json:"enrolled" doc:"Of the covered: with an authenticator app or a passkey."`
	ToEnrol  int `json:"to_enrol" doc:"Of the covered: who will have to enrol at the next sign-in."`
	SignedIn int `json:"signed_in" doc:"Of the covered: with a live session."`
}

func coverageOf(c storage.Coverage) Coverage {
	return Coverage{c.Users, c.Covered, c.Enrolled, c.ToEnrol, c.SignedIn}
}

// Policy is the account's policy.
type Policy struct {
	Version     int64      `json:"version" doc:"Rises with each change; also the ETag."`
	TwoStep     string     `json:"two_step" enum:"required,optional"`
	Products    []string   `json:"products" doc:"Ids of the products whose holders are covered; none: everyone."`
	From        *time.Time `json:"from,omitempty" doc:"From when two-step verification is required, if that is still to come."`
	WaiveFirst  bool       `json:"waive_first" doc:"The setup code of an enrolment counts as the first code."`
	Reenrolment string     `json:"reenrolment" enum:"email,recovery-code,admin" doc:"What replaces a lost authenticator."`
	TrustDays   int        `json:"trusted_browser_days" doc:"For how many days a browser can be trusted from a code on; 0: not at all. Tokens never speak of a code that was not given."`
	Required    Version    `json:"required" doc:"What every device group must have before two-step verification can be turned on."`
}

const (
	required = "required"
	optional = "optional"
)

func policyOf(p storage.Policy) Policy {
	shown := Policy{
		Version: p.Version, TwoStep: optional, Products: listOf(p.Products), WaiveFirst: p.WaiveFirst,
		Reenrolment: string(p.Reenrolment), TrustDays: p.TrustDays(), Required: versionOf(p.Required),
	}
	if p.TwoStep {
		shown.TwoStep = required
	}
	if !p.From.IsZero() {
		shown.From = &p.From
	}
	if shown.Reenrolment == "" {
		shown.Reenrolment = string(storage.ReenrolByEmail)
	}
	return shown
}

// listOf is a list that is [] where there is nothing.
func listOf[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// PolicyChange is what is to be changed of a policy. What is left out stays.
type PolicyChange struct {
	TwoStep     *string    `json:"two_step,omitempty" enum:"required,optional"`
	Products    *[]string  `json:"products,omitempty" maxItems:"500" doc:"Ids; an empty list covers everyone."`
	From        *time.Time `json:"from,omitempty" doc:"From when it holds; left out: at once."`
	WaiveFirst  *bool      `json:"waive_first,omitempty"`
	Reenrolment *string    `json:"reenrolment,omitempty" enum:"email,recovery-code,admin"`
	TrustDays   *int       `json:"trusted_browser_days,omitempty" minimum:"0" maximum:"30" doc:"0: not at all. What is lowered holds at once."`
	Required    *Version   `json:"required,omitempty"`
}

func (c PolicyChange) change() (manage.PolicyChange, error) {
	m := manage.PolicyChange{Products: c.Products, From: c.From, WaiveFirst: c.WaiveFirst, TrustDays: c.TrustDays}
	if c.TwoStep != nil {
		m.TwoStep = new(*c.TwoStep == required)
		if c.From == nil {
			m.From = &time.Time{}
		}
	}
	if c.Reenrolment != nil {
		m.Reenrolment = new(storage.Reenrolment(*c.Reenrolment))
	}
	if c.Required != nil {
		v, err := manage.ParseVersion(c.Required.Version, c.Required.Build)
		if err != nil {
			return m, err
		}
		m.Required = &v
	}
	return m, nil
}

// Review is what a change of the policy would bring.
type Review struct {
	Now      Policy       `json:"now"`
	Next     Policy       `json:"next"`
	Coverage Coverage     `json:"coverage" doc:"Under next, as if it held already."`
	Below    []BelowGroup `json:"groups_below" doc:"Groups that must be raised before it can be turned on; none: it can."`
}

func reviewOf(r manage.Review) Review {
	shown := Review{Now: policyOf(r.Now), Next: policyOf(r.Next), Coverage: coverageOf(r.Coverage), Below: []BelowGroup{}}
	for _, g := range r.Below {
		shown.Below = append(shown.Below, BelowGroup{g.Name, versionOf(g.Has), versionOf(r.Next.Required)})
	}
	return shown
}

// one is an answer with a record that has no tag.
type one[T any] struct{ Body T }

// taggedOne is an answer with a record and the tag of its state.
type taggedOne[T any] struct {
	Tagged
	Body T
}

func tagged[T any](tag string, body T) *taggedOne[T] { return &taggedOne[T]{Tagged{tag}, body} }

// taggedNew is an answer with a record that was made, and its tag.
type taggedNew[T any] struct {
	Tagged
	Made
	Body T
}

func madeTagged[T any](path, id, tag string, body T) *taggedNew[T] {
	return &taggedNew[T]{Tagged{tag}, Made{Prefix + path + url.PathEscape(id)}, body}
}

func (a *API) accounts() {
	do(a, act{
		id: "getAccount", method: http.MethodGet, path: "/account", tag: "Account", permission: manage.Read,
		summary: "The account that the token works on",
	}, func(ctx context.Context, w manage.Who, _ *struct{}) (*one[Account], error) {
		s, err := a.o.Manage.Account(ctx, w)
		if err != nil {
			return nil, err
		}
		return &one[Account]{Account{s.Account.ID, s.Account.Name, s.Account.Language, s.Account.TimeZone, s.Account.CreatedAt}}, nil
	})
	do(a, act{
		id: "getCoverage", method: http.MethodGet, path: "/coverage", tag: "Account", permission: manage.Read,
		summary: "How many users the policy covers", about: "As if two-step verification were on; the policy says whether it is.",
	}, func(ctx context.Context, w manage.Who, _ *struct{}) (*one[Coverage], error) {
		r, err := a.o.Manage.Policy(ctx, w)
		return &one[Coverage]{coverageOf(r.Coverage)}, err
	})
}

func (a *API) policies() {
	do(a, act{
		id: "getPolicy", method: http.MethodGet, path: "/policy", tag: "Policy", permission: manage.Read,
		summary: "The account's policy",
	}, func(ctx context.Context, w manage.Who, _ *struct{}) (*taggedOne[Policy], error) {
		s, err := a.o.Manage.Account(ctx, w)
		if err != nil {
			return nil, err
		}
		return tagged(versionTag(s.Policy.Version), policyOf(s.Policy)), nil
	})
	type change struct {
		IfMatch
		Body PolicyChange
	}
	do(a, act{
		id: "updatePolicy", method: http.MethodPatch, path: "/policy", tag: "Policy", permission: manage.EditPolicy,
		summary: "Change the policy",
		about: "Turning two-step verification on is refused (409, device-groups-below) while device groups fall short; review it first. " +
			"From then on every covered user enrols at the next sign-in and gives a code each time. Nobody is signed out who has proven it.",
	}, func(ctx context.Context, w manage.Who, in *change) (*taggedOne[Policy], error) {
		version, err := in.seenVersion()
		if err != nil {
			return nil, err
		}
		c, err := in.Body.change()
		if err != nil {
			return nil, err
		}
		p, err := a.o.Manage.SetPolicy(ctx, w, c, version)
		if err != nil {
			return nil, err
		}
		return tagged(versionTag(p.Version), policyOf(p)), nil
	})
	type rehearsal struct{ Body PolicyChange }
	do(a, act{
		id: "reviewPolicy", method: http.MethodPost, path: "/policy/review", tag: "Policy", permission: manage.Read, status: http.StatusOK,
		summary: "What a change of the policy would bring", about: "Changes nothing.",
	}, func(ctx context.Context, w manage.Who, in *rehearsal) (*one[Review], error) {
		c, err := in.Body.change()
		if err != nil {
			return nil, err
		}
		r, err := a.o.Manage.ReviewPolicy(ctx, w, c)
		if err != nil {
			return nil, err
		}
		return &one[Review]{reviewOf(r)}, nil
	})
}
