package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"stile/limit"
	"stile/manage"
	"stile/storage"
	"stile/token"
	"stile/web"
)

// Prefix is where the API answers.
const Prefix = "/api/v1"

// pathDocument is where its description is.
const pathDocument = Prefix + "/openapi.json"

// Options are what the API is built of.
type Options struct {
	DB     *storage.DB
	Manage *manage.Service
	Kit    *web.Kit
	Issuer string
	ACR    string       // acr value of the multi-factor level
	Judge  Judge        // says whom a token speaks for
	Limit  limit.Figure // requests of one network
	Now    func() time.Time
	Logger *slog.Logger
}

// API is the machine API. Make one with [New].
type API struct {
	o        Options
	throttle *web.Throttle
	router   *mux.Router
	huma     huma.API
	document []byte
}

// usesProblems makes the library speak of errors as this package does, and take
// names as they are written. It keeps both in variables of its own.
var usesProblems = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		return libraryProblem(status, detail, errs)
	}
})

// New builds the API. It panics if an operation can't be described, which tests see.
func New(o Options) (*API, error) {
	usesProblems()
	a := &API{o: o, router: mux.NewRouter().SkipClean(true)}
	if o.Kit != nil {
		a.throttle = o.Kit.NewThrottle(o.Limit.Allowed, o.Limit.Per)
	}
	a.huma = humamux.New(a.router, a.config())
	a.huma.UseMiddleware(a.admit, a.once)
	a.accounts()
	a.policies()
	a.users()
	a.invitations()
	a.products()
	a.deviceGroups()
	a.deviceRequests()
	a.clients()
	a.events()
	a.series()
	leaveOpen(a.huma.OpenAPI())
	var err error
	if a.document, err = json.Marshal(a.huma.OpenAPI()); err != nil {
		return nil, err
	}
	a.router.Handle(pathDocument, http.HandlerFunc(a.serveDocument)).Methods(http.MethodGet)
	a.router.NotFoundHandler = a.always(notFound())
	a.router.MethodNotAllowedHandler = http.HandlerFunc(a.wrongMethod)
	return a, nil
}

// Mount adds the API to a router.
func (a *API) Mount(r *mux.Router) {
	a.o.Kit.TakeUploads(Prefix + importPath)
	a.o.Kit.FailAs(Prefix, func(w http.ResponseWriter, r *http.Request, status int) {
		a.write(w, r, libraryProblem(status, "The request is not answered.", nil))
	})
	r.PathPrefix(Prefix).Handler(a)
}

// Document returns the OpenAPI document.
func (a *API) Document() []byte { return a.document }

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Request-Id", web.RequestID(r.Context()))
	if wait := a.throttle.Wait(web.Network(r)); wait > 0 {
		a.write(w, r, tooMany(wait))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	export := r.URL.Path == pathExport
	if export || r.URL.Path == Prefix+importPath { // as long as it takes to send it
		ctx = r.Context()
	}
	r = r.WithContext(ctx)
	if r.Method == http.MethodHead && !export { // the server leaves the body out (RFC 9110 section 9.3.2)
		r.Method = http.MethodGet
	}
	a.router.ServeHTTP(w, r)
}

// How long a request may wait for the database, and how long a list of users
// may, from when it was read: the server bounds how long that takes.
const (
	patience     = 5 * time.Second
	listPatience = 12 * time.Second
)

func (a *API) serveDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(a.document)
}

func (a *API) always(p *Problem) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.write(w, r, p) })
}

