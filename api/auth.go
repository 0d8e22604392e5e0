package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"stile/audit"
	"stile/authn"
	"stile/manage"
	"stile/storage"
	"stile/web"
)

// Bearer is whom an access token speaks for, as everything is now.
type Bearer struct {
	Client   storage.Client
	Scopes   []string
	Person   *storage.Person // nil for a service
	Evidence authn.Evidence
}

// Errors of a [Judge]. With any other one the token could not be judged.
var (
	ErrBearer   = errors.New("api: not a live access token")
	ErrEvidence = errors.New("api: the user has to prove more than the token's grant has")
)

// Judge says whom an access token speaks for. It must read it anew each time.
type Judge func(ctx context.Context, token string) (Bearer, error)

type (
	whoKey      struct{}
	clientIDKey struct{}
)

func whoOf(ctx context.Context) manage.Who {
	w, _ := ctx.Value(whoKey{}).(manage.Who)
	return w
}

// clientIDOf is the client that the access token was issued to.
func clientIDOf(ctx context.Context) string {
	id, _ := ctx.Value(clientIDKey{}).(string)
	return id
}

// maxToken bounds what is taken for a token at all, in bytes.
const maxToken = 8 << 10

// admit is middleware: it finds out who calls, before anything that was sent is
// looked at.
func (a *API) admit(ctx huma.Context, next func(huma.Context)) {
	r, w := humamux.Unwrap(ctx)
	judging, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	who, clientID, err := a.who(r.WithContext(judging), ctx.Operation())
	if err != nil {
		a.write(w, r, a.problem(r.Context(), err))
		return
	}
	inner := context.WithValue(r.Context(), whoKey{}, who)
	inner = context.WithValue(inner, clientIDKey{}, clientID)
	inner = context.WithValue(inner, operationKey{}, ctx.Operation().OperationID)
	r = r.WithContext(inner)
	list := ctx.Operation().Path == Prefix+importPath
	if list {
		end, err := a.o.Kit.BeginUpload()
		if err != nil {
			_, _ = io.Copy(io.Discard, r.Body) // who is still sending doesn't hear an answer
			a.write(w, r, busy(err))
			return
		}
		defer end()
	}
	if err := readBody(r, ctx.Operation()); err != nil {
		a.write(w, r, a.problem(r.Context(), err))
		return
	}
	if list {
		working, cancel := context.WithTimeout(r.Context(), listPatience)
		defer cancel()
		r = r.WithContext(working)
	}
	next(humamux.NewContext(ctx.Operation(), r, w))
}

// who judges the token of a request, and says which client it was issued to.
func (a *API) who(r *http.Request, op *huma.Operation) (who manage.Who, clientID string, err error) {
	text, err := bearerToken(r.Header.Values("Authorization"))
	if err != nil {
		return manage.Who{}, "", err
	}
	b, err := a.o.Judge(r.Context(), text)
	switch {
	case errors.Is(err, ErrBearer):
		return manage.Who{}, "", invalidToken()
	case errors.Is(err, ErrEvidence):
		return manage.Who{}, "", manage.ProofsError{}
	case err != nil:
		return manage.Who{}, "", err
	}
	sets, _ := op.Metadata[keyScopes].([][]string)
	if !slices.ContainsFunc(sets, func(set []string) bool { return within(set, b.Scopes) }) {
		return manage.Who{}, "", insufficientScope(sets)
	}
	by := web.Actor(r)
	account := b.Client.AccountID
	if b.Person == nil {
		who, err = manage.Client(b.Client, b.Scopes, by)
		by.Kind, by.ID = "client", b.Client.ID
	} else {
		who, err = manage.User(*b.Person, b.Evidence, slices.Concat([]string{}, b.Scopes), by)
		by, account = b.Person.User.Acting(by), b.Person.Account.ID
	}
	if errors.Is(err, manage.ErrForbidden) {
		a.record(r.Context(), by, account, op.OperationID, "forbidden")
	}
	return who, b.Client.ID, err
}

// bearerToken finds the one token of a request (RFC 6750 section 2.1).
func bearerToken(headers []string) (string, error) {
	if len(headers) > 1 {
		return "", &Problem{Status: http.StatusBadRequest, Detail: "There is more than one Authorization header."}
	}
	if len(headers) == 1 {
		scheme, rest, _ := strings.Cut(headers[0], " ")
		text := strings.TrimLeft(rest, " ")
		switch {
		case !strings.EqualFold(scheme, "Bearer"):
		case text == "" || len(text) > maxToken:
			return "", invalidToken()
		default:
			return text, nil
		}
	}
	return "", challenge(&Problem{Status: http.StatusUnauthorized, Detail: "Send an access token in the header Authorization: Bearer …"}, "")
}

func challenge(p *Problem, code string, pairs ...string) *Problem {
	text := "Bearer"
	if code != "" {
		text += fmt.Sprintf(` error="%s", error_description="%s"`, code, p.Detail)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text += fmt.Sprintf(`, %s="%s"`, pairs[i], pairs[i+1])
	}
	return p.with("WWW-Authenticate", text)
}

func invalidToken() *Problem {
	return challenge(&Problem{Type: typeToken, Status: http.StatusUnauthorized, Detail: "The access token is not of this provider, or it has ended."}, "invalid_token")
}

// within tells whether each of the scopes is among the others.
func within(scopes, others []string) bool {
	return !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(others, s) })
}

func insufficientScope(sets [][]string) *Problem {
	p := &Problem{Type: typeScope, Status: http.StatusForbidden, Detail: "The access token is not for a scope that allows this."}
	needed := ""
	if len(sets) > 0 {
		needed = strings.Join(sets[0], " ")
	}
	return challenge(p, "insufficient_scope", "scope", needed)
}

// stepUp asks for what a user has to prove (RFC 9470 section 3).
func (a *API) stepUp(e manage.ProofsError) *Problem {
	p := &Problem{Type: typeProofs, Status: http.StatusUnauthorized, Detail: "The user has to give a second factor."}
	pairs := []string{"acr_values", a.o.ACR}
	switch {
	case e.Recovery: // what was proven is young enough, so it has to be asked for anew
		p.Detail = "A recovery code is not enough for changes: the user has to give a code of an authenticator app, or use a passkey."
		pairs = append(pairs, "max_age", "0")
	case e.MaxAge > 0:
		p.Detail = "The user has to give password and second factor again: this needs fresh proofs."
		pairs = append(pairs, "max_age", strconv.Itoa(int(e.MaxAge.Seconds())))
	}
	return challenge(p, "insufficient_user_authentication", pairs...)
}

type operationKey struct{}

// record writes down that somebody who is known was refused.
func (a *API) record(ctx context.Context, by audit.Actor, account, operation, reason string) {
	err := a.o.DB.RecordRefusal(context.WithoutCancel(ctx), audit.Event{
		Kind: audit.AdminRefused, Outcome: audit.Refused, Actor: by, AccountID: account, Reason: reason,
	}, operation)
	if err != nil {
		a.o.Logger.WarnContext(ctx, "a refusal is not in the audit log", "request_id", web.RequestID(ctx), "error", err)
	}
}

// refused is record for an operation under way.
func (a *API) refused(ctx context.Context, reason string) {
	if who := whoOf(ctx); who.AccountID() != "" {
		operation, _ := ctx.Value(operationKey{}).(string)
		a.record(ctx, who.Actor(), who.AccountID(), operation, reason)
	}
}
