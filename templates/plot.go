package templates

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plot is what a page draws over days: a server-rendered SVG, with the same
// numbers in a table. Names of series are already in the language of the page.
type Plot struct {
	Name    string    // unique on the page, for ids
	Title   string    // what is drawn
	Finding string    // what it shows, in one sentence
	Unit    string    // heading of the table's first column, "Day"
	Summary string    // "The numbers as a table"
	Stacked bool      // bars on one another; else one step line for each series
	Days    []PlotDay // in order
	Series  []PlotSeries
	Mark    int // index of the day of a rule, such as when the policy was turned on; negative: none
	Marked  string
}

// PlotDay is one place on the horizontal axis.
type PlotDay struct {
	Day   time.Time
	Short string // label on the axis
	Long  string // label in the table
}

// PlotSeries is one line, or one layer of the bars.
type PlotSeries struct {
	Label  string
	Values []int // one a day
}

// Sizes of a plot in its own units, which are CSS pixels at full width.
const (
	plotHeight = 276
	plotTop    = 32
	plotBottom = 32
	plotLeft   = 44
	plotRight  = 128 // for the labels at the ends of lines
	plotMargin = 12
	plotLine   = 18 // least distance of two labels
)

// drawing is a plot of one width, ready for the template.
type drawing struct {
	Plot
	ID            string
	Class         string
	Width, Height int
	Left, Right   int // of the area
	Base          int
	Ticks         []plotText
	Dates         []plotText
	Shapes        []plotShape
	Ends          []plotText
	Rule          *plotText
}

type plotText struct {
	X, Y   int
	Text   string
	Anchor string
	Class  string
	Shift  int
}

type plotShape struct{ Class, Path string }

// Drawings makes the plot for wide windows and for phones.
func (p Plot) Drawings() []drawing {
	return []drawing{p.draw("wide", 760, 5), p.draw("narrow", 360, 2)}
}

// plotRow is one day of the table.
type plotRow struct {
	Day   string
	Cells []plotCell
}

type plotCell struct{ Label, Text string }

