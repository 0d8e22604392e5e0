package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"stile/device"
	"stile/manage"
	"stile/roster"
	"stile/storage"
	"stile/web"
)

// Problem is what went wrong (RFC 9457).
type Problem struct {
	Type   string  `json:"type,omitempty" format:"uri" doc:"Names the kind of problem; about:blank if left out: the status says it all."`
	Title  string  `json:"title" doc:"The kind of problem in words."`
	Status int     `json:"status" doc:"The status of the answer."`
	Detail string  `json:"detail,omitempty" doc:"What is wrong with this request, for developers."`
	Errors []Fault `json:"errors,omitempty" doc:"The fields or lines that are wrong."`
	// Groups, Until and Most belong to some types.
	Groups    []BelowGroup `json:"groups,omitempty" doc:"With device-groups-below: the groups that must be raised first."`
	Until     *time.Time   `json:"until,omitempty" doc:"With cool-down: when changes are open again. With messages-wait: when as many can be sent."`
	Most      int          `json:"most,omitempty" doc:"With limit-reached: how many an account has at most."`
	RequestID string       `json:"request_id,omitempty" doc:"Reference of the request in the log."`

	header map[string]string
}

// Fault is one thing that is wrong.
type Fault struct {
	Field  string `json:"field,omitempty" doc:"Where: a member of the body, a parameter, or a header."`
	Line   int    `json:"line,omitempty" doc:"The line of a list."`
	Code   string `json:"code,omitempty" doc:"Stable name of what is wrong."`
	Detail string `json:"detail" doc:"What is wrong, for developers."`
}

// BelowGroup is a device group that falls short.
type BelowGroup struct {
	Name string  `json:"name"`
	Has  Version `json:"has" doc:"What the group has."`
	Need Version `json:"needs" doc:"What it must have."`
}

// The types of problems. Those without one are about:blank.
const (
	typePrefix   = "urn:stile:problem:"
	typeToken    = typePrefix + "invalid-token"
	typeScope    = typePrefix + "insufficient-scope"
	typeProofs   = typePrefix + "insufficient-user-authentication"
	typeCooldown = typePrefix + "cool-down"
	typeInput    = typePrefix + "invalid-input"
	typeBelow    = typePrefix + "device-groups-below"
	typeAdmin    = typePrefix + "last-admin"
	typeInUse    = typePrefix + "in-use"
	typeSpent    = typePrefix + "decided-already"
	typeOwn      = typePrefix + "own-request"
	typeChanged  = typePrefix + "changed-meanwhile"
	typeKey      = typePrefix + "idempotency-key"
	typeMails    = typePrefix + "messages-wait"
	typeFull     = typePrefix + "limit-reached"
)

// Error says what is wrong.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the status of the answer.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders returns the headers of the answer.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	for name, value := range p.header {
		h.Set(name, value)
	}
	return h
}

func (p *Problem) with(name, value string) *Problem {
	all := maps.Clone(p.header)
	if all == nil {
		all = map[string]string{}
	}
	all[name] = value
	p.header = all
	return p
}

// titles name the types in words.
var titles = map[string]string{
	typeToken: "Invalid token", typeScope: "Insufficient scope", typeProofs: "More proofs are needed", typeCooldown: "Closed for a while",
	typeInput: "Invalid input", typeBelow: "Device groups are below the required version", typeAdmin: "The account needs an administrator",
	typeInUse: "Still in use", typeSpent: "Decided already", typeOwn: "One's own request", typeChanged: "Changed meanwhile",
	typeKey: "Idempotency-Key", typeMails: "Too many messages wait", typeFull: "The account has as many as it may",
}

// problemTypes are the types, in order.
func problemTypes() []string { return slices.Sorted(maps.Keys(titles)) }

// filled completes a problem for one request.
func (p *Problem) filled(ctx context.Context) *Problem {
	full := *p
	if full.Title = titles[p.Type]; full.Title == "" {
		full.Title = http.StatusText(p.Status)
	}
	full.RequestID = web.RequestID(ctx)
	return &full
}

// write answers with a problem.
func (a *API) write(w http.ResponseWriter, r *http.Request, p *Problem) {
	for name, value := range p.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.filled(r.Context()))
}

func notFound() *Problem {
	return &Problem{Status: http.StatusNotFound, Detail: "There is nothing of this name in the account."}
}

func tooMany(wait time.Duration) *Problem {
	return (&Problem{Status: http.StatusTooManyRequests, Detail: "Too many requests from this network."}).after(wait)
}

// busy is told while too many lists are in work.
func busy(err error) *Problem {
	e, _ := errors.AsType[web.UserError](err)
	return (&Problem{Status: http.StatusServiceUnavailable, Detail: "Other lists are being read right now: send this one again later."}).after(e.RetryAfter)
}

// after says when to try again.
func (p *Problem) after(wait time.Duration) *Problem {
	return p.with("Retry-After", strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))))
}

