package server

import (
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

// What happens is sealed within five seconds, by a replica or another, and the
// operator learns whether the database protects it.
func TestN06_ServerSealsWithinSeconds(t *testing.T) {
	cfg, l := configure(t)
	s := start(t, cfg, l)
	eventually(t, 5*time.Second, "a line about the protection", func() bool {
		return strings.Contains(s.logs.String(), "the audit log is not protected by the database")
	})
	for n := range 3 {
		if err := s.DB().Record(t.Context(), audit.Event{Kind: audit.SignInFailed}); err != nil {
			t.Fatal(err)
		}
		eventually(t, 5*time.Second, "a seal", func() bool {
			r, err := s.DB().VerifyAudit(t.Context(), "", storage.AuditCheck{})
			if err != nil || r.Faulty > 0 {
				t.Fatalf("%+v: %v", r, err)
			}
			return r.Waiting == 0 && r.Events > int64(n)
		})
	}
}
