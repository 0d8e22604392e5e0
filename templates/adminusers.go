package templates

import (
	"time"

	"stile/locale"
)

// AdminChoice is one entry of a list to choose from.
type AdminChoice struct {
	ID, Name string
	Chosen   bool
}

// AdminUsers lists the account's people, a page at a time.
//
// Fields of the filter, which is sent by GET: FieldText, FieldState, FieldRole,
// FieldProduct.
type AdminUsers struct {
	Text                 string // words that are looked for
	States, Roles, Seats []AdminChoice
	Users                []AdminUserRow
	Pager                Pager
	Filtered             bool // not everybody is listed
	Export               string
	Editable             bool // whoever looks may invite and change
}

// AdminUserRow is one user of a list.
type AdminUserRow struct {
	ID, Name, Address string
	Roles             []string // other than member
	Covered           bool
	From              time.Time // from when, if not yet
	Authenticator     AdminAuthenticator
	Disabled          bool
	SignedIn          time.Time // zero: never
}

// AdminAuthenticator says what a user has to prove a second step.
type AdminAuthenticator string

// What a user may have.
const (
	AuthenticatorNone      AdminAuthenticator = "none"
	AuthenticatorApp       AdminAuthenticator = "app"
	AuthenticatorKey       AdminAuthenticator = "passkey" // and no app
	AuthenticatorSuspended AdminAuthenticator = "suspended"
)

// Names of the fields of these pages.
const (
	FieldText    = "text"
	FieldState   = "state"
	FieldRole    = "role"
	FieldProduct = "product"
	FieldAfter   = "after" // of a list: what the page before ended with
	FieldName    = "name"
	FieldLocale  = "language"
	FieldZone    = "time_zone"
	FieldConfirm = "confirm"
	FieldTag     = "tag"
	FieldID      = "id"
	FieldFile    = "file"
	PrefixRole   = "role."    // a checkbox for each role
	PrefixSeat   = "product." // a checkbox for each product
)

// Values of FieldDo on these pages.
const (
	DoDisable  = "disable"
	DoEnable   = "enable"
	DoReset    = "reset"
	DoAskReset = "ask-reset"
	DoWithdraw = "withdraw"
	DoApprove  = "approve"
	DoRefuse   = "refuse"
	DoCheck    = "check" // import: say what would come of it
)

// Name of the screen.
func (AdminUsers) Name() string { return "admin-users" }

// Section of the navigation.
func (AdminUsers) Section() Section { return AdminUsersSection }

func (AdminUsers) heading(*Frame) heading { return heading{key: "admin.users.title"} }

// AdminUser is one user.
//
// Fields: FieldName, PrefixRole, PrefixSeat, FieldLocale, FieldZone, FieldTag.
// Other forms: DoDisable, DoEnable, DoSignOut, DoReset (FieldConfirm), DoAskReset.
type AdminUser struct {
	AdminUserRow
	AddressVerified bool
	Since           time.Time // when the authenticator was connected; zero: none
	RecoveryLeft    int
	Made            time.Time
	AllRoles, Seats []AdminChoice
	Languages       []AdminChoice
	Zone            string
	Tag             string // of what was seen
	Confirm         string // what was typed
	// What whoever looks may do.
	Editable, CanSignOut, CanReset, CanAskReset bool
	Self                                        bool // it is whoever looks
}

// Name of the screen.
func (AdminUser) Name() string { return "admin-user" }

// Section of the navigation.
func (AdminUser) Section() Section { return AdminUsersSection }

func (p AdminUser) heading(*Frame) heading {
	return heading{key: "admin.user.title", args: []any{"Name", name(p.AdminUserRow.Name)}}
}

// AdminInvite invites somebody.
//
// Fields: FieldEmail, FieldName, PrefixRole, PrefixSeat, FieldLocale, FieldZone.
type AdminInvite struct {
	Address, Who, Zone     string
	Roles, Seats, Language []AdminChoice
}

// Name of the screen.
func (AdminInvite) Name() string { return "admin-invite" }

// Section of the navigation.
func (AdminInvite) Section() Section { return AdminUsersSection }

func (AdminInvite) heading(*Frame) heading { return heading{key: "admin.invite.title"} }

// AdminInvitations lists the invitations that nobody has accepted yet.
//
// Form: DoWithdraw (FieldID).
type AdminInvitations struct {
	Invitations []AdminInvitation
	Pager       Pager
	Editable    bool
}

// AdminInvitation is one of them.
type AdminInvitation struct {
	ID, Name, Address, By string
	Roles                 []string // given with it, such as "member"
	Products              []string // by name
	Sent, Until           time.Time
	Waits                 bool // Sent lies ahead
}

// Name of the screen.
func (AdminInvitations) Name() string { return "admin-invitations" }

// Section of the navigation.
func (AdminInvitations) Section() Section { return AdminUsersSection }

func (AdminInvitations) heading(*Frame) heading { return heading{key: "admin.invitations.title"} }

// AdminImport imports a list of users: all of it or nothing.
//
// Fields: FieldFile. The main form changes people; DoCheck only says what would
// come of it.
type AdminImport struct {
	Header string // first line of a list
	Most   int    // users of a list
	Check  bool   // DoCheck was chosen
	Faults []AdminFault
	More   int // faults that are not listed
	Result *AdminImported
}

// AdminFault is what is wrong with one line.
type AdminFault struct {
	Line   int
	Column string // as the header of the list has it; may be empty
	Key    string // see FaultKey
	Args   locale.Args
}

// faultKeys are the keys of what may be wrong with a line, by the codes of
// packages roster and manage.
var faultKeys = map[string]string{
	"rows":      "admin.import.fault.rows",
	"empty":     "admin.import.fault.empty",
	"utf16":     "admin.import.fault.utf16",
	"utf8":      "admin.import.fault.utf8",
	"separator": "admin.import.fault.separator",
	"header":    "admin.import.fault.header",
	"quote":     "admin.import.fault.quote",
	"cells":     "admin.import.fault.cells",
	"long":      "admin.import.fault.long",
	"control":   "admin.import.fault.control",
	"list":      "admin.import.fault.list",
	"no_role":   "admin.import.fault.no_role",
	"language":  "admin.import.fault.language",
	"twice":     "admin.import.fault.twice",
	"role":      "admin.import.fault.role",
	"product":   "admin.import.fault.product",
	"time_zone": "admin.import.fault.time_zone",
	"wait":      "admin.import.fault.wait",
}

// FaultKey returns the key of what is wrong with a line of a list; that of
// [InputKey] for what may be wrong with a field too.
func FaultKey(code string) string {
	if key, ok := faultKeys[code]; ok {
		return key
	}
	return InputKey(code)
}

// AdminImported says what came, or would come, of a list.
type AdminImported struct {
	Checked                     bool // nothing was changed
	Invited, Changed, Unchanged int
	SentBy                      time.Time // when the last message goes out; zero if all do at once
}

// Name of the screen.
func (AdminImport) Name() string { return "admin-import" }

// Section of the navigation.
func (AdminImport) Section() Section { return AdminUsersSection }

func (AdminImport) heading(*Frame) heading { return heading{key: "admin.import.title"} }
