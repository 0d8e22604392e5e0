package templates

import "time"

// AdminPolicy is what an account has decided, in the words of pages.
type AdminPolicy struct {
	On       bool
	Products []string  // names of the covered products, in order; empty: everyone
	From     time.Time // from when it holds; zero: it does
}

// AdminCoverage says how many users a policy is for.
type AdminCoverage struct{ Users, Covered, Enrolled, ToEnrol, SignedIn int }

// AdminBelow is a device group that falls short of what is required.
type AdminBelow struct{ ID, Name, Version, Build string }

// AdminDay is a number of users at the end of a day.
type AdminDay struct {
	Day      time.Time
	Enrolled int
}

// AdminOverview is the first page of the Admin Center.
type AdminOverview struct {
	Account  string // name of the organisation
	Policy   AdminPolicy
	Coverage AdminCoverage
	Below    int  // device groups below what is required
	Requests int  // open requests for a new device
	Editable bool // whoever looks may change the policy
	// Days are how many users were enrolled at the end of each day, oldest first.
	Days    []AdminDay
	Changed time.Time // when the policy was changed last; may be zero
}

// Name of the screen.
func (AdminOverview) Name() string { return "admin-overview" }

// Section of the navigation.
func (AdminOverview) Section() Section { return AdminOverviewSection }

func (p AdminOverview) heading(*Frame) heading {
	return heading{key: "admin.overview.title", args: []any{"Account", p.Account}}
}

// Fields of the pages about the policy.
const (
	FieldTwoStep       = "two_step" // a value of TwoStep…
	FieldFrom          = "from"     // a day, 2026-11-30
	FieldChosen        = "chosen"   // the products of a review, packed
	FieldVersion       = "version"  // of the policy that the form was made from
	FieldClientVersion = "client_version"
	FieldClientBuild   = "client_build"
	FieldReenrolment   = "reenrolment"
	FieldWaiveFirst    = "waive_first" // "yes"
	FieldTrustDays     = "trusted_browser_days"
)

// Values of FieldTwoStep.
const (
	TwoStepOff      = "off"
	TwoStepEveryone = "everyone"
	TwoStepProducts = "products"
)

// Values of FieldDo in the Admin Center.
const (
	DoRequired = "required" // settings: the client version that device groups must have
	DoRules    = "rules"    // settings: how a lost device is replaced, the first code, and trusted browsers
	DoReview   = "review"   // settings: on to AdminReview with what was chosen
	DoRemove   = "remove"   // remove the record of the page
)

// AdminSettings is the switch and what it requires.
//
// Main form (DoReview): FieldTwoStep, PrefixSeat…, FieldFrom. Other forms:
// DoRequired, DoRules.
type AdminSettings struct {
	Account     string
	Policy      AdminPolicy // as it is
	Choice      string      // value of FieldTwoStep
	Products    []AdminChoice
	From        string     // FieldFrom
	Version     string     // FieldVersion
	Required    AdminBelow // what is required: Version and Build
	Reenrolment string
	WaiveFirst  bool
	TrustDays   string // FieldTrustDays
	Editable    bool
	ChangedBy   string // who changed it last; may be empty
	ChangedAt   time.Time
	Lifetimes   AdminLifetimes
}

// AdminLifetimes are how long sessions last, in whole minutes.
type AdminLifetimes struct{ TwoStepIdle, TwoStepAbsolute, PasswordIdle, PasswordAbsolute int }

// Name of the screen.
func (AdminSettings) Name() string { return "admin-settings" }

// Section of the navigation.
func (AdminSettings) Section() Section { return AdminSettingsSection }

func (p AdminSettings) heading(*Frame) heading {
	return heading{key: "admin.settings.title", args: []any{"Account", p.Account}}
}

// AdminReview says what a change of the policy would bring, and has the button
// that makes it. While device groups are in the way it has none.
//
// Main form: FieldTwoStep, FieldChosen and FieldFrom as they were chosen, and
// FieldVersion.
type AdminReview struct {
	Account  string
	Now      AdminPolicy
	Next     AdminPolicy
	Same     bool // nothing would change
	Coverage AdminCoverage
	Below    []AdminBelow // in the way
	Required AdminBelow
	Hidden   []FormField
	Back     string // path of AdminSettings with the choice
	Editable bool
	// Meanwhile says that somebody changed the policy while this one looked;
	// ChangedBy may be empty.
	Meanwhile bool
	ChangedBy string
	ChangedAt time.Time
}

// Name of the screen.
func (AdminReview) Name() string { return "admin-review" }

// Section of the navigation.
func (AdminReview) Section() Section { return AdminSettingsSection }

func (p AdminReview) heading(*Frame) heading {
	switch {
	case len(p.Below) > 0:
		return heading{key: "admin.review.blocked.title"}
	case !p.Next.On && !p.Same:
		return heading{key: "admin.review.off.title"}
	}
	return heading{key: "admin.review.title"}
}

// AdminGroup is a device group in a list or form.
type AdminGroup struct {
	ID, Name, Version, Build string
	Below                    bool
}

// AdminDeviceGroups lists the device groups. Main form: FieldName,
// FieldClientVersion, FieldClientBuild.
type AdminDeviceGroups struct {
	Groups   []AdminGroup
	Required AdminBelow
	New      AdminGroup // what was typed
	Editable bool
	Versions AdminClientVersions // of the groups, in their order
	CSV      string
}

// Name of the screen.
func (AdminDeviceGroups) Name() string { return "admin-device-groups" }

// Section of the navigation.
func (AdminDeviceGroups) Section() Section { return AdminDevicesSection }

func (AdminDeviceGroups) heading(*Frame) heading { return heading{key: "admin.devices.title"} }

// AdminDeviceGroup changes or removes a device group. Main form: FieldName,
// FieldClientVersion, FieldClientBuild, FieldTag. Other form: DoRemove.
type AdminDeviceGroup struct {
	Called   string // its name as it is
	Group    AdminGroup
	Required AdminBelow
	Tag      string
}

// Name of the screen.
func (AdminDeviceGroup) Name() string { return "admin-device-group" }

// Section of the navigation.
func (AdminDeviceGroup) Section() Section { return AdminDevicesSection }

func (p AdminDeviceGroup) heading(*Frame) heading {
	return heading{key: "admin.device.title", args: []any{"Group", p.Called}}
}

// AdminProductRow is a product in a list.
type AdminProductRow struct {
	ID, Name string
	Seats    int
	Covered  bool // named by the policy
}

// AdminProducts lists the products. Main form: FieldName.
type AdminProducts struct {
	Products []AdminProductRow
	New      string // what was typed
	Editable bool
}

// Name of the screen.
func (AdminProducts) Name() string { return "admin-products" }

// Section of the navigation.
func (AdminProducts) Section() Section { return AdminProductsSection }

func (AdminProducts) heading(*Frame) heading { return heading{key: "admin.products.title"} }

// AdminProduct renames or removes a product. Main form: FieldName, FieldTag.
// Other form: DoRemove.
type AdminProduct struct {
	Called  string // its name as it is
	Typed   string
	Product AdminProductRow
	Tag     string
}

// Name of the screen.
func (AdminProduct) Name() string { return "admin-product" }

// Section of the navigation.
func (AdminProduct) Section() Section { return AdminProductsSection }

func (p AdminProduct) heading(*Frame) heading {
	return heading{key: "admin.product.title", args: []any{"Product", p.Called}}
}