// libraryProblem is how the library's own findings are told: without the values
// that were sent.
func libraryProblem(status int, detail string, errs []error) *Problem {
	p := &Problem{Status: status, Detail: detail}
	if status == http.StatusUnprocessableEntity || status == http.StatusBadRequest {
		p.Type, p.Detail = typeInput, "What was sent is not as the description has it."
	}
	if status >= http.StatusInternalServerError {
		p.Detail = "The request could not be answered."
		errs = nil
	}
	for _, err := range errs {
		fault := Fault{Detail: "not as described"}
		if e, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			_, field, _ := strings.Cut(e.Location, ".")
			if of, missing := strings.CutPrefix(e.Message, "expected required property "); missing {
				name, _, _ := strings.Cut(of, " ")
				field = strings.TrimPrefix(field+"."+name, ".")
			}
			fault = Fault{Field: field, Detail: e.Message}
		}
		p.Errors = append(p.Errors, fault)
	}
	p.Title = titles[p.Type]
	if p.Title == "" {
		p.Title = http.StatusText(status)
	}
	return p
}

// problem says what an error of package manage or storage means to the caller.
// What is not known here is our fault, and its text goes to the log only.
func (a *API) problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.filled(ctx)
	}
	p := a.known(ctx, err)
	if p == nil {
		p = a.refusal(err)
	}
	if p == nil {
		a.o.Logger.ErrorContext(ctx, "the API could not answer", "request_id", web.RequestID(ctx), "error", err)
		p = (&Problem{Status: http.StatusServiceUnavailable, Detail: "The provider cannot answer right now. Try again in a moment."}).with("Retry-After", "2")
	}
	return p.filled(ctx)
}

// known are the errors that say what the caller may do.
func (a *API) known(ctx context.Context, err error) *Problem {
	if proofs, ok := errors.AsType[manage.ProofsError](err); ok {
		return a.stepUp(proofs)
	}
	if cooldown, ok := errors.AsType[manage.CooldownError](err); ok {
		wait := strconv.Itoa(max(1, int(math.Ceil(cooldown.Until.Sub(a.o.Now()).Seconds()))))
		return (&Problem{
			Type: typeCooldown, Status: http.StatusForbidden, Until: &cooldown.Until,
			Detail: "An authenticator was replaced without the old one: changes are closed for a while.",
		}).with("Retry-After", wait)
	}
	switch {
	case errors.Is(err, manage.ErrForbidden):
		a.refused(ctx, "forbidden")
		return &Problem{Status: http.StatusForbidden, Detail: "Whoever the access token speaks for has no right to do this."}
	case errors.Is(err, storage.ErrNotFound):
		a.refused(ctx, "not_found")
		return notFound()
	case errors.Is(err, manage.ErrChanged):
		return &Problem{Type: typeChanged, Status: http.StatusPreconditionFailed, Detail: "It is no longer as If-Match says: read it again."}
	}
	return nil
}

// refusal are the errors that say what is wrong with the request.
func (a *API) refusal(err error) *Problem {
	refused := func(kind, detail string) *Problem {
		return &Problem{Type: kind, Status: http.StatusConflict, Detail: detail}
	}
	if input, ok := errors.AsType[manage.InputError](err); ok {
		return &Problem{
			Type: typeInput, Status: http.StatusUnprocessableEntity, Detail: "A field is refused.",
			Errors: []Fault{{Field: input.Field, Code: string(input.Code), Detail: input.Detail}},
		}
	}
	if below, ok := errors.AsType[device.BelowError](err); ok {
		p := refused(typeBelow, below.Error())
		for _, g := range below.Groups {
			p.Groups = append(p.Groups, BelowGroup{g.Name, versionOf(g.Has), versionOf(below.Needs)})
		}
		return p
	}
	if limited, ok := errors.AsType[storage.LimitedError](err); ok {
		p := tooMany(limited.Until.Sub(a.o.Now()))
		p.Type, p.Until, p.Detail = typeMails, &limited.Until, "Too many messages of the account wait to be sent. Nothing was changed."
		return p
	}
	if full, ok := errors.AsType[storage.FullError](err); ok {
		p := refused(typeFull, full.Error())
		p.Most = full.Most
		return p
	}
	if lines := faultsOf(err); lines != nil {
		return &Problem{Type: typeInput, Status: http.StatusUnprocessableEntity, Detail: "Lines are refused, and nothing is changed.", Errors: lines}
	}
	switch {
	case errors.Is(err, storage.ErrLastAdmin):
		return refused(typeAdmin, "The account needs at least one active administrator.")
	case errors.Is(err, storage.ErrInUse):
		return refused(typeInUse, "The policy names it: change the policy first.")
	case errors.Is(err, storage.ErrSpent):
		return refused(typeSpent, "The request was decided already, or is over.")
	case errors.Is(err, storage.ErrOwnRequest):
		return refused(typeOwn, "Nobody decides on a request of his own.")
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrExists):
		return refused(typeChanged, "Something else was changed at the same time: read it again.")
	}
	return nil
}

// faultsOf returns the lines of a list that are wrong.
func faultsOf(err error) (faults []Fault) {
	if list, ok := errors.AsType[*roster.Errors](err); ok {
		for _, l := range list.Lines {
			f := Fault{Line: l.Line, Detail: l.Err.Error()}
			if fault, ok := errors.AsType[roster.Fault](l.Err); ok {
				f.Field, f.Code = fault.Column, string(fault.Code)
			}
			faults = append(faults, f)
		}
	}
	if rows, ok := errors.AsType[storage.RowErrors](err); ok {
		for _, r := range rows {
			f := Fault{Line: r.Line, Detail: r.Err.Error()}
			if input, ok := errors.AsType[manage.InputError](r.Err); ok {
				f.Field, f.Code, f.Detail = input.Field, string(input.Code), input.Detail
			}
			faults = append(faults, f)
		}
	}
	return faults
}
