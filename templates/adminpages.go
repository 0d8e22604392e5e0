package templates

// AdminOverview is the first page of the Admin Center.
type AdminOverview struct {
	Account string // name of the organisation
	TwoStep bool   // two-step verification is on
}

// Name of the screen.
func (AdminOverview) Name() string { return "admin-overview" }

// Section of the navigation.
func (AdminOverview) Section() AdminSection { return AdminOverviewSection }

func (p AdminOverview) heading(*Frame) heading {
	return heading{key: "admin.overview.title", args: []any{"Account", p.Account}}
}
