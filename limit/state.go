package limit

import "time"

// State is one count: what storage keeps in a row of limits. Its methods are
// the rule, in Go, that storage's statement follows; tests hold one against the
// other.
type State struct {
	Count   int       // attempts in the present window
	Strikes int       // refusals since the last success, each doubling the next
	InARow  int       // attempts since the last success
	Window  time.Time // start of the present window
	Until   time.Time // attempts are refused before; zero: none was
}

// Book returns the count after an attempt, whether the attempt is admitted, and
// whether the figure is reached: that this attempt, if it fails, has the
// consequence that a [Booking] with Watch or InARow is for. A refused attempt
// does not count; Until says when the next one is admitted.
func (s State) Book(b Booking, now time.Time) (after State, admitted, reached bool) {
	paused := now.Before(s.Until)
	if !paused && (!s.Until.IsZero() || !now.Before(s.Window.Add(b.Per))) {
		s.Count, s.Window, s.Until = 0, now, time.Time{}
	}
	switch full := s.Count >= b.Allowed; {
	case paused && !b.Watch:
		return s, false, true
	case full && !b.Watch: // filled by those who only watch
		s.Until = s.Window.Add(b.Per)
		return s, false, true
	case b.Late:
		return s, true, false
	}
	s.Count++
	s.InARow++
	full := s.Count >= b.Allowed
	if full && !b.Watch {
		s.Until = s.Window.Add(b.Per)
		if b.Pause > 0 {
			s.Until = now.Add(b.pause(s.Strikes))
		}
		s.Strikes++
	}
	return s, true, full && b.Watch || b.InARow > 0 && s.InARow >= b.InARow
}

// pause returns the wait after the given number of earlier ones.
func (f Figure) pause(strikes int) time.Duration {
	wait := f.Pause
	for range strikes {
		if wait >= f.PauseMax {
			break
		}
		wait *= 2
	}
	return min(wait, f.PauseMax)
}

// Back returns the count after something was given back.
func (s State) Back(b Back, allowed int) State {
	if b.Reset {
		return State{}
	}
	s.Count = max(s.Count-b.By, 0)
	s.InARow = max(s.InARow-b.By, 0)
	if !s.Until.IsZero() && s.Count < allowed {
		s.Until = time.Time{}
		s.Strikes = max(s.Strikes-1, 0)
	}
	return s
}
