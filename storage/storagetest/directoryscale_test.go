package storagetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
)

// TestQ11_AdministrationUsesIndexes asks what an administrator asks of an
// account of some hundred users beside some ten thousand others. PostgreSQL
// counts when it reads a table from end to end; nothing here does.
func TestQ11_AdministrationUsesIndexes(t *testing.T) {
	h := NewHouse(t, Server.Fresh(t))
	ctx := t.Context()
	other := account(t, h.DB, "Others")
	products := map[string]storage.Product{}
	for _, a := range []storage.Account{h.Account, other} {
		products[a.ID] = got(h.DB.CreateProduct(ctx, storage.Product{AccountID: a.ID, Name: "Desk"}, By))(t)
	}
	h.populate(t, h.Account, products[h.Account.ID], "m", 300)
	h.populate(t, other, products[other.ID], "o", 12_000)
	_, err := h.raw.ExecContext(ctx, `ANALYZE`)
	must(t, err)
	must(t, h.raw.Close()) // so that all this is counted now
	h.raw = Raw(t, h.URL)
	h.raw.SetMaxOpenConns(1)

	everyone := storage.DefaultPolicy()
	holders := everyone
	holders.Products = []string{products[h.Account.ID].ID}
	directory := func(f storage.UserFilter) func() error {
		return func() error {
			f.AccountID = h.Account.ID
			found, err := h.DB.Directory(ctx, f)
			if err == nil && len(found) == 0 {
				err = errors.New("nobody is found")
			}
			return err
		}
	}
	log := func(f storage.EventFilter) func() error {
		return func() error {
			f.AccountID = h.Account.ID
			return second(h.DB.Events(ctx, f))
		}
	}
	now := h.Clock.Now()
	grown := []string{"users", "user_words", "authenticators", "seats", "sessions", "grants", "consents", "audit_events"}
	before := h.wholeReads(t, grown)
	for _, way := range []struct {
		name string
		do   func() error
	}{
		{"first page", directory(storage.UserFilter{})},
		{"further page", directory(storage.UserFilter{After: "m200@example.com"})},
		{"many of a word", directory(storage.UserFilter{Text: "example.com"})},
		{"few of a word", directory(storage.UserFilter{Text: "m77 name"})},
		{"covered", directory(storage.UserFilter{State: storage.StateCovered, Policy: holders})},
		{"not covered", directory(storage.UserFilter{State: storage.StateNotCovered, Policy: holders})},
		{"enrolled", directory(storage.UserFilter{State: storage.StateEnrolled, Policy: everyone})},
		{"to enrol", directory(storage.UserFilter{State: storage.StateToEnrol, Policy: everyone})},
		{"disabled", directory(storage.UserFilter{State: storage.StateDisabled, Policy: everyone})},
		{"holders", directory(storage.UserFilter{ProductID: holders.Products[0]})},
		{"helpdesk", directory(storage.UserFilter{Role: storage.RoleHelpdesk})},
		{"member", func() error { return second(h.DB.Member(ctx, h.Account.ID, "m7", everyone)) }},
		{"coverage", func() error { return second(h.DB.Coverage(ctx, h.Account.ID, everyone)) }},
		{"coverage by product", func() error { return second(h.DB.Coverage(ctx, h.Account.ID, holders)) }},
		{"use of a client", func() error { _, _, err := h.DB.ClientUsers(ctx, h.Account.ID, h.Client.ID); return err }},
		{"people of a client", func() error { return second(h.DB.ClientPeople(ctx, h.Account.ID, "app-m", "", 50)) }},
		{"people of a common client", func() error { return second(h.DB.ClientPeople(ctx, other.ID, "app-o", "o2000@example.com", 50)) }},
		{"log", log(storage.EventFilter{})},
		{"log of a kind", log(storage.EventFilter{Kind: audit.SignInFailed})},
		{"log of a while", log(storage.EventFilter{Since: now.Add(-time.Hour), Until: now})},
		{"newer lines", log(storage.EventFilter{Newer: h.DB.LogPosition()})},
		{"sign-ins", func() error {
			return second(h.DB.SignInsByDay(ctx, h.Account.ID, now.AddDate(0, 0, -30), now, time.UTC))
		}},
		{"enrolment", func() error {
			return second(h.DB.EnrolmentByDay(ctx, h.Account.ID, now.AddDate(0, 0, -30), now, time.UTC))
		}},
		{"demotion", func() error {
			return second(h.DB.UpdateUser(ctx, "m1", func(u *storage.User) error { u.Roles = []string{storage.RoleMember}; return nil }, By))
		}},
		{"switch and notice", func() error {
			err := second(h.DB.UpdatePolicy(ctx, h.Account.ID, require, By))
			if err == nil {
				err = second(h.DB.AnnounceNext(ctx, 50, notice))
			}
			return err
		}},
	} {
		if err := way.do(); err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
		reads := h.wholeReads(t, grown)
		for table, n := range reads {
			if n != before[table] {
				t.Errorf("%s reads all of %s", way.name, table)
			}
		}
		before = reads
	}
}