// Rows are the numbers, the newest first.
func (p Plot) Rows() []plotRow {
	var rows []plotRow
	for day := len(p.Days) - 1; day >= 0; day-- {
		row := plotRow{Day: p.Days[day].Long}
		for _, s := range p.Series {
			if day < len(s.Values) {
				row.Cells = append(row.Cells, plotCell{s.Label, fmt.Sprint(s.Values[day])})
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// Empty tells whether there is nothing to draw.
func (p Plot) Empty() bool {
	return !slices.ContainsFunc(p.Series, PlotSeries.any)
}

// any tells whether there is anything to draw of it.
func (s PlotSeries) any() bool {
	return slices.ContainsFunc(s.Values, func(n int) bool { return n > 0 })
}

func (p Plot) draw(class string, width, dates int) drawing {
	d := drawing{
		Plot: p, ID: p.Name + "-" + class, Class: class, Width: width, Height: plotHeight,
		Left: plotLeft, Right: width - plotRight, Base: plotHeight - plotBottom,
	}
	if p.Stacked {
		d.Right = width - plotMargin
	}
	top := nice(p.highest())
	y := func(n int) int { return d.Base - n*(d.Base-plotTop)/top }
	for i := 0; i <= 2; i++ {
		n := top * i / 2
		d.Ticks = append(d.Ticks, plotText{X: d.Left - 8, Y: y(n), Text: fmt.Sprint(n), Anchor: "end"})
	}
	step := max(1, (len(p.Days)+dates-1)/dates)
	for i := 0; i < len(p.Days); i += step {
		d.Dates = append(d.Dates, plotText{X: d.middle(i), Y: d.Base + 22, Text: p.Days[i].Short, Anchor: "middle"})
	}
	if p.Stacked {
		d.bars(y)
	} else {
		d.lines(y)
	}
	d.spread()
	if p.Mark >= 0 && p.Mark < len(p.Days) {
		d.Rule = &plotText{X: d.middle(p.Mark), Y: plotTop - 18, Text: p.Marked, Anchor: "start", Shift: 6}
		if 2*p.Mark > len(p.Days) { // where there is more room
			d.Rule.Anchor, d.Rule.Shift = "end", -6
		}
	}
	return d
}

// middle is where a day is.
func (d *drawing) middle(i int) int {
	return d.Left + (2*i+1)*(d.Right-d.Left)/(2*max(1, len(d.Days)))
}

// edge is where a day begins.
func (d *drawing) edge(i int) int { return d.Left + i*(d.Right-d.Left)/max(1, len(d.Days)) }

func (d *drawing) lines(y func(int) int) {
	for i, s := range d.Series {
		var path strings.Builder
		for day, n := range s.Values {
			if day == 0 {
				fmt.Fprintf(&path, "M%d %d", d.edge(0), y(n))
			} else {
				fmt.Fprintf(&path, "V%d", y(n))
			}
			fmt.Fprintf(&path, "H%d", d.edge(day+1))
		}
		class := fmt.Sprintf("series-%d", i+1)
		d.Shapes = append(d.Shapes, plotShape{"line " + class, path.String()})
		if last := len(s.Values) - 1; last >= 0 {
			d.Ends = append(d.Ends, plotText{X: d.Right + 8, Y: y(s.Values[last]), Text: s.Label, Class: class})
		}
	}
}

func (d *drawing) bars(y func(int) int) {
	below := make([]int, len(d.Days))
	gap := 0
	if wide := (d.Right - d.Left) / max(1, len(d.Days)); wide > 4 {
		gap = max(1, wide/6)
	}
	for i, s := range d.Series {
		var path strings.Builder
		for day, n := range s.Values {
			if n == 0 || day >= len(below) {
				continue
			}
			left, right := d.edge(day)+gap, d.edge(day+1)-gap
			low, high := y(below[day]), y(below[day]+n)
			fmt.Fprintf(&path, "M%d %dH%dV%dH%dz", left, low, right, min(high, low-1), left)
			below[day] += n
		}
		if path.Len() == 0 {
			continue // nothing of it happened
		}
		d.Shapes = append(d.Shapes, plotShape{barClass(i), path.String()})
	}
}

func barClass(series int) string { return fmt.Sprintf("bar series-%d", series+1) }

// plotLayer is one layer of stacked bars.
type plotLayer struct{ Label, Class string }

// Layers names those of stacked bars that are there, from the axis up. They are
// too thin to be labelled where they are.
func (p Plot) Layers() []plotLayer {
	var list []plotLayer
	for i, s := range p.Series {
		if p.Stacked && s.any() {
			list = append(list, plotLayer{s.Label, barClass(i)})
		}
	}
	return list
}

// spread moves labels apart that would cover each other.
func (d *drawing) spread() {
	order := make([]*plotText, len(d.Ends))
	for i := range d.Ends {
		order[i] = &d.Ends[i]
	}
	for i := 1; i < len(order); i++ { // few: by height, lowest on the page first
		for j := i; j > 0 && order[j].Y > order[j-1].Y; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	for i := 1; i < len(order); i++ {
		order[i].Y = min(order[i].Y, order[i-1].Y-plotLine)
	}
	for i := len(order) - 1; i >= 0; i-- { // and back down from the upper edge
		least := plotTop
		if i < len(order)-1 {
			least = order[i+1].Y + plotLine
		}
		order[i].Y = max(order[i].Y, least)
	}
}

func (p Plot) highest() int {
	most := 0
	sums := make([]int, len(p.Days))
	for _, s := range p.Series {
		for day, n := range s.Values {
			most = max(most, n)
			if day < len(sums) {
				sums[day] += n
			}
		}
	}
	if p.Stacked {
		for _, n := range sums {
			most = max(most, n)
		}
	}
	return most
}

// nice is the end of an axis: not below n, and with a middle that is easy to read.
func nice(n int) int {
	for scale := 1; ; scale *= 10 {
		for _, m := range []int{2, 4, 6, 10} {
			if m*scale >= n {
				return m * scale
			}
		}
	}
}
