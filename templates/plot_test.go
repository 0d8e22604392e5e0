package templates

import (
	"strings"
	"testing"
	"time"
)

func TestPlotIsDrawnFromZeroWithLabelsApart(t *testing.T) {
	p := Plot{
		Name: "enrolled", Mark: 1, Marked: "on",
		Series: []PlotSeries{{"enrolled", []int{0, 40, 71}}, {"covered", []int{214, 214, 80}}},
	}
	for i := range 3 {
		p.Days = append(p.Days, PlotDay{Day: time.Date(2026, 11, 20+i, 0, 0, 0, 0, time.UTC), Short: "x", Long: "y"})
	}
	for _, stacked := range []bool{true, false} {
		p.Stacked = stacked
		if layers := p.Layers(); len(layers) != map[bool]int{true: 2}[stacked] {
			t.Errorf("stacked %v: the layers are %+v", stacked, layers)
		}
		for _, d := range p.Drawings() {
			if d.Ticks[0].Text != "0" || d.Ticks[0].Y != d.Base {
				t.Errorf("the axis begins at %+v", d.Ticks[0])
			}
			if (len(d.Ends) == 0) != stacked {
				t.Errorf("stacked %v: the labels are %+v", stacked, d.Ends)
			}
			for i, e := range d.Ends {
				if e.Y < plotTop || e.Y > d.Base {
					t.Errorf("label %q is outside: %d", e.Text, e.Y)
				}
				for _, other := range d.Ends[:i] {
					if diff := e.Y - other.Y; diff > -plotLine && diff < plotLine {
						t.Errorf("labels %q and %q cover each other", e.Text, other.Text)
					}
				}
			}
			if len(d.Shapes) != 2 || !strings.HasPrefix(d.Shapes[0].Path, "M") || d.Rule == nil {
				t.Errorf("drawn: %+v", d.Shapes)
			}
		}
	}
	if rows := p.Rows(); len(rows) != 3 || rows[0].Cells[0].Text != "71" {
		t.Errorf("table %+v", rows)
	}
	if p.Empty() || !(Plot{Series: []PlotSeries{{"a", []int{0, 0}}}}).Empty() {
		t.Error("what is empty, and what is not, is mixed up")
	}
	for n, want := range map[int]int{0: 2, 1: 2, 3: 4, 7: 10, 11: 20, 214: 400, 601: 1000} {
		if got := nice(n); got != want {
			t.Errorf("axis up to %d for %d, want %d", got, n, want)
		}
	}
}
