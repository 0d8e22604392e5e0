package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// guess tries whenever it is admitted, for as long as given and at most n times
// (0: without end), and returns how often it was admitted.
func guess(s *State, b Booking, from time.Time, lasting time.Duration, n int) (admitted int) {
	for now := from; now.Before(from.Add(lasting)) && (n == 0 || admitted < n); {
		var ok bool
		if *s, ok, _ = s.Book(b, now); ok {
			admitted++
			now = now.Add(time.Second)
			continue
		}
		now = s.Until
	}
	return admitted
}

func totp() Booking {
	b := Defaults().BookSetupCode("ann", "app")[0]
	b.Figure = Defaults().TOTP
	return b
}

func TestK04_PauseDoublesToItsEnd(t *testing.T) {
	b := totp()
	var s State
	now := noon
	for i, wait := range []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour, day, day} {
		for try := range 5 {
			var admitted bool
			if s, admitted, _ = s.Book(b, now); !admitted {
				t.Fatalf("batch %d, try %d refused until %v", i, try, s.Until)
			}
		}
		if got := s.Until.Sub(now); got != wait {
			t.Fatalf("after batch %d: pause of %v, want %v", i, got, wait)
		}
		before := s
		if s, admitted, _ := s.Book(b, s.Until.Add(-time.Microsecond)); admitted || s != before {
			t.Fatalf("batch %d: admitted in the pause, or counted", i)
		}
		now = s.Until
	}
}

func TestK04_WhatAnAttackerGets(t *testing.T) {
	for _, test := range []struct {
		name    string
		booking Booking
		lasting time.Duration
		want    int
	}{
		{"a batch of TOTP guesses", totp(), 15 * time.Minute, 5},
		{"TOTP in a day, the victim signing in every morning", totp(), day, 35},
		{"TOTP in 30 days, whatever is right between", Booking{Figure: Defaults().TOTPMonth}, 30 * day, 100},
		{"e-mail codes in an hour", Booking{Figure: Defaults().EmailCodeHour}, time.Hour, 10},
		{"e-mail codes in a day", Booking{Figure: Defaults().EmailCodeDay}, day, 20},
		{"e-mail codes in 30 days", Booking{Figure: Defaults().EmailCodeMonth}, 30 * day, 60},
		{"recovery codes in a day", Booking{Figure: Defaults().RecoveryDay}, day, 20},
		{"passwords in an hour", Booking{Figure: Defaults().Password}, time.Hour, 60},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := guess(&State{}, test.booking, noon, test.lasting, 0); got > test.want || got < test.want-5 {
				t.Errorf("%d guesses, want %d", got, test.want)
			}
		})
	}
}

func TestK04_FiftyInARowAreReached(t *testing.T) {
	b := totp()
	var s State
	guess(&s, b, noon, 365*day, 49)
	now := noon.Add(400 * day)
	s, admitted, reached := s.Book(b, now)
	if !admitted || !reached || s.InARow != 50 {
		t.Fatalf("the fiftieth: admitted %v, reached %v, %+v", admitted, reached, s)
	}
	s = s.Back(Back{Reset: true}, b.Allowed)
	if _, _, reached = s.Book(b, now); reached {
		t.Error("a success does not start anew")
	}
}

func TestSuccessInTheLastTryLiftsThePause(t *testing.T) {
	b := Booking{Figure: Figure{Allowed: 3, Per: time.Hour, Pause: time.Minute, PauseMax: time.Hour}}
	var s State
	for range 3 {
		s, _, _ = s.Book(b, noon)
	}
	if s.Until.IsZero() || s.Strikes != 1 {
		t.Fatalf("%+v", s)
	}
	s = s.Back(Back{By: 1}, b.Allowed)
	if !s.Until.IsZero() || s.Strikes != 0 || s.Count != 2 || s.InARow != 2 {
		t.Errorf("%+v", s)
	}
}

func TestWindowStartsWithTheFirstAttempt(t *testing.T) {
	b := Booking{Figure: Figure{Allowed: 2, Per: time.Hour}}
	s, _, _ := State{}.Book(b, noon)
	s, admitted, _ := s.Book(b, noon.Add(time.Hour))
	if !admitted || s.Count != 1 || !s.Window.Equal(noon.Add(time.Hour)) {
		t.Errorf("an hour later: %v %+v", admitted, s)
	}
	s, _, _ = s.Book(b, noon.Add(90*time.Minute))
	if !s.Until.Equal(noon.Add(2 * time.Hour)) {
		t.Errorf("full until %v", s.Until)
	}
}

