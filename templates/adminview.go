package templates

import (
	"strings"
	"time"
)

// What the templates of the Admin Center ask besides the questions of every
// page, see view.go.

// Number is a number with the grouping of the language.
func (v *view) Number(n int) string { return v.Printer.Number(n) }

// state is a word with a small shape before it.
type state struct{ Shape, Text string }

// State makes what the template "state" shows: one of the shapes "good", "part",
// "bad" and "none", and the text of a key.
func (v *view) State(shape, key string) state { return state{shape, v.T(key)} }

// Pager are the links of a list that is shown page by page; empty ones are left out.
type Pager struct{ First, Next string }

// pages is a Pager with the words of the page's language.
type pages struct {
	Pager
	Label, ToFirst, ToNext string
}

// Pages makes what the template "pager" shows.
func (v *view) Pages(p Pager) pages {
	return pages{p, v.T("admin.pager.label"), v.T("admin.pager.first"), v.T("admin.pager.next")}
}

// formOf is a form beside the main one, on a page where there may be several of
// a kind, such as one in each row of a table.
type formOf struct {
	*view
	Do, ID, Label, Of string
}

// Form makes what the template "row-form" shows: a button with the text of a
// key, which does something with the record of an id. of is its name, for
// screen readers.
func (v *view) Form(do, id, key, of string) formOf { return formOf{v, do, id, v.T(key), of} }

// roleKeys are the names of the roles.
var roleKeys = map[string]string{
	"member": "admin.role.member", "admin": "admin.role.admin", "helpdesk": "admin.role.helpdesk", "auditor": "admin.role.auditor",
}

// Role is the name of a role.
func (v *view) Role(role string) string {
	if key, ok := roleKeys[role]; ok {
		return v.T(key)
	}
	return role
}

// Authenticator makes what the template "authenticator" shows.
func (v *view) Authenticator(a AdminAuthenticator) state {
	switch a {
	case AuthenticatorApp:
		return v.State("good", "admin.authenticator.app")
	case AuthenticatorKey:
		return v.State("good", "admin.authenticator.passkey")
	case AuthenticatorSuspended:
		return v.State("bad", "admin.authenticator.suspended")
	default:
		return v.State("none", "admin.authenticator.none")
	}
}

// userFields are the fields of somebody in the account.
type userFields struct {
	*view
	Who                     string
	Roles, Seats, Languages []AdminChoice
	Zone                    string
}

// UserFields makes what the template "user-fields" shows. Roles have their names
// from here, and so has the empty language, which is the account's.
func (v *view) UserFields(who string, roles, seats, languages []AdminChoice, zone string) userFields {
	return userFields{v, who, v.named(roles, v.Role), seats, v.LanguageChoices(languages), zone}
}

// named fills in the names of choices.
func (v *view) named(list []AdminChoice, name func(id string) string) []AdminChoice {
	named := make([]AdminChoice, len(list))
	for i, c := range list {
		c.Name = name(c.ID)
		named[i] = c
	}
	return named
}

// stateKeys are the names of the choices in the filter of users.
var stateKeys = map[string]string{
	"": "admin.users.all", "covered": "admin.users.state.covered", "enrolled": "admin.users.state.enrolled",
	"to-enrol": "admin.users.state.to_enrol", "not-covered": "admin.users.state.not_covered", "disabled": "admin.users.state.disabled",
}

// StateName is the name of a choice in the filter of users.
func (v *view) StateName(id string) string { return v.T(stateKeys[id]) }

// PolicyState says what an account has decided, as a state.
func (v *view) PolicyState(p AdminPolicy) state {
	if !p.On {
		return v.State("none", "admin.policy.off")
	}
	products, from := v.some(p.Products), v.Printer.Moment(p.From.In(v.zone()), v.Now)
	switch everyone, scheduled := len(p.Products) == 0, !p.From.IsZero(); {
	case everyone && scheduled:
		return state{"part", v.T("admin.policy.everyone_from", "From", from)}
	case scheduled:
		return state{"part", v.T("admin.policy.holders_from", "Products", products, "From", from)}
	case everyone:
		return state{"good", v.T("admin.policy.everyone")}
	}
	return state{"good", v.T("admin.policy.holders", "Products", products)}
}

// named is how many products are named in a sentence.
const named = 5

// some names the first of many products.
func (v *view) some(products []string) string {
	if len(products) <= named {
		return strings.Join(products, ", ")
	}
	return v.N("admin.policy.more", len(products)-named, "Products", strings.Join(products[:named], ", "))
}

// Unnamed tells whether a sentence leaves some of the products out.
func (p AdminPolicy) Unnamed() bool { return len(p.Products) > named }

// typed is a field with what was typed.
type typed struct {
	*view
	Value, Version, Build string
}

// Named makes what the template "name-field" shows.
func (v *view) Named(name string) typed { return typed{view: v, Value: name} }

// Versioned makes what the template "version-fields" shows.
func (v *view) Versioned(version, build string) typed {
	return typed{view: v, Version: version, Build: build}
}

// Span is a length of time, in the largest unit that is whole.
func (v *view) Span(minutes int) string {
	switch {
	case minutes%(24*60) == 0:
		return v.N("admin.span.days", minutes/(24*60))
	case minutes%60 == 0:
		return v.N("admin.span.hours", minutes/60)
	}
	return v.N("admin.span.minutes", minutes)
}

// EnrolmentPlot draws how many users were enrolled, day by day; nil where nobody
// ever was.
func (v *view) EnrolmentPlot(page AdminOverview) *Plot {
	enrolled, covered := PlotSeries{Label: v.T("admin.plot.enrolled")}, PlotSeries{Label: v.T("admin.plot.covered")}
	p := Plot{
		Name: "enrolment", Title: v.T("admin.plot.enrolment"), Unit: v.T("admin.plot.day"),
		Summary: v.T("admin.plot.table", "Zone", v.zone().String()), Mark: -1, Marked: v.T("admin.plot.changed"),
	}
	before := 0
	for i, d := range page.Days {
		day := d.Day.In(v.zone())
		p.Days = append(p.Days, PlotDay{Day: day, Short: day.Format(time.DateOnly), Long: v.Printer.Date(day)})
		enrolled.Values, covered.Values = append(enrolled.Values, d.Enrolled), append(covered.Values, page.Coverage.Covered)
		if i == len(page.Days)-week-1 {
			before = d.Enrolled
		}
		if c := page.Changed.In(v.zone()); !page.Changed.IsZero() && c.YearDay() == day.YearDay() && c.Year() == day.Year() {
			p.Mark = i
		}
	}
	if p.Series = []PlotSeries{enrolled}; p.Empty() {
		return nil
	}
	p.Finding = v.T("admin.plot.finding", "Enrolled", page.Days[len(page.Days)-1].Enrolled, "Before", before, "Left", page.Coverage.ToEnrol)
	p.Series = append(p.Series, covered)
	return &p
}

// week is how many days back a plot compares with.
const week = 7
