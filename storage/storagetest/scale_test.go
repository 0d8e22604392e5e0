package storagetest

import (
	"fmt"
	"testing"

	"stile/storage"
)

// TestQ11_FrequentWaysUseIndexes runs every step of a sign-in and every use of
// a grant beside some thousand others. PostgreSQL counts when it reads a table
// from end to end; none of these does.
func TestQ11_FrequentWaysUseIndexes(t *testing.T) {
	h := NewHouse(t, Server.Fresh(t))
	h.Session = h.SignedIn(t)
	grant := h.Grant(t, h.Session).ID
	h.crowd(t, 4000)

	enrolled := h.Enrol(t)
	set := h.Person(t).RecoveryID
	issue, code := h.Issue(t, h.Session), h.Code(t, h.Session)
	withCode, withRecovery, withMail, enrolling := h.Begin(t), h.Begin(t), h.SendCode(t, h.Begin(t), "111111"), h.Connect(t, h.Begin(t))
	for _, way := range []struct {
		name string
		do   func() error
	}{
		{"Session", func() error { _, err := h.DB.Session(t.Context(), h.Session.Browser, h.Client.ID); return err }},
		{"OpenSignIn", func() error { _, err := h.DB.OpenSignIn(t.Context(), withCode.Key, h.Session.Browser, nil); return err }},
		{"ProvePassword", func() error { h.Begin(t); return nil }},
		{"IssueCode", func() error { _, err := h.DB.IssueCode(t.Context(), issue); return err }},
		{"RedeemCode", func() error { _, err := h.DB.RedeemCode(t.Context(), code, h.Redeem("a1")); return err }},
		{"RotateRefresh", func() error { _, _, err := h.DB.RotateRefresh(t.Context(), grant, 1, h.Rotate("a2")); return err }},
		{"GrantByAccess", func() error { _, err := h.DB.GrantByAccess(t.Context(), "a2"); return err }},
		{"ProveTOTP", func() (err error) {
			withCode, err = h.DB.ProveTOTP(t.Context(), h.TOTPProof(withCode, enrolled, 1001))
			return err
		}},
		{"ProveRecovery", func() error {
			_, err := h.DB.ProveRecovery(t.Context(), h.RecoveryProof(withRecovery, set, enrolled+"-a"))
			return err
		}},
		{"ProveEmail", func() error { _, err := h.DB.ProveEmail(t.Context(), h.EmailProof(withMail, "111111")); return err }},
		{"CompleteSignIn", func() error {
			c := h.Completion(withCode)
			c.OldBrowser, c.SessionID = h.Session.Browser, h.Session.ID
			s, err := h.DB.CompleteSignIn(t.Context(), c)
			h.Session = s
			return err
		}},
		{"ActivateTOTP", func() error { _, err := h.DB.ActivateTOTP(t.Context(), h.Activation(enrolling)); return err }},
		{"EndSessions", func() error { return h.DB.EndSessions(t.Context(), h.Session.Browser, "signed_out", By) }},
	} {
		before := h.wholeReads(t, crowded)
		if err := way.do(); err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
		for table, n := range h.wholeReads(t, crowded) {
			if n != before[table] {
				t.Errorf("%s reads all of %s", way.name, table)
			}
		}
	}
}

// crowded are the tables that grow with users and use.
var crowded = []string{"users", "sessions", "grants", "access_tokens", "authenticators", "recovery_codes", "sign_ins", "email_codes"}

// crowd adds n users with a session, a grant, and so on each, copied from the
// house's own.
func (h *House) crowd(t *testing.T, n int) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO users (id, account_id, email, name, roles, language, time_zone, password, password_version, epoch, enhanced, created_at, updated_at)
			SELECT 'u' || i, account_id, 'u' || i || '@example.com', name, roles, language, time_zone, password, password_version, epoch, enhanced, created_at, updated_at
			FROM users, generate_series(1, %d) i`,
		`INSERT INTO sessions (id, browser, account_id, user_id, evidence, network, user_agent, created_at, chosen_at, seen_at, expires_at, ended_reason)
			SELECT 's' || i, 'b' || i, account_id, 'u' || i, evidence, network, user_agent, created_at, chosen_at, seen_at, expires_at, '' FROM sessions, generate_series(1, %d) i`,
		`INSERT INTO grants (id, account_id, client_id, user_id, session_id, request_id, scope, claims, nonce, evidence, acr, offline, code_hash, code_redirect_uri,
			code_challenge, code_expires_at, code_used_at, generation, rotated_at, idle_at, expires_at, ended_reason, created_at)
			SELECT 'g' || i, account_id, client_id, 'u' || i, 's' || i, 'r' || i, scope, claims, nonce, evidence, acr, offline, 'c' || i, code_redirect_uri,
			code_challenge, code_expires_at, code_used_at, generation, rotated_at, idle_at, expires_at, '', created_at FROM grants, generate_series(1, %d) i`,
		`INSERT INTO access_tokens (hash, grant_id, scope, issued_at, expires_at)
			SELECT 'a-' || i, 'g' || i, scope, issued_at, expires_at FROM access_tokens, generate_series(1, %d) i`,
		`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at)
			SELECT k || i, '', 'u' || i, k, 'active', '', 0, 0 FROM (VALUES ('totp'), ('recovery')) AS kinds (k), generate_series(1, %d) i`,
		`INSERT INTO recovery_codes (authenticator_id, hash) SELECT 'recovery' || i, 'h' || j FROM generate_series(1, %d) i, generate_series(1, 3) j`,
		`INSERT INTO sign_ins (id, binding, account_id, user_id, epoch, version, label, progress, secrets, started_at, expires_at)
			SELECT 'p' || i, 'b' || i, account_id, 'u' || i, epoch, version, label, progress, secrets, started_at, expires_at FROM sign_ins, generate_series(1, %d) i`,
		`INSERT INTO email_codes (purpose, txn, user_id, hash, tries, sent_at, expires_at)
			SELECT 'enrolment', 'p' || i, 'u' || i, '', 0, 0, 0 FROM generate_series(1, %d) i`,
	} {
		_, err := h.raw.ExecContext(t.Context(), fmt.Sprintf(statement, n))
		must(t, err)
	}
	_, err := h.raw.ExecContext(t.Context(), `ANALYZE`)
	must(t, err)
	must(t, h.raw.Close()) // so that all this is counted now
	h.raw = Raw(t, h.URL)
	h.raw.SetMaxOpenConns(1)
}

// wholeReads returns how often each table was read from end to end. What a
// connection has counted is known once it is closed.
func (h *House) wholeReads(t *testing.T, tables []string) map[string]int64 {
	t.Helper()
	must(t, h.DB.Close())
	h.settle(t)
	reads := map[string]int64{}
	for _, table := range tables {
		reads[table] = h.Count(t, `SELECT seq_scan FROM pg_stat_user_tables WHERE relname = $1`, table)
	}
	db, err := storage.Open(t.Context(), h.URL, storage.Options{Ring: Ring(), Now: h.Clock.Now})
	must(t, err)
	h.DB = db
	t.Cleanup(func() { _ = db.Close() })
	return reads
}