func TestWatchedCounts(t *testing.T) {
	watch := Booking{Figure: Figure{Allowed: 2, Per: day}, Watch: true}
	refuse := Booking{Figure: watch.Figure}
	s, admitted, reached := State{}.Book(watch, noon)
	if !admitted || reached {
		t.Fatal("first")
	}
	s, admitted, reached = s.Book(watch, noon)
	if !admitted || !reached || !s.Until.IsZero() {
		t.Fatalf("second: %v %v %+v", admitted, reached, s)
	}
	// What a known browser has filled is full for an unknown one.
	s, admitted, _ = s.Book(refuse, noon.Add(time.Minute))
	if admitted || !s.Until.Equal(noon.Add(day)) {
		t.Fatalf("unknown browser: %v %+v", admitted, s)
	}
	// A success of the known one in between opens nothing for the other.
	s, admitted, _ = s.Book(watch, noon.Add(2*time.Minute))
	s = s.Back(Back{By: 1}, 2)
	if _, again, _ := s.Book(refuse, noon.Add(3*time.Minute)); !admitted || again {
		t.Fatalf("known: %v, unknown: %v", admitted, again)
	}
}

// A network is refused by failures beyond its successes; an attempt under way
// costs it nothing.
func TestI02_NetworkOnAMonday(t *testing.T) {
	look := Defaults().BookPassword("hash", stranger)[0]
	fail := Failure([]Booking{look})[0]
	back := Success([]Booking{look})[0]
	var s State
	for i := range 1000 { // one in three mistypes
		now := noon.Add(time.Duration(i) * 100 * time.Millisecond)
		var admitted bool
		if s, admitted, _ = s.Book(look, now); !admitted {
			t.Fatalf("refused at %d", i)
		}
		if i%3 == 0 {
			s, _, _ = s.Book(fail, now)
		} else {
			s = s.Back(back, look.Allowed)
		}
	}
	for i := range 30 { // someone guesses
		now := noon.Add(11 * time.Minute)
		var admitted bool
		if s, admitted, _ = s.Book(look, now); !admitted {
			t.Fatalf("guess %d refused", i)
		}
		s, _, _ = s.Book(fail, now)
	}
	if _, admitted, _ := s.Book(look, noon.Add(12*time.Minute)); admitted {
		t.Error("31 guesses")
	}
	if _, admitted, _ := s.Book(look, noon.Add(21*time.Minute)); !admitted {
		t.Error("refused for longer than the window")
	}
}

// However attempts and refunds follow one another, no window admits more than
// is allowed beyond what was given back, and a refusal always ends.
func TestStateHoldsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Booking{Figure: Figure{Allowed: rapid.IntRange(1, 5).Draw(t, "allowed"), Per: time.Hour}}
		if rapid.Bool().Draw(t, "pauses") {
			b.Pause, b.PauseMax = time.Minute, time.Duration(rapid.IntRange(1, 90).Draw(t, "longest"))*time.Minute
		}
		var s State
		now, admittedNow := noon, 0
		for range rapid.IntRange(1, 60).Draw(t, "acts") {
			switch rapid.IntRange(0, 3).Draw(t, "act") {
			case 0, 1:
				window := s.Window
				var admitted bool
				s, admitted, _ = s.Book(b, now)
				if !s.Window.Equal(window) {
					admittedNow = 0
				}
				if admitted {
					admittedNow++
				}
			case 2:
				if s.Count > 0 && admittedNow > 0 {
					s = s.Back(Back{By: 1}, b.Allowed)
					admittedNow--
				}
			case 3:
				now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "minutes")) * time.Minute)
			}
			if admittedNow > b.Allowed {
				t.Fatalf("%d admitted of %d", admittedNow, b.Allowed)
			}
			if s.Until.After(now.Add(max(b.Per, b.PauseMax))) || s.Count < 0 || s.InARow < 0 || s.Strikes < 0 {
				t.Fatalf("%+v at %v", s, now)
			}
			if _, admitted, _ := s.Book(b, latest(now, s.Until)); !s.Until.IsZero() && !admitted {
				t.Fatalf("refused at its end: %+v", s)
			}
		}
	})
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
