package templates

import (
	"fmt"
)

// maxDots is how many device groups are drawn; the table has all.
const maxDots = 100

// AdminClientVersions is where each device group stands, for a plot. Versions
// are drawn at equal distances, in their order.
type AdminClientVersions struct {
	Scale []AdminBelow // each version that is had or needed, once, the oldest first
	Needs int          // its place in the scale
	Has   []int        // the places of the groups
}

// dotPlot is a row for each device group: a mark where it is, and a rule at what
// is needed.
type dotPlot struct {
	Title, Finding, Needs string
	Rows                  []dotRow
	scale                 []string
	needs                 int
}

type dotRow struct {
	Name, Has string
	Below     bool
	place     int
}

// dotDrawing is a plot of one width, ready for the template.
type dotDrawing struct {
	dotPlot
	ID, Class          string
	Width, Height      int
	Right, Top, Bottom int
	Rule               plotText
	Ticks              []plotText
	Dots               []dot
}

type dot struct {
	Name, Has, Class, Line, Mark, Need string // paths, but for the first three
	X, Y, Text                         int
}

// Sizes in CSS pixels at full width.
const (
	dotRowHeight = 48
	dotTop       = 40
	dotAxis      = 28
	dotEdge      = 12 // room for half a mark
)

// ClientVersions draws what the device groups have and need, those below first;
// nil where there is no group.
func (v *view) ClientVersions(page AdminDeviceGroups) *dotPlot {
	label := func(b AdminBelow) string { return v.T("admin.plot.version", "Version", b.Version, "Build", b.Build) }
	s := page.Versions
	if len(s.Has) == 0 || len(s.Has) != len(page.Groups) || s.Needs >= len(s.Scale) {
		return nil
	}
	p := &dotPlot{Title: v.T("admin.plot.clients"), Needs: v.T("admin.plot.clients_needs", "Version", label(page.Required)), needs: s.Needs}
	for _, b := range s.Scale {
		p.scale = append(p.scale, label(b))
	}
	below := 0
	for _, front := range []bool{true, false} {
		for i, g := range page.Groups {
			if g.Below != front || s.Has[i] >= len(s.Scale) {
				continue
			}
			if g.Below {
				below++
			}
			if len(p.Rows) < maxDots {
				p.Rows = append(p.Rows, dotRow{Name: g.Name, Has: p.scale[s.Has[i]], Below: g.Below, place: s.Has[i]})
			}
		}
	}
	p.Finding = v.T("admin.plot.clients_finding", "Below", below, "Groups", len(page.Groups))
	return p
}

// Drawings makes the plot for wide windows and for phones.
func (p *dotPlot) Drawings() []dotDrawing {
	return []dotDrawing{p.draw("wide", 760, 90), p.draw("narrow", 360, 36)}
}

// draw makes it of one width; names have that many letters of room.
func (p *dotPlot) draw(class string, width, letters int) dotDrawing {
	d := dotDrawing{
		dotPlot: *p, ID: "clients-" + class, Class: class, Width: width, Height: dotTop + len(p.Rows)*dotRowHeight + dotAxis,
		Right: width, Top: dotTop, Bottom: dotTop + len(p.Rows)*dotRowHeight,
	}
	needs := d.at(p.needs)
	d.Rule = plotText{X: needs, Y: dotTop - 16, Text: p.Needs, Anchor: anchored(needs, width)}
	for _, i := range []int{0, len(p.scale) - 1} { // the ends, unless the rule says it
		if i != p.needs && (i > 0 || len(p.scale) > 1) {
			d.Ticks = append(d.Ticks, plotText{X: d.at(i), Y: d.Bottom + 20, Text: p.scale[i], Anchor: anchored(d.at(i), width)})
		}
	}
	for i, r := range p.Rows {
		y, x := dotTop+i*dotRowHeight+32, d.at(r.place)
		mark := dot{Name: shortened(r.Name, letters-len(r.Has)), Has: r.Has, Class: "meets", X: x, Y: y, Text: y - 16}
		mark.Mark = fmt.Sprintf("M%d %da6 6 0 1 0 12 0a6 6 0 1 0 -12 0z", x-6, y)
		mark.Need = fmt.Sprintf("M%d %dl5 5l-5 5l-5 -5z", needs, y-5)
		if r.Below {
			mark.Class = "below"
			mark.Mark = fmt.Sprintf("M%d %dl8 14h-16z", x, y-8)
		}
		if x != needs {
			mark.Line = fmt.Sprintf("M%d %dH%d", x, y, needs)
		}
		d.Dots = append(d.Dots, mark)
	}
	return d
}

// at is where a version is.
func (d *dotDrawing) at(place int) int {
	n := max(1, len(d.scale))
	return dotEdge + (2*place+1)*(d.Right-2*dotEdge)/(2*n)
}

// anchored keeps a text inside of a plot.
func anchored(x, width int) string {
	switch {
	case 3*x < width:
		return "start"
	case 3*x > 2*width:
		return "end"
	}
	return "middle"
}

// shortened is a name that has little room; the table has it whole.
func shortened(name string, letters int) string {
	if runes := []rune(name); len(runes) > letters {
		return string(runes[:max(1, letters-1)]) + "…"
	}
	return name
}
