package admin

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"stile/manage"
	"stile/storage"
	"stile/templates"
)

// Anyone is the permission of what needs none: signing in and out.
const Anyone manage.Permission = "anyone"

// Route is a page, or one of the forms of a page.
type Route struct {
	Method     string // GET or POST
	Path       string // with {names} of ids
	Do         string // which of the page's forms, see templates.FieldDo; only of POST
	Permission manage.Permission
	Handle     func(*Visit) error
}

// Routes is the table of all routes. What stands in no row is refused, and so is
// a form whose permission is one to read.
func Routes() []Route {
	return slices.Concat(
		doorRoutes,
		overviewRoutes,
		settingsRoutes,
		userRoutes,
		invitationRoutes,
		productRoutes,
		deviceRoutes,
		requestRoutes,
		clientRoutes,
		logRoutes,
	)
}

// doorRoutes are the way in and the way out.
var doorRoutes = []Route{
	{http.MethodGet, callbackPath, "", Anyone, func(v *Visit) error { return v.callback(v.W, v.R) }},
	{http.MethodGet, signInPath, "", Anyone, (*Visit).signInAnew},
	{http.MethodPost, signOutPath, "", Anyone, (*Visit).signOut},
}

// page is what is served at one path.
type page struct {
	path  string
	get   *Route            // nil: the path has no page of its own
	forms map[string]*Route // by Do
}

// pagesOf sorts the table by path, and refuses what is not sound.
func pagesOf(table []Route) (map[string]*page, error) {
	pages := map[string]*page{}
	for _, r := range table {
		p := pages[r.Path]
		if p == nil {
			p = &page{path: r.Path, forms: map[string]*Route{}}
			pages[r.Path] = p
		}
		if err := p.takes(r); err != nil {
			return nil, err
		}
		if r.Method == http.MethodPost {
			p.forms[r.Do] = &r
		} else {
			p.get = &r
		}
	}
	return pages, nil
}

// takes refuses a route that is not sound, or has no room on the page.
func (p *page) takes(r Route) error {
	switch writes := r.Method == http.MethodPost; {
	case r.Path != home && !strings.HasPrefix(r.Path, home+"/"):
		return badRoute(r, "outside of "+home)
	case r.Handle == nil:
		return badRoute(r, "leads nowhere")
	case r.Permission == "":
		return badRoute(r, "has no permission")
	case !writes && (r.Method != http.MethodGet || r.Do != "" || p.get != nil):
		return badRoute(r, "is no page, or one of two")
	case writes && p.forms[r.Do] != nil:
		return badRoute(r, "is one of two")
	case writes && (r.Permission == manage.Read || r.Permission == manage.ReadAudit):
		return badRoute(r, "changes something with a permission to read")
	}
	return nil
}

// Mount adds the pages to a router.
func (c *Center) Mount(r *mux.Router) {
	for _, path := range slices.Sorted(maps.Keys(c.pages)) { // ids after words: "{" comes after all letters
		p := c.pages[path]
		var methods []string
		if p.get != nil {
			methods = append(methods, http.MethodGet, http.MethodHead)
		}
		if len(p.forms) > 0 {
			methods = append(methods, http.MethodPost)
		}
		if uploads[path] {
			c.Kit.TakeUploads(path)
		}
		r.Handle(path, c.Kit.Handle(func(w http.ResponseWriter, r *http.Request) error {
			return c.serve(p, w, r)
		})).Methods(methods...).Name(routeName(path))
	}
	r.Handle(home+"/", c.Kit.Handle(func(w http.ResponseWriter, r *http.Request) error {
		return c.Kit.Redirect(w, r, home)
	})).Methods(http.MethodGet, http.MethodHead)
}

// routeName names the route that the forms of a path are for.
func routeName(path string) string { return strings.TrimPrefix(path, "/") }

// uploads are the paths whose form brings a file, in templates.FieldFile.
var uploads = map[string]bool{importPath: true}

// ticking are the paths of pages with a checkbox for each product of the account.
var ticking = []string{settingsPath, userPath, invitePath}

// fieldsOf is how many fields the forms of a page have at most.
func fieldsOf(path string) int {
	const others = 100
	if slices.Contains(ticking, path) {
		return storage.MaxPerAccount + others
	}
	return others
}

// secret are the fields that are never kept.
var secret = []string{templates.FieldCSRF, templates.FieldConfirm, templates.FieldPassword, "secret"}

// keptFields are the fields of a form that are kept while whoever sent it signs
// in again, to fill the form in.
func keptFields(form url.Values) url.Values {
	kept := url.Values{}
	for name, values := range form {
		if !slices.Contains(secret, name) && len(values) > 0 && values[0] != "" {
			kept[name] = values
		}
	}
	return kept
}
