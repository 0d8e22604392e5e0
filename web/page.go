package web

import (
	"net/http"
	"time"

	"stile/templates"
)

// PageOption says what is special about one page.
type PageOption func(*view)

// view is a page in the making.
type view struct {
	frame       templates.Frame
	preferred   []string // languages, most wanted first
	fallback    string   // language after what the browser wants
	zone        string
	formTargets []string
	leads       bool
	policy      string
	retryAfter  time.Duration
	oneLanguage bool
}

// FormAction names where a post from this page can lead besides our own pages:
// what [FormTargets] makes of the redirect URI, without more.
func FormAction(targets ...string) PageOption {
	return func(v *view) { v.formTargets, v.leads = targets, true }
}

// Policy replaces the page's whole Content-Security-Policy: for pages whose one
// purpose is to hand something to another site.
func Policy(policy string) PageOption { return func(v *view) { v.policy = policy } }

// Languages are what the user set and what the request asks for (ui_locales),
// most wanted first. Only the language switch goes before them.
func Languages(tags ...string) PageOption { return func(v *view) { v.preferred = tags } }

// DefaultLanguage is what to fall back on when the browser wants nothing that there is.
func DefaultLanguage(tag string) PageOption { return func(v *view) { v.fallback = tag } }

// Zone is the time zone that the page tells times in: the user's own, or else
// the account's, which a script may replace by the browser's.
func Zone(own, account string) PageOption {
	return func(v *view) {
		v.zone, v.frame.ZoneGuessed = own, own == ""
		if own == "" {
			v.zone = account
		}
	}
}

// Client names for whom the page speaks.
func Client(c templates.Client) PageOption { return func(v *view) { v.frame.Client = c } }

// Problems are what was wrong with the form just sent.
func Problems(problems ...templates.FieldError) PageOption {
	return func(v *view) { v.frame.Errors = problems }
}

// WithoutSwitch leaves out the language switch: for pages that answer a post and
// are found by nothing that may stand in a URL.
func WithoutSwitch() PageOption { return func(v *view) { v.oneLanguage = true } }

// RetryAfter says when to try again, for 429 and 503.
func RetryAfter(after time.Duration) PageOption { return func(v *view) { v.retryAfter = after } }

// Framed lets the caller fill in whatever else a frame has.
func Framed(fill func(*templates.Frame)) PageOption { return func(v *view) { fill(&v.frame) } }

// view works out what every page has: its language, its time zone, the token
// of its forms, and its policy.
func (k *Kit) view(w http.ResponseWriter, r *http.Request, page templates.Page, options []PageOption) *view {
	v := &view{frame: k.frame}
	for _, o := range options {
		o(v)
	}
	f := &v.frame
	f.Reference, f.Now = aboutOf(r).id, k.now()
	f.Printer = k.printer(w, r, v)
	if !v.oneLanguage {
		f.Languages = languageLinks(r, f.Request, string(f.Printer.Lang()))
	}
	f.Action = WithLanguage(r, r.URL.Path)
	if v.zone != "" {
		if zone, err := time.LoadLocation(v.zone); err == nil {
			f.Zone = zone
		}
	}
	if hasForm(page) {
		f.CSRF = k.FormToken(w, r, route(r))
	}
	if v.policy == "" {
		v.policy = pagePolicy(v.formTargets)
	}
	return v
}

// hasForm tells whether a page posts to us. One that doesn't gets no cookie.
func hasForm(page templates.Page) bool {
	switch page.(type) {
	case templates.ErrorPage, templates.SignedOut, templates.Finished, templates.FormPost, templates.Welcome, templates.NotMeDone:
		return false
	}
	return true
}
