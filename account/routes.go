package account

import (
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"stile/templates"
)

// need is what a route wants of whoever asks.
type need int

const (
	undeclared need = iota
	// anybody: also somebody who is not signed in.
	anybody
	// present: a live session, whatever it has proven. For forms that give back no
	// more than they bring.
	present
	// signedIn: what the account and the user's own setting require of any app.
	signedIn
	// confirmed: besides, proofs younger than [authn.Sensitive], of the highest
	// level that the user has, and more than a recovery code.
	confirmed
	// settled: confirmed, and no authenticator replaced lately without the old one.
	settled
	// twoSteps: settled, and of two steps; who has no second factor enrols one.
	twoSteps
	// replacing: the same, but any second factor will do, also where there is a
	// stronger one: it may be the one that is lost.
	replacing
)

// route is a page, or one of the forms of a page.
type route struct {
	method string // GET or POST
	path   string
	do     string // which of the page's forms, see templates.FieldDo; only of POST
	needs  need
	handle func(*visit) error
}

// routes is the table of all routes.
var routes = []route{
	{http.MethodGet, switchPath, "", anybody, (*visit).switchUser},
	{http.MethodPost, signOutPath, "", anybody, (*visit).signOut},

	{http.MethodGet, home, "", signedIn, (*visit).security},
	{http.MethodPost, home, templates.DoTurnOn, signedIn, (*visit).turnOn},
	{http.MethodPost, home, templates.DoTurnOff, settled, (*visit).turnOff},
	{http.MethodPost, home, templates.DoNewDevice, signedIn, (*visit).newDevice},
	{http.MethodPost, home, templates.DoForget, settled, (*visit).forget},
	{http.MethodPost, home, templates.DoForgetAll, settled, (*visit).forgetAll},
	{http.MethodPost, home, templates.DoRemovePasskey, replacing, (*visit).removePasskey},

	{http.MethodGet, newPasskeyPath, "", twoSteps, (*visit).newPasskey},
	{http.MethodPost, newPasskeyPath, "", twoSteps, (*visit).addPasskey},
	{http.MethodGet, passkeyPath, "", signedIn, (*visit).nameOfPasskey},
	{http.MethodPost, passkeyPath, templates.DoRenamePasskey, signedIn, (*visit).renamePasskey},

	{http.MethodGet, passwordPath, "", settled, (*visit).password},
	{http.MethodPost, passwordPath, "", settled, (*visit).changePassword},

	{http.MethodPost, recoveryPath, templates.DoMakeCodes, settled, (*visit).newCodes},
	{http.MethodPost, recoveryPath, templates.DoDownload, present, (*visit).download},

	{http.MethodGet, sessionsPath, "", signedIn, (*visit).sessions},
	{http.MethodPost, sessionsPath, templates.DoEndSession, settled, (*visit).endSession},
	{http.MethodPost, sessionsPath, templates.DoEndApp, signedIn, (*visit).endApp},
	{http.MethodPost, sessionsPath, templates.DoEndOthers, settled, (*visit).endOthers},

	{http.MethodGet, activityPath, "", signedIn, (*visit).activity},
	{http.MethodGet, profilePath, "", signedIn, (*visit).profile},
	{http.MethodPost, profilePath, "", signedIn, (*visit).saveProfile},
	{http.MethodPost, activityPath, templates.DoNotMe, settled, (*visit).notMe},

	{http.MethodGet, emailPath, "", settled, (*visit).email},
	{http.MethodPost, emailPath, "", settled, (*visit).askEmail},
	{http.MethodGet, confirmPath, "", signedIn, (*visit).newEmail},
	{http.MethodPost, confirmPath, "", settled, (*visit).confirmEmail},

	{http.MethodGet, dataPath, "", signedIn, (*visit).data},
	{http.MethodPost, dataPath, templates.DoAskExport, settled, (*visit).askExport},
	{http.MethodPost, dataPath, templates.DoTakeExport, settled, (*visit).takeExport},
	{http.MethodGet, erasePath, "", settled, (*visit).erasure},
	{http.MethodPost, erasePath, "", settled, (*visit).erase},
}

// page is what is served at one path.
type page struct {
	path  string
	get   *route            // nil: the path has no page of its own
	forms map[string]*route // by do
}

// Mount adds the pages to a router. A route that doesn't say what it needs is a
// fault of the program, seen at its start.
func (h *Handler) Mount(r *mux.Router) {
	pages := map[string]*page{}
	var order []string
	for _, to := range routes {
		if to.needs == undeclared || to.handle == nil {
			panic(fmt.Sprintf("account: %s %s does not say what it needs", to.method, to.path))
		}
		p := pages[to.path]
		if p == nil {
			p = &page{path: to.path, forms: map[string]*route{}}
			pages[to.path], order = p, append(order, to.path)
		}
		if to.method == http.MethodPost {
			p.forms[to.do] = &to
		} else {
			p.get = &to
		}
	}
	r.Handle(wellKnownPath, h.Kit.Handle(h.wellKnown)).Methods(http.MethodGet, http.MethodHead).Name("account." + wellKnownPath)
	throttle := h.Kit.NewThrottle(h.Limit.Allowed, h.Limit.Per)
	for _, path := range order {
		p := pages[path]
		var methods []string
		if p.get != nil {
			methods = append(methods, http.MethodGet, http.MethodHead)
		}
		if len(p.forms) > 0 {
			methods = append(methods, http.MethodPost)
		}
		r.Handle(path, h.Kit.Handle(func(w http.ResponseWriter, r *http.Request) error {
			if err := throttle.Hold(r); err != nil {
				return err
			}
			return h.serve(p, w, r)
		})).Methods(methods...).Name(routeName(path))
	}
}

// routeName is the name of the route of a path, which forms are bound to.
func routeName(path string) string { return "account." + path }
