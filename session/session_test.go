package session

import (
	"testing"
	"time"

	"stile/authn"
	"stile/storage"
)

func TestAlive(t *testing.T) {
	began := time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC)
	password := authn.Evidence{{Method: authn.Password, At: began, Authenticator: "password-1"}}
	two := password.With(authn.Proof{Method: authn.TOTP, At: began, Authenticator: "app"})
	// A code that was added three days after the password.
	stepped := password.With(authn.Proof{Method: authn.TOTP, At: began.Add(72 * time.Hour), Authenticator: "app"})
	// The password, given once more eleven hours after both.
	again := two.With(authn.Proof{Method: authn.Password, At: began.Add(11 * time.Hour), Authenticator: "password-1"})
	for _, c := range []struct {
		name       string
		evidence   authn.Evidence
		seen, now  time.Duration // since it began
		alive      bool
		endedEarly bool
	}{
		{"password, idle for nearly 8 h", password, 0, 8*time.Hour - time.Second, true, false},
		{"password, idle for 8 h", password, 0, 8 * time.Hour, false, false},
		{"password, in use for nearly 7 days", password, 167 * time.Hour, 168*time.Hour - time.Second, true, false},
		{"password, in use for 7 days", password, 167 * time.Hour, 168 * time.Hour, false, false},
		{"two steps, idle for nearly 1 h", two, 0, time.Hour - time.Second, true, false},
		{"two steps, idle for 1 h", two, 0, time.Hour, false, false},
		{"two steps, in use for nearly 12 h", two, 11*time.Hour + 30*time.Minute, 12*time.Hour - time.Second, true, false},
		{"two steps, in use for 12 h", two, 11*time.Hour + 30*time.Minute, 12 * time.Hour, false, false},
		{"stepped up", stepped, 72 * time.Hour, 72*time.Hour + 30*time.Minute, true, false},
		{"stepped up, 12 h ago", stepped, 83*time.Hour + 30*time.Minute, 84 * time.Hour, false, false},
		{"password given again, 12 h after the code", again, 11*time.Hour + 30*time.Minute, 12 * time.Hour, false, false},
		{"ended", password, 0, time.Minute, false, true},
		{"without evidence", nil, 0, 0, false, false},
	} {
		s := storage.Session{Evidence: c.evidence, CreatedAt: began, SeenAt: began.Add(c.seen), ExpiresAt: began.Add(30 * 24 * time.Hour)}
		if c.endedEarly {
			s.EndedAt = &began
		}
		if got := Alive(s, storage.DefaultPolicy(), began.Add(c.now)); got != c.alive {
			t.Errorf("%s: alive %v", c.name, got)
		}
	}
	s := storage.Session{Evidence: two, CreatedAt: began, SeenAt: began, ExpiresAt: began.Add(time.Minute)}
	if Alive(s, storage.DefaultPolicy(), began.Add(time.Minute)) {
		t.Error("alive after its own end")
	}
}