// wrongMethod says which methods there are (RFC 9110 section 15.5.6).
func (a *API) wrongMethod(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		var match mux.RouteMatch
		if a.router.Match(other, &match) && match.MatchErr == nil {
			allowed = append(allowed, method)
			if method == http.MethodGet && r.URL.Path != pathExport {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	a.write(w, r, &Problem{Status: http.StatusMethodNotAllowed, Detail: "This is not done with " + r.Method + "."})
}

// config describes what all operations have in common.
func (a *API) config() huma.Config {
	scopes := map[string]string{
		manage.ScopeRead:    "read the account, its users, policy and audit log",
		manage.ScopeUsers:   "invite, change, disable, sign out and reset users",
		manage.ScopePolicy:  "change the policy, products and device groups",
		manage.ScopeClients: "connect apps and change them",
	}
	json := huma.Format{Marshal: marshal, Unmarshal: unmarshal}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Stile", Version: "1",
				Description: "What an account's administrators do in the Admin Center, for programs. A token acts on its own account only.",
			},
			Servers: []*huma.Server{{URL: a.o.Issuer}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{scheme: {
					Type:        "oauth2",
					Description: "Tokens of users need the multi-factor level, for changes proven within ten minutes; tokens of services are of a client that belongs to the account.",
					Flows: &huma.OAuthFlows{
						AuthorizationCode: &huma.OAuthFlow{AuthorizationURL: a.o.Issuer + "/authorize", TokenURL: a.o.Issuer + "/token", Scopes: scopes},
						ClientCredentials: &huma.OAuthFlow{TokenURL: a.o.Issuer + "/token", Scopes: scopes},
					},
				}},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": json, "json": json}, // the latter is problem+json, too
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// scheme is the one way to say who calls.
const scheme = "oauth2"

func marshal(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

var errJSON = errors.New("it has to be one JSON object of UTF-8, without repeated members")

// unmarshal reads what a stranger sent.
func unmarshal(text []byte, v any) error {
	if !utf8.Valid(text) || token.CheckObject(text) != nil || json.Unmarshal(text, v) != nil {
		return errJSON
	}
	return nil
}

// act is an operation before it is described: what it needs beside its input.
type act struct {
	id, method, path, summary, about string
	permission                       manage.Permission
	tag                              string
	status                           int
	whole                            bool   // needs every scope: it can do what an admin can
	answers                          string // media type, if it isn't JSON
}

// Where an operation keeps the scopes and the permission that it needs.
const (
	keyScopes     = "scopes"
	keyPermission = "x-permission"
)

// scopes are the sets of scopes of which a token needs one.
func (d act) scopes() (sets [][]string) {
	if d.whole {
		return [][]string{manage.Scopes()}
	}
	for _, s := range manage.ScopesFor(d.permission) {
		sets = append(sets, []string{s})
	}
	return sets
}

// do registers an operation.
func do[I, O any](a *API, d act, f func(context.Context, manage.Who, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: d.id, Method: d.method, Path: Prefix + d.path, Summary: d.summary, Description: d.about, Tags: []string{d.tag},
		DefaultStatus: d.status, Metadata: map[string]any{keyScopes: d.scopes()}, MaxBodyBytes: maxBody + 1, // what has so many is too large
		Extensions: map[string]any{keyPermission: string(d.permission)},
		Errors:     []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}
	if d.path == importPath {
		op.MaxBodyBytes = maxList + 1
	}
	for _, set := range d.scopes() {
		op.Security = append(op.Security, map[string][]string{scheme: set})
	}
	if strings.Contains(d.path, "{") {
		op.Errors = append(op.Errors, http.StatusNotFound)
	}
	input := reflect.TypeFor[I]()
	if _, ok := input.FieldByName("IfMatch"); ok {
		op.Errors = append(op.Errors, http.StatusPreconditionFailed, http.StatusPreconditionRequired)
	}
	if d.method == http.MethodPost {
		op.Errors = append(op.Errors, http.StatusConflict)
		op.Parameters = append(op.Parameters, idempotencyParam())
	}
	if takesBody(input) {
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, whoOf(ctx), in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
	item := a.huma.OpenAPI().Paths[op.Path]
	for _, known := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
		if known != nil && known.OperationID == d.id {
			describe(known, d.answers)
		}
	}
}