// populate adds n users to an account, with all that an administrator sees.
// Two of them are administrators, one is of the helpdesk, one is disabled.
func (h *House) populate(t *testing.T, a storage.Account, p storage.Product, prefix string, n int) {
	t.Helper()
	for _, text := range []string{
		`INSERT INTO users (id, account_id, email, name, roles, language, time_zone, password, password_version, epoch, enhanced, disabled_at, created_at, updated_at)
			SELECT $2 || i, $1, $2 || i || '@example.com', 'Name', CASE WHEN i < 3 THEN '["admin"]' WHEN i = 3 THEN '["helpdesk"]' ELSE '["member"]' END,
			'', '', '', 0, 1, FALSE, CASE WHEN i = 4 THEN 1 END, 0, 0 FROM generate_series(1, $3) i`,
		`UPDATE users SET words_of = email || ' ' || name WHERE account_id = $1 AND id LIKE $2 || '%' AND CAST($3 AS BIGINT) > 0`,
		`INSERT INTO user_words (account_id, word, user_id) SELECT $1, w, $2 || i FROM generate_series(1, $3) i, LATERAL (VALUES ($2 || i), ($2 || i || '@example.com'), ('example.com'), ('name')) AS words (w)`,
		`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at)
			SELECT 't' || $2 || i, $1, $2 || i, 'totp', 'active', '', 0, 0 FROM generate_series(1, $3) i WHERE i % 2 = 0`,
		`INSERT INTO sessions (id, browser, account_id, user_id, evidence, network, user_agent, created_at, chosen_at, seen_at, expires_at, ended_reason)
			SELECT 's' || $2 || i, 's' || $2 || i, $1, $2 || i, '[]', '', '', 0, 0, 0, 9e15, '' FROM generate_series(1, $3) i`,
		`INSERT INTO grants (id, account_id, client_id, user_id, session_id, request_id, scope, claims, nonce, evidence, acr, offline, code_hash, code_redirect_uri,
			code_challenge, code_expires_at, code_used_at, generation, rotated_at, idle_at, expires_at, ended_reason, created_at)
			SELECT 'g' || $2 || i, $1, '` + h.Client.ID + `', $2 || i, '', 'r' || $2 || i, '', '', '', '[]', '', TRUE, 'c' || $2 || i, '',
			'', 0, 1, 1, 0, 9e15, 9e15, '', 0 FROM generate_series(1, $3) i`,
		`INSERT INTO audit_events (id, at, account_id, kind, outcome, actor_kind, actor_id, network, user_agent, request_id, subject_id, session_id, grant_id, client_id, reason, detail)
			SELECT 'e' || $2 || i, i, $1, CASE i % 3 WHEN 0 THEN 'sign_in.failed' ELSE 'grant.refreshed' END, 'ok', '', '', '', '', '', $2 || i, '', '', '', '', '' FROM generate_series(1, $3) i`,
		`INSERT INTO clients (id, account_id, metadata, secret, third_party, version, created_at, updated_at) SELECT 'app-' || $2, $1, '{}', '', TRUE, 1, 0, 0 WHERE CAST($3 AS BIGINT) > 0`,
		`INSERT INTO consents (user_id, client_id, scope, granted_at) SELECT $2 || i, 'app-' || $2, 'openid', 0 FROM generate_series(1, $3) i WHERE $1 <> ''`,
	} {
		_, err := h.raw.ExecContext(t.Context(), text, a.ID, prefix, n)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	_, err := h.raw.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO seats (user_id, product_id, account_id, created_at)
		SELECT $2 || i, '%s', $1, 0 FROM generate_series(1, $3) i WHERE i %% 3 = 0`, p.ID), a.ID, prefix, n)
	must(t, err)
}
