// Package web turns handlers that return errors into safe pages.
//
// A [Kit] belongs to one issuer. Its [Kit.Chain] stands in front of the router
// and gives every answer its headers, every request a reference and the address
// that it came from. [Kit.Handle] runs a handler; what the handler returns
// becomes an error page that tells nothing beyond a [UserError]'s sentence.
// [Kit.Page] renders, [Kit.Form] reads a form and makes sure that it was ours,
// and [Kit.Redirect] goes on with 303, to paths of our own only.
//
// Forms hold on to the session of the browser; those of handlers under
// [Kit.HandleFlow], the screens of a sign-in, hold on to the browser itself,
// because sessions come and go under them.
package web

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/securecookie"

	"stile/seal"
	"stile/templates"
)

// Options are what a Kit needs. Those after Now may be missing.
type Options struct {
	Issuer         string // https://host, or http://localhost:port
	Templates      *templates.Set
	Hasher         *seal.Hasher
	Ring           *seal.Ring
	Logger         *slog.Logger
	Now            func() time.Time
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Service        string         // display name of the installation
	Help, Privacy  string         // links of the footer, see templates.Frame
}

// Kit makes pages, cookies and forms for one issuer. It is safe for concurrent use.
type Kit struct {
	origin, host string // of the issuer, as browsers write them
	https        bool
	set          *templates.Set
	hasher       *seal.Hasher
	ring         *seal.Ring
	signed       *securecookie.SecureCookie
	crossOrigin  *http.CrossOriginProtection
	log          *slog.Logger
	now          func() time.Time
	trusted      []netip.Prefix
	frame        templates.Frame // what all pages have in common
	proxyWarning sync.Once
	uploads      map[string]bool // paths, see TakeUploads
	places       chan struct{}   // that files take, see BeginUpload
	failures     []failure       // see FailAs
}

// New returns a Kit, or says what is wrong with the issuer.
func New(o Options) (*Kit, error) {
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("issuer %q: use a URL without path, such as https://id.example.com", o.Issuer)
	}
	https := u.Scheme == "https"
	host := withoutDefaultPort(strings.ToLower(u.Host), https)
	return &Kit{
		origin: u.Scheme + "://" + host, host: host, https: https,
		set: o.Templates, hasher: o.Hasher, ring: o.Ring, signed: newCodec(o.Hasher),
		crossOrigin: http.NewCrossOriginProtection(),
		log:         o.Logger, now: o.Now, trusted: o.TrustedProxies,
		frame:   templates.Frame{Service: o.Service, Help: o.Help, Privacy: o.Privacy},
		uploads: map[string]bool{}, places: make(chan struct{}, maxUploads),
	}, nil
}

// Now returns the time by the clock of the pages.
func (k *Kit) Now() time.Time { return k.now() }

// HandlerFunc is a handler that may fail. It returns an error instead of
// writing one, and nothing after it has written.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// Handle runs h and answers its errors, see [Kit.Fail].
func (k *Kit) Handle(h HandlerFunc) http.Handler { return k.handle(h, false) }

// HandleFlow is Handle for the screens of a sign-in: their forms hold on to the
// browser's login cookie, and a page that opened them as a popup stays in touch.
func (k *Kit) HandleFlow(h HandlerFunc) http.Handler { return k.handle(h, true) }

func (k *Kit) handle(h HandlerFunc, flow bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := *aboutOf(r)
		a.flow = flow
		r = withAbout(r, &a)
		if err := h(w, r); err != nil {
			k.Fail(w, r, err)
		}
	})
}

func (k *Kit) logFailure(r *http.Request, status int, err error) {
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	k.log.Log(r.Context(), level, "request failed", "request_id", aboutOf(r).id, "status", status, "error", err)
}

// retryAfter says in whole seconds, rounded up, when to try again.
func retryAfter(h http.Header, after time.Duration) {
	h.Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
}

// Redirect goes on to a path of our own, with 303 so that nothing posted is
// posted again.
func (k *Kit) Redirect(w http.ResponseWriter, r *http.Request, path string) error {
	if !ownPath(path) {
		return fault(errors.New("redirect to something that is no path of ours"))
	}
	return k.Leave(w, r, path)
}

// Leave goes on to a URL with 303. Only for values that were registered and
// have been matched; for our own pages there is [Kit.Redirect].
func (k *Kit) Leave(w http.ResponseWriter, _ *http.Request, target string) error {
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// ownPath tells whether browsers take s for a path on this host. Some take a
// backslash for a slash, and drop tabs and line breaks.
func ownPath(s string) bool {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.HasPrefix(s, "/\\") {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '\\' })
}

// Page renders a page. Nothing is sent before all of it could be rendered.
func (k *Kit) Page(w http.ResponseWriter, r *http.Request, status int, page templates.Page, options ...PageOption) error {
	v := k.view(w, r, page, options)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(v.frame.Printer.Lang()))
	h.Set("Content-Security-Policy", v.policy)
	if aboutOf(r).flow || v.leads {
		h.Set("Cross-Origin-Opener-Policy", "unsafe-none") // a popup sign-in needs its opener
	}
	if v.retryAfter > 0 {
		retryAfter(h, v.retryAfter)
	}
	if err := k.set.Execute(answer{w, r.Method, status}, v.frame, page); err != nil {
		return fault(err)
	}
	return nil
}

// RecoverySheet answers with the recovery codes of a page as a text file.
func (k *Kit) RecoverySheet(w http.ResponseWriter, r *http.Request, page templates.Done, options ...PageOption) error {
	v := k.view(w, r, page, options)
	var body bytes.Buffer
	if err := k.set.RecoverySheet(&body, v.frame, page); err != nil {
		return fault(err)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="recovery-codes.txt"`)
	_, _ = answer{w, r.Method, http.StatusOK}.Write(body.Bytes())
	return nil
}

// answer is an answer whose body is written at once.
type answer struct {
	w      http.ResponseWriter
	method string
	status int
}

// Write sends the status and the whole body. That the browser has gone
// meanwhile is no error: nobody is there to be told.
func (a answer) Write(body []byte) (int, error) {
	a.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	a.w.WriteHeader(a.status)
	if a.method != http.MethodHead {
		_, _ = a.w.Write(body)
	}
	return len(body), nil
}
