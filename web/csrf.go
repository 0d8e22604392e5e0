package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"stile/seal"
)

// ErrCrossSite says that a form was not sent from a page of ours to this
// browser, or from one that is too old.
var ErrCrossSite = errors.New("form is not from a page of this browser")

// ErrNoCookies says that a form came without the cookie that its page had set.
var ErrNoCookies = errors.New("form came without the cookie of its page")

// periodSeconds is how long a form token lasts at least; the period before
// still counts.
const periodSeconds = 24 * 60 * 60

func (k *Kit) period() int64 { return k.now().Unix() / periodSeconds }

// holder returns what the forms of this request hold on to. The screens of a
// sign-in live before and across sessions, so theirs hold on to the browser;
// all other forms hold on to the session, whose id changes with every proof.
func (k *Kit) holder(r *http.Request) string {
	if !aboutOf(r).flow {
		if s := k.Cookie(r, CookieSession); seal.KindBrowser.Is(s) {
			return "session " + s
		}
	}
	binding := aboutOf(r).binding
	if binding == "" {
		binding = k.SentBinding(r)
	}
	if binding == "" {
		return ""
	}
	name, _ := bindingParts(binding)
	return "browser " + name
}

func (k *Kit) tokenFor(holder, route string, period int64) string {
	return k.hasher.Text(seal.HashForm, holder, route, strconv.FormatInt(period, 10))
}

// route names the place that a form is for: the name of the mux route, else its path.
func route(r *http.Request) string {
	if m := mux.CurrentRoute(r); m != nil && m.GetName() != "" {
		return m.GetName()
	}
	return r.URL.Path
}

// FormToken returns the hidden field of a form that posts to the named route.
// It sets the login cookie where the form would have nothing to hold on to.
func (k *Kit) FormToken(w http.ResponseWriter, r *http.Request, route string) string {
	if aboutOf(r).flow || k.holder(r) == "" {
		k.Binding(w, r)
	}
	return k.tokenFor(k.holder(r), route, k.period())
}

// checkToken tells whether a post comes from a page that this browser was given
// for this route.
func (k *Kit) checkToken(r *http.Request, sent string) error {
	if !k.fromOurselves(r) {
		return ErrCrossSite
	}
	holder := k.holder(r)
	if holder == "" {
		return ErrNoCookies
	}
	for _, period := range []int64{k.period(), k.period() - 1} {
		if k.hasher.Equal(seal.HashForm, sent, holder, route(r), strconv.FormatInt(period, 10)) {
			return nil
		}
	}
	return ErrCrossSite
}

// fromOurselves tells whether the browser says that a post comes from a page
// of ours. Browsers that don't send Sec-Fetch-Site send Origin, which must be
// the issuer to the letter, so "null" is a refusal. Clients that send neither
// are no browsers that could be tricked; the token alone decides.
func (k *Kit) fromOurselves(r *http.Request) bool {
	if k.crossOrigin.Check(r) != nil {
		return false
	}
	origin := r.Header.Values("Origin")
	return r.Header.Get("Sec-Fetch-Site") != "" || len(origin) == 0 || len(origin) == 1 && origin[0] == k.origin
}
