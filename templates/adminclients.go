package templates

import "time"

// AdminClients lists the apps that the account has connected.
type AdminClients struct {
	Clients  []AdminClientRow
	Pager    Pager
	Editable bool // whoever looks may connect and remove
}

// AdminClientRow is one of them.
type AdminClientRow struct {
	ID, AppName, Kind string
	Off               bool
	Users             int       // who are signed in to it
	Used              time.Time // zero: never
}

// AdminConnect connects an app.
//
// Fields: FieldClientName, FieldClientKind, FieldRedirects, PrefixScope.
type AdminConnect struct {
	AppName       string
	Kinds, Scopes []AdminChoice
	Redirects     string // one a line
	Detail        string // what is wrong, in English, for developers
}

// AdminClient is one app. With Secret, which is shown this once, there are no
// forms on it: the page may stand at the address of another one.
//
// Forms: DoRotate, DoDisable, DoEnable, DoRemove (FieldConfirm, its name).
type AdminClient struct {
	AdminClientRow
	Issuer    string
	Redirects []string
	// PostLogout are where it may be returned to after signing out.
	PostLogout []string
	Scopes     []string
	Secret     string // empty: not shown
	HasSecret  bool
	Snippet    string // program text to begin with
	Confirm    string // what was typed
	Editable   bool
}

// AdminClientChange changes the registration of an app.
//
// Fields: FieldClientName, FieldRedirects, FieldPostLogout, PrefixScope,
// FieldVersion. Services have no URIs.
type AdminClientChange struct {
	ID, Called, AppName, Kind string
	Redirects, PostLogout     string // one a line
	Scopes                    []AdminChoice
	Version                   string
	Detail                    string // what is wrong, in English, for developers
}

// AdminClientUsers lists who uses an app.
type AdminClientUsers struct {
	ID, Called string
	Users      []AdminClientUser
	Pager      Pager
}

// AdminClientUser is one of them.
type AdminClientUser struct {
	ID, Name, Address string
	Disabled          bool
	Used              time.Time // when it was last given tokens; zero: it has no grant
	Allowed           time.Time // zero: was not asked
	Scopes            []string  // that were allowed
}

// Names of the fields of these pages, as registrations call them.
const (
	FieldClientName = "client_name"
	FieldClientKind = "client_kind"
	FieldRedirects  = "redirect_uris"
	FieldPostLogout = "post_logout_redirect_uris"
	FieldScope      = "scope"  // all PrefixScope together
	PrefixScope     = "scope." // a checkbox for each scope
)

// DoRotate is the value of FieldDo that asks for a new secret.
const DoRotate = "rotate"

// ErrAdminClientConfirm says that FieldConfirm is not the name of the app.
const ErrAdminClientConfirm = "error.admin.client_confirm"

// Name of the screen.
func (AdminClients) Name() string { return "admin-clients" }

// Section of the navigation.
func (AdminClients) Section() Section { return AdminClientsSection }

func (AdminClients) heading(*Frame) heading { return heading{key: "admin.nav.clients"} }

// Name of the screen.
func (AdminConnect) Name() string { return "admin-connect" }

// Section of the navigation.
func (AdminConnect) Section() Section { return AdminClientsSection }

func (AdminConnect) heading(*Frame) heading { return heading{key: "admin.clients.connect"} }

// Name of the screen.
func (AdminClient) Name() string { return "admin-client" }

// Section of the navigation.
func (AdminClient) Section() Section { return AdminClientsSection }

func (p AdminClient) heading(*Frame) heading {
	return heading{key: "admin.user.title", args: []any{"Name", name(p.AppName)}}
}

// Name of the screen.
func (AdminClientChange) Name() string { return "admin-client-change" }

// Section of the navigation.
func (AdminClientChange) Section() Section { return AdminClientsSection }

func (p AdminClientChange) heading(*Frame) heading {
	return heading{key: "admin.clients.change.title", args: []any{"App", name(p.Called)}}
}

// Name of the screen.
func (AdminClientUsers) Name() string { return "admin-client-users" }

// Section of the navigation.
func (AdminClientUsers) Section() Section { return AdminClientsSection }

func (p AdminClientUsers) heading(*Frame) heading {
	return heading{key: "admin.clients.people.title", args: []any{"App", name(p.Called)}}
}

// ClientKind is the name of a kind of app.
func (v *view) ClientKind(kind string) string {
	switch kind {
	case "web":
		return v.T("admin.clients.kind.web")
	case "spa":
		return v.T("admin.clients.kind.spa")
	case "native":
		return v.T("admin.clients.kind.native")
	}
	return v.T("admin.clients.kind.service")
}

// scopeKeys say what the scopes of services are for.
var scopeKeys = map[string]string{
	"stile.read": "admin.scope.read", "stile.users": "admin.scope.users",
	"stile.policy": "admin.scope.policy", "stile.clients": "admin.scope.clients",
}

// ServiceScope says what a service may do with a scope; empty for others.
func (v *view) ServiceScope(scope string) string {
	if key, ok := scopeKeys[scope]; ok {
		return v.T(key)
	}
	return ""
}

// personScopes say what the scopes of apps with people are for.
var personScopes = map[string]string{
	"openid": "admin.scope.openid", "profile": "admin.scope.profile", "email": "admin.scope.email", "account": "admin.scope.account",
	"roles": "admin.scope.roles", "entitlements": "admin.scope.entitlements", "offline_access": "admin.scope.offline_access",
}

// ScopeName says what an app may ask for; empty for a scope that is not ours.
func (v *view) ScopeName(scope string) string {
	if key, ok := personScopes[scope]; ok {
		return v.T(key)
	}
	return v.ServiceScope(scope)
}

// ClientState makes what the template "state" shows of an app.
func (v *view) ClientState(off bool) state {
	if off {
		return v.State("bad", "admin.clients.off")
	}
	return v.State("good", "admin.clients.on")
}
