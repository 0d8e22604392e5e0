package templates

import "time"

// AdminPage is a page of the Admin Center. Its name begins with "admin-".
type AdminPage interface{ areaPage }

// The sections of the Admin Center.
const (
	AdminOverviewSection Section = "overview"
	AdminUsersSection    Section = "users"
	AdminRequestsSection Section = "requests"
	AdminProductsSection Section = "products"
	AdminDevicesSection  Section = "device-groups"
	AdminClientsSection  Section = "clients"
	AdminLogSection      Section = "log"
	AdminSettingsSection Section = "settings"
)

var adminArea = area{
	prefix: "admin", home: "/admin", title: "admin.title", switching: "/admin/sign-in", cooldown: "admin.cooldown", refused: "admin-refused",
	sections: []SectionLink{
		{AdminOverviewSection, "/admin", "admin.nav.overview"},
		{AdminSettingsSection, "/admin/settings", "admin.nav.settings"},
		{AdminUsersSection, "/admin/users", "admin.nav.users"},
		{AdminRequestsSection, "/admin/requests", "admin.nav.requests"},
		{AdminProductsSection, "/admin/products", "admin.nav.products"},
		{AdminDevicesSection, "/admin/device-groups", "admin.nav.device_groups"},
		{AdminClientsSection, "/admin/clients", "admin.nav.clients"},
		{AdminLogSection, "/admin/log", "admin.nav.log"},
	},
}

// AdminSections lists the sections in the order of the navigation.
func AdminSections() []SectionLink { return adminArea.sections }

// AdminRefusal says why there is no page.
type AdminRefusal string

// Why there is no page.
const (
	AdminNoRole     AdminRefusal = "no-role"     // 403: a member, who has no business here
	AdminNotAllowed AdminRefusal = "not-allowed" // 403: the role does not include this
	AdminCooldown   AdminRefusal = "cooldown"    // 403: nothing may be changed until AdminRefused.Until
	AdminRecovery   AdminRefusal = "recovery"    // 403: a recovery code was given, which is not enough for changes
	AdminMissing    AdminRefusal = "missing"     // 404: there is no such thing in this account
)

// AdminRefused says why there is no page, or why nothing was changed.
type AdminRefused struct {
	Why     AdminRefusal
	Account string    // name of the organisation, whose admins can help
	Until   time.Time // of a cool-down
	Back    string    // path of the page that a form was on
}

// Name of the screen.
func (AdminRefused) Name() string { return "admin-refused" }

// Section of the navigation.
func (AdminRefused) Section() Section { return "" }

func (r AdminRefused) heading(*Frame) heading {
	switch r.Why {
	case AdminNoRole:
		return heading{key: "admin.refused.no_role.title"}
	case AdminCooldown:
		return heading{key: "admin.refused.cooldown.title"}
	case AdminRecovery:
		return heading{key: "admin.refused.recovery.title"}
	case AdminMissing:
		return heading{key: "admin.refused.missing.title"}
	default:
		return heading{key: "admin.refused.not_allowed.title"}
	}
}

// adminNotices are the sentences that confirm what was done, by their names in
// the query of a page.
var adminNotices = map[string]string{
	"saved":      "notice.admin.saved",
	"invited":    "notice.admin.invited",
	"withdrawn":  "notice.admin.withdrawn",
	"signed-out": "notice.admin.signed_out",
	"reset":      "notice.admin.reset",
	"asked":      "notice.admin.asked",
	"approved":   "notice.admin.approved",
	"refused":    "notice.admin.request_refused",
	"added":      "notice.admin.added",
	"removed":    "notice.admin.removed",
	"policy-on":  "notice.admin.policy_on",
	"policy-off": "notice.admin.policy_off",

	AdminConfirmed: "notice.admin.confirmed",
	AdminTypeAgain: "notice.admin.type_again",
}

// Names of notices for whoever has just proven anew who is asking.
const (
	AdminConfirmed = "confirmed"  // the form is filled in again
	AdminTypeAgain = "type-again" // it could not be
)

// AdminNotice returns the sentence that confirms what was done. Only names that
// are known are said.
func AdminNotice(name string) (Notice, bool) {
	key, ok := adminNotices[name]
	return Notice{Key: key}, ok
}

// Keys of what a form of the Admin Center may come back with.
const (
	ErrAdminChanged      = "error.admin.changed"        // somebody else was faster
	ErrAdminFull         = "error.admin.full"           // the account has as many as it may: Most
	ErrAdminFilesBusy    = "error.admin.files_busy"     // FieldFile; Until, a time.Time
	ErrAdminFileTooLarge = "error.admin.file_too_large" // FieldFile; Most, a number of MB
	ErrAdminLast         = "error.admin.last_admin"     // nobody would be left to administer the account
	ErrAdminMails        = "error.admin.mails"          // too many invitations of the account wait: Until
	ErrAdminNoFile       = "error.admin.no_file"        // FieldFile
	ErrAdminProductInUse = "error.admin.product_in_use" // the policy names the product
)

// inputKeys are the keys of what may be wrong with a field, by the codes of
// package manage.
var inputKeys = map[string]string{
	"missing":   "error.input.missing",
	"name":      "error.input.name",
	"address":   "error.address.form",
	"version":   "error.input.version",
	"build":     "error.input.build",
	"role":      "error.input.role",
	"language":  "error.input.language",
	"time_zone": "error.input.time_zone",
	"product":   "error.input.product",
	"date":      "error.input.date",
	"mode":      "error.input.mode",
	"days":      "error.input.days",
	"taken":     "error.input.taken",
	"confirm":   "error.input.confirm",
	"metadata":  "error.input.metadata",
	"self":      "error.input.self",
	"search":    "error.input.search",
}

// InputKey returns the key of what is wrong with a field; of an unknown code,
// that the entry can't be taken.
func InputKey(code string) string {
	if key, ok := inputKeys[code]; ok {
		return key
	}
	return "error.input.other"
}
