package mail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stile/storage"
)

// memory is an outbox without a database.
type memory struct {
	mu   sync.Mutex
	due  []storage.Mail
	sent []string
	next map[string]time.Time
}

func (m *memory) put(mail storage.Mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due = append(m.due, mail)
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sent)
}

func (m *memory) LeaseMail(_ context.Context, n int, _ time.Duration) ([]storage.Mail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n = min(n, len(m.due))
	out := m.due[:n]
	m.due = m.due[n:]
	return out, nil
}

func (m *memory) MailSent(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, id)
	return nil
}

func (m *memory) MailFailed(_ context.Context, id string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next[id] = at
	return nil
}

// answers sends nothing and gives each message the answer of its address.
type answers map[string]error

func (a answers) Send(_ context.Context, m storage.Mail) error { return a[m.To] }

func TestQ07_WorkerTriesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		mail storage.Mail
		err  error
		sent bool
		wait time.Duration
	}{
		"sent":                     {storage.Mail{To: "a@b.c", Attempts: 1}, nil, true, 0},
		"to nobody":                {storage.Mail{To: "", Attempts: 1}, errors.New("must not be sent"), true, 0},
		"server away":              {storage.Mail{To: "a@b.c", Attempts: 1}, errors.New("away"), false, 5 * time.Second},
		"away the fourth time":     {storage.Mail{To: "a@b.c", Attempts: 4}, errors.New("away"), false, 40 * time.Second},
		"away for long":            {storage.Mail{To: "a@b.c", Attempts: 400}, errors.New("away"), false, 15 * time.Minute},
		"refused":                  {storage.Mail{To: "a@b.c", Attempts: 1}, RefusedError{Code: 550}, false, 5 * time.Second},
		"refused for the third":    {storage.Mail{To: "a@b.c", Attempts: 3}, RefusedError{Code: 550}, true, 0},
		"address that is none":     {storage.Mail{To: "a", Attempts: 1}, RefusedError{}, true, 0},
		"wrapped, refused for 3rd": {storage.Mail{To: "a@b.c", Attempts: 3}, fmt.Errorf("x: %w", RefusedError{Code: 550}), true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.mail.ID = "1"
			box := &memory{due: []storage.Mail{c.mail}, next: map[string]time.Time{}}
			w := &Worker{Outbox: box, Sender: answers{c.mail.To: c.err}, Now: func() time.Time { return noon }, Logger: discard}
			if n, err := w.round(t.Context()); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			if c.sent != (len(box.sent) == 1) || !c.sent && !box.next["1"].Equal(noon.Add(c.wait)) {
				t.Errorf("sent %v, again %v", box.sent, box.next)
			}
		})
	}
}

func TestWorkerWakesAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &memory{next: map[string]time.Time{}}
		w := &Worker{Outbox: box, Sender: answers{}, Now: time.Now, Logger: discard}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx) }()
		synctest.Wait()
		box.put(storage.Mail{ID: "1", To: "a@b.c"})
		w.Wake()
		synctest.Wait()
		if box.count() != 1 {
			t.Error("the bell was not heard")
		}
		box.put(storage.Mail{ID: "2", To: "a@b.c"})
		time.Sleep(poll + time.Millisecond)
		synctest.Wait()
		if box.count() != 2 {
			t.Error("the outbox was not looked into by itself")
		}
		cancel()
		<-done
	})
}

func TestQ12_StoppedWorkerGivesBackWhatItDidNotBegin(t *testing.T) {
	box := &memory{due: []storage.Mail{{ID: "1", To: "a@b.c"}}, next: map[string]time.Time{}}
	w := &Worker{Outbox: box, Sender: answers{}, Now: func() time.Time { return noon }, Logger: discard}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.round(ctx); err != nil || len(box.sent) != 0 || !box.next["1"].Equal(noon) {
		t.Errorf("%v, sent %v, next %v", err, box.sent, box.next)
	}
}
