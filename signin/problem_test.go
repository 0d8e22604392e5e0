package signin

import (
	"testing"
	"time"
)

// Pages show a time to the minute. Who comes back at the minute that was told is
// heard; the header has the seconds.
func TestWhenToTryAgainIsNeverToldTooEarly(t *testing.T) {
	now := time.Date(2026, 3, 4, 14, 39, 50, 0, time.UTC)
	s := &Service{now: func() time.Time { return now }}
	minute := func(m int) time.Time { return time.Date(2026, 3, 4, 14, m, 0, 0, time.UTC) }
	for until, told := range map[time.Time]time.Time{
		minute(40):                       minute(40),
		minute(40).Add(time.Microsecond): minute(41),
		minute(40).Add(59 * time.Second): minute(41),
	} {
		p := s.tooMany("code", "error.too_many.until", until)
		if got := p.Fields[0].Args["Until"]; got != told {
			t.Errorf("until %s is told as %s, want %s", until, got, told)
		}
		if p.RetryAfter != until.Sub(now) {
			t.Errorf("Retry-After %s, want %s", p.RetryAfter, until.Sub(now))
		}
	}
}
