package templates

import "strings"

// What the templates of the Admin Center ask besides the questions of every
// page, see view.go.

// adminLink is one entry of the navigation.
type adminLink struct {
	Href, Label string
	Current     bool
}

// Navigation lists the sections that are open to whoever looks.
func (v *view) Navigation() []adminLink {
	page, ok := v.Page.(AdminPage)
	if !ok || v.Admin == nil {
		return nil
	}
	var links []adminLink
	for _, open := range v.Admin.Sections {
		for _, s := range adminSections {
			if s.section == open {
				links = append(links, adminLink{s.path, v.T(s.key), page.Section() == open})
			}
		}
	}
	return links
}

// isAdmin tells whether a page belongs to the Admin Center.
func isAdmin(p Page) bool { return strings.HasPrefix(p.Name(), "admin-") }

// Number is a number with the grouping of the language.
func (v *view) Number(n int) string { return v.Printer.Number(n) }
