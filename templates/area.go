package templates

import (
	"strings"
	"time"
)

// AreaFrame is what surrounds the pages of a part of the service with a
// navigation: the Admin Center, or My Account.
type AreaFrame struct {
	Account  string    // name of the organisation
	Address  string    // of who is signed in
	Sections []Section // that he may see, in order
	SignOut  string    // token of the form that signs out
	Cooldown time.Time // until when he may change nothing that matters; zero: he may
}

// Section is one part of the navigation of an area.
type Section string

// SectionLink is one entry of the navigation of an area: its first page, and
// the key of its name.
type SectionLink struct {
	Section   Section
	Path, key string
}

// area is a part of the service whose pages have the layout area-layout.html.
type area struct {
	prefix    string // of the names of its pages
	home      string // path of its first page
	title     string // key of its name
	switching string // path where another user is chosen
	cooldown  string // key of what its pages say while nothing may be changed
	refused   string // the page that says so itself
	sections  []SectionLink
}

var areas = []area{adminArea, accountArea}

// areaPage is a page of an area.
type areaPage interface {
	Page
	// Section is the part of the navigation that the page belongs to.
	Section() Section
}

// areaOf returns the area that a page belongs to; false for a page of none.
func areaOf(p Page) (area, bool) {
	for _, a := range areas {
		if p.Name() == a.prefix || strings.HasPrefix(p.Name(), a.prefix+"-") {
			return a, true
		}
	}
	return area{}, false
}

// navigationLink is one entry of the navigation as it is shown.
type navigationLink struct {
	Href, Label string
	Current     bool
}

// Home is the path of the first page of the page's area.
func (v *view) Home() string { a, _ := areaOf(v.Page); return a.home }

// Switching is where another of the browser's users is chosen.
func (v *view) Switching() string { a, _ := areaOf(v.Page); return a.switching }

// AreaTitle is the name of the page's area.
func (v *view) AreaTitle() string { a, _ := areaOf(v.Page); return v.T(a.title) }

// CoolingDown tells until when nothing may be changed; nothing where it may, or
// where the page says so itself.
func (v *view) CoolingDown() []Segment {
	a, ok := areaOf(v.Page)
	if !ok || v.Area == nil || v.Area.Cooldown.IsZero() || v.Page.Name() == a.refused {
		return nil
	}
	return v.Text(a.cooldown, "Until", v.Area.Cooldown)
}

// Navigation lists the sections that are open to whoever looks.
func (v *view) Navigation() []navigationLink {
	a, ok := areaOf(v.Page)
	page, in := v.Page.(areaPage)
	if !ok || !in || v.Area == nil {
		return nil
	}
	var links []navigationLink
	for _, open := range v.Area.Sections {
		for _, s := range a.sections {
			if s.Section == open {
				links = append(links, navigationLink{s.Path, v.T(s.key), page.Section() == open})
			}
		}
	}
	return links
}
