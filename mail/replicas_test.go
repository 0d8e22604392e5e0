package mail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
	"stile/storage/storagetest"
)

// recorder sends nothing and remembers what it was given. The first attempts
// of each message fail.
type recorder struct {
	fail int

	mu    sync.Mutex
	tries map[string]int
	sent  map[string]int
}

func (r *recorder) Send(_ context.Context, m storage.Mail) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tries[m.Kind]++; r.tries[m.Kind] <= r.fail {
		return errors.New("mail server: away")
	}
	r.sent[m.Kind]++
	return nil
}

func (r *recorder) total() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, times := range r.sent {
		n += times
	}
	return n
}

// enqueue puts messages, told apart by their kinds, into the outbox.
func enqueue(t *testing.T, h *storagetest.House, n int, expires time.Time) {
	t.Helper()
	mails := make([]storage.Mail, n)
	for i := range mails {
		mails[i] = storage.Mail{Kind: fmt.Sprintf("message-%d", i), To: "agent@example.com", ExpiresAt: expires}
	}
	if err := h.DB.SignOutUser(t.Context(), h.User.ID, audit.System, mails...); err != nil {
		t.Fatal(err)
	}
}

func TestQ07_ReplicasSendEachMessageOnce(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, h *storagetest.House) {
		const many = 3*batch + 5
		enqueue(t, h, many, time.Time{})
		r := &recorder{tries: map[string]int{}, sent: map[string]int{}}
		var wg sync.WaitGroup
		for range 3 {
			w := &Worker{Outbox: h.Open(t), Sender: r, Now: h.Clock.Now, Logger: discard}
			wg.Go(func() {
				for {
					n, err := w.round(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					if n == 0 {
						return
					}
				}
			})
		}
		wg.Wait()
		for kind, times := range r.sent {
			if times != 1 {
				t.Errorf("%s was sent %d times", kind, times)
			}
		}
		if n := r.total(); n != many {
			t.Errorf("%d messages were sent, want %d", n, many)
		}
		if n, err := h.DB.OutboxLength(t.Context()); err != nil || n != 0 {
			t.Errorf("%d messages are left, %v", n, err)
		}
	})
}

func TestQ07_FailedMessagesWaitAndExpiredOnesAreDropped(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, h *storagetest.House) {
		r := &recorder{fail: 2, tries: map[string]int{}, sent: map[string]int{}}
		w := &Worker{Outbox: h.DB, Sender: r, Now: h.Clock.Now, Logger: discard}
		round := func() int {
			n, err := w.round(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		enqueue(t, h, 3, h.Clock.Now().Add(10*time.Minute))
		if n := round(); n != 3 || r.total() != 0 {
			t.Fatalf("first round: %d, %d sent", n, r.total())
		}
		if n := round(); n != 0 {
			t.Errorf("%d messages were tried again at once", n)
		}
		h.Clock.Move(backoff(1))
		if n := round(); n != 3 || r.total() != 0 {
			t.Errorf("second round: %d, %d sent", n, r.total())
		}
		h.Clock.Move(backoff(2))
		if n := round(); n != 3 || r.total() != 3 {
			t.Errorf("third round: %d, %d sent", n, r.total())
		}
		r.fail = 1000
		enqueue(t, h, 2, h.Clock.Now().Add(10*time.Minute))
		for range 40 {
			round()
			h.Clock.Move(time.Minute)
		}
		tries := r.tries["message-0"]
		if tries > 15 {
			t.Errorf("a code was tried %d times", tries)
		}
		h.Clock.Move(24 * time.Hour)
		if n := round(); n != 0 || r.total() != 3 {
			t.Errorf("after its time: %d leased, %d sent", n, r.total())
		}
	})
}
