package signin

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"stile/audit"
	"stile/limit"
	"stile/storage"
	"stile/templates"
)

// Problem is what was wrong with an answer: the same screen is shown again.
type Problem struct {
	Status     int // 422, 429 or 503
	Fields     []templates.FieldError
	RetryAfter time.Duration
	// CheckClock and OlderEntries ask whether the phone sets its clock itself,
	// and whether it was the newest entry in the app.
	CheckClock, OlderEntries bool
}

func (p *Problem) Error() string {
	text := "signin: answer was not accepted:"
	for _, f := range p.Fields {
		text += " " + f.Key
	}
	return text
}

func problem(field, key string) *Problem {
	return &Problem{Status: http.StatusUnprocessableEntity, Fields: []templates.FieldError{{Field: field, Key: key}}}
}

// tooMany is the answer to an attempt that was not heard.
func (s *Service) tooMany(field, key string, until time.Time) *Problem {
	p := problem(field, key)
	p.Fields[0].Args = map[string]any{"Until": wholeMinute(until)}
	p.Status, p.RetryAfter = http.StatusTooManyRequests, until.Sub(s.now())
	return p
}

// wholeMinute rounds up to what pages show of a time: whoever comes back at
// that minute is heard.
func wholeMinute(t time.Time) time.Time { return t.Add(time.Minute - 1).Truncate(time.Minute) }

// busyFor is how long the pool of hashes is full, more or less.
const busyFor = 2 * time.Second

// busy is the answer when no password can be hashed now.
func busy(field string) *Problem {
	p := problem(field, templates.ErrBusy)
	p.Status, p.RetryAfter = http.StatusServiceUnavailable, busyFor
	return p
}

// attempt is a try that was booked and not judged yet. One of its ends is due.
type attempt struct {
	s        *Service
	field    string
	bookings []limit.Booking
	reached  []limit.Name
}

// try books an attempt before anything is compared. Who may not try gets a
// [Problem] at the field.
func (s *Service) try(ctx context.Context, p *Pending, field string, bookings []limit.Booking) (attempt, error) {
	reached, err := s.db.BookAttempts(ctx, bookings)
	if limited, ok := errors.AsType[storage.LimitedError](err); ok {
		if limit.NameOf(limited.Key) == limit.TOTPMonth {
			return attempt{}, limited // there is a way on: see guard
		}
		key := templates.ErrTooManyUntil
		if field == templates.FieldPassword {
			key = templates.ErrSignInTooMany
		}
		return attempt{}, s.limited(ctx, p, limited, s.tooMany(field, key, limited.Until))
	}
	return attempt{s, field, bookings, reached}, err
}

// limited gives the answer of a limit.
func (s *Service) limited(ctx context.Context, p *Pending, l storage.LimitedError, answer *Problem) error {
	if err := s.tell(ctx, p, l); err != nil {
		return err
	}
	return answer
}

// tell tells the audit log of each pause once, and not of each knock at the
// closed door.
func (s *Service) tell(ctx context.Context, p *Pending, l storage.LimitedError) error {
	if !s.pauses.first(l.Key, l.Until) {
		return nil
	}
	return s.db.Record(ctx, s.refused(p, audit.LimitReached, string(limit.NameOf(l.Key))))
}

// pauses remembers which pauses were told of. Replicas tell each for itself.
type pauses struct {
	mu   sync.Mutex
	told map[string]time.Time // until when, by key
}

// maxPauses bounds the memory; what is forgotten is told of again.
const maxPauses = 4096

func (n *pauses) first(key string, until time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told[key].Equal(until) {
		return false
	}
	if n.told == nil || len(n.told) >= maxPauses {
		n.told = map[string]time.Time{}
	}
	n.told[key] = until
	return true
}

// wrong ends an attempt with a refusal, which the audit log tells.
func (a attempt) wrong(ctx context.Context, e audit.Event, key string) error {
	if err := a.s.db.Record(ctx, e, limit.Failure(a.bookings)...); err != nil {
		return err
	}
	return problem(a.field, key)
}

// void ends an attempt in which nothing was compared.
func (a attempt) void(ctx context.Context, why error) error {
	return errors.Join(why, a.s.db.RefundAttempts(ctx, limit.Undo(a.bookings)))
}

// right is what a success gives back, in the transaction of its proof.
func (a attempt) right() []limit.Back { return limit.Success(a.bookings) }

func (a attempt) has(name limit.Name) bool {
	for _, n := range a.reached {
		if n == name {
			return true
		}
	}
	return false
}
