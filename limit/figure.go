package limit

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Figure bounds how often something may happen. Its text form is what an
// operator writes: "10 in 15m", and after it, where the figure has them,
// ", pause 1m to 1h" and ", 100 in a row".
type Figure struct {
	Allowed  int           // times within Per
	Per      time.Duration // window, from the first time on
	Pause    time.Duration // wait after Allowed, doubling each time until a success; 0: until the window is over
	PauseMax time.Duration // longest such wait
	InARow   int           // times without a success, over all windows, that have a further consequence; 0: none
}

// MarshalText writes the text form.
func (f Figure) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// String returns the text form.
func (f Figure) String() string {
	text := fmt.Sprintf("%d in %s", f.Allowed, duration(f.Per))
	if f.Pause > 0 {
		text += fmt.Sprintf(", pause %s to %s", duration(f.Pause), duration(f.PauseMax))
	}
	if f.InARow > 0 {
		text += fmt.Sprintf(", %d in a row", f.InARow)
	}
	return text
}

// UnmarshalText reads the text form and refuses what could never count:
// nothing allowed, no window, a longest pause that is shorter than the first.
func (f *Figure) UnmarshalText(text []byte) error {
	read, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("limit %q: %w: write it such as \"10 in 15m, pause 1m to 1h, 100 in a row\"", text, err)
	}
	*f = read
	return nil
}

func parse(text string) (f Figure, err error) {
	parts := strings.Split(text, ",")
	allowed, per, ok := strings.Cut(strings.TrimSpace(parts[0]), " in ")
	if !ok {
		return f, errors.New("it says nothing like 10 in 15m")
	}
	if f.Allowed, err = number(allowed); err != nil {
		return f, err
	}
	if f.Per, err = parseDuration(per); err != nil {
		return f, err
	}
	for _, part := range parts[1:] {
		part = strings.TrimSpace(part)
		pause, isPause := strings.CutPrefix(part, "pause ")
		row, isRow := strings.CutSuffix(part, " in a row")
		switch {
		case isPause && f.Pause == 0:
			from, to, ranged := strings.Cut(pause, " to ")
			if !ranged {
				return f, errors.New("a pause has two ends")
			}
			if f.Pause, err = parseDuration(from); err != nil {
				return f, err
			}
			if f.PauseMax, err = parseDuration(to); err != nil {
				return f, err
			}
			if f.PauseMax < f.Pause {
				return f, errors.New("the longest pause is shorter than the first")
			}
		case isRow && f.InARow == 0:
			if f.InARow, err = number(row); err != nil {
				return f, err
			}
		default:
			return f, fmt.Errorf("%q is not understood", part)
		}
	}
	return f, nil
}

// number reads a count of 1 to a million.
func number(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, fmt.Errorf("%q is not a number from 1 to 1000000", text)
	}
	return n, nil
}

const day = 24 * time.Hour

// parseDuration reads 30s, 15m, 24h, or whole days such as 30d, up to a year.
func parseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(max(n, 0), 1000)) * day
	} else {
		d, err = time.ParseDuration(text)
	}
	if err != nil || d < time.Second || d > 366*day || d%time.Second != 0 {
		return 0, fmt.Errorf("%q is not a duration of 1s to 366d", text)
	}
	return d, nil
}

func duration(d time.Duration) string {
	if d >= 2*day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// looser tells whether f lets more through than g in any respect.
func (f Figure) looser(g Figure) bool {
	return f.Allowed > g.Allowed || f.Per < g.Per ||
		f.wait() < g.wait() || f.longest() < g.longest() ||
		f.row() > g.row()
}

func (f Figure) wait() time.Duration { // where no pause is given, one waits for the window to end
	if f.Pause == 0 {
		return f.Per
	}
	return f.Pause
}

func (f Figure) longest() time.Duration {
	if f.Pause == 0 {
		return f.Per
	}
	return f.PauseMax
}

func (f Figure) row() int {
	if f.InARow == 0 {
		return math.MaxInt
	}
	return f.InARow
}
