package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// timed is a connection that notes until when it may be written to.
type timed struct {
	http.ResponseWriter
	until []time.Time
}

func (c *timed) SetWriteDeadline(t time.Time) error {
	c.until = append(c.until, t)
	return nil
}

func TestQ13_LongAnswersGetTimePerRows(t *testing.T) {
	c := &timed{ResponseWriter: httptest.NewRecorder()}
	s := NewStream(c)
	for range 2*streamRows + 1 {
		s.Row()
	}
	if len(c.until) != 3 {
		t.Fatalf("%d rows were given time %d times", 2*streamRows+1, len(c.until))
	}
	for _, at := range c.until {
		if left := time.Until(at); left <= 0 || left > streamTime {
			t.Errorf("a deadline in %v", left)
		}
	}
}
