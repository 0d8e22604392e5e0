package storagetest

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/device"
	"stile/seal"
	"stile/storage"
)

// The people and things that tests begin with.

// account makes an account of this name.
func account(t testing.TB, db *storage.DB, name string) storage.Account {
	t.Helper()
	return got(db.CreateAccount(t.Context(), storage.Account{Name: name, Language: "en", TimeZone: "Europe/Rome"}, By))(t)
}

// person makes a user in an account of the user's own.
func person(t testing.TB, db *storage.DB, email string) storage.User {
	t.Helper()
	return member(t, db, account(t, db, "Account of "+email), email)
}

// member makes a user with a password.
func member(t testing.TB, db *storage.DB, a storage.Account, email string, roles ...string) storage.User {
	t.Helper()
	return got(db.CreateUser(t.Context(), storage.User{
		AccountID: a.ID, Email: email, Name: strings.Split(email, "@")[0],
		Roles: roles, Password: "$argon2id$first",
	}, By))(t)
}

// totp gives a user an active authenticator app, past all that guards it.
func totp(t testing.TB, raw *sql.DB, u storage.User, id, sealed string) {
	t.Helper()
	_, err := raw.Exec(`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at)
		VALUES ($1, $2, $3, 'totp', 'active', $4, 7, 0)`, id, u.AccountID, u.ID, sealed)
	must(t, err)
}

// session gives a user a live session, and grant a live grant, past all that
// guards them. They are the user's because of their ids.
func session(t testing.TB, raw *sql.DB, u storage.User, id string) {
	t.Helper()
	_, err := raw.Exec(`INSERT INTO sessions (id, browser, account_id, user_id, evidence, network, user_agent, created_at, chosen_at, seen_at, expires_at, ended_reason)
		VALUES ($1, $1, $2, $3, '[]', '', '', 0, 0, 0, $4, '')`, id, u.AccountID, u.ID, time.Now().Add(1e6*time.Hour).UnixMicro())
	must(t, err)
}

func grant(t testing.TB, raw *sql.DB, u storage.User, clientID, id string) {
	t.Helper()
	_, err := raw.Exec(`INSERT INTO grants (id, account_id, client_id, user_id, session_id, request_id, scope, claims, nonce, evidence, acr, offline,
		code_hash, code_redirect_uri, code_challenge, code_expires_at, generation, rotated_at, idle_at, expires_at, ended_reason, created_at)
		VALUES ($1, $2, $3, $4, '', $1, '', '', '', '[]', '', TRUE, $1, '', '', 0, 0, 0, 0, $5, '', 0)`,
		id, u.AccountID, clientID, u.ID, time.Now().Add(1e6*time.Hour).UnixMicro())
	must(t, err)
}

// live counts the sessions and grants of a user that have not ended.
func live(t testing.TB, raw *sql.DB, u storage.User) (n int) {
	t.Helper()
	must(t, raw.QueryRow(`SELECT (SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL)
		+ (SELECT count(*) FROM grants WHERE user_id = $1 AND ended_at IS NULL)`, u.ID).Scan(&n))
	return n
}

// enqueue queues a message: it rides with any change.
func enqueue(t testing.TB, db *storage.DB, u storage.User, kind string) error {
	t.Helper()
	return db.SignOutUser(t.Context(), u.ID, By, storage.Mail{Kind: kind, To: u.Email, Lang: "en", Data: map[string]string{"code": "123456"}})
}

func signingKey(id string, clock *Clock) storage.SigningKey {
	now := clock.Now()
	return storage.SigningKey{
		ID: id, Alg: "ES256", Private: seal.Secret("private " + id), Public: `{"kid":"` + id + `"}`,
		CreatedAt: now, ActivatesAt: now, RetiresAt: now.Add(time.Hour), RemovesAt: now.Add(2 * time.Hour),
	}
}

// webClient is a client that may be registered.
func webClient(db *storage.DB, id string) storage.Client {
	return storage.Client{
		ID: id, SecretHash: db.HashClientSecret(id, "sts_secret"),
		Metadata: storage.Metadata{Name: "Console", RedirectURIs: []string{"https://app.example.com/callback"}},
	}
}

// version is a client version that is sure to be one.
func version(text string, build int) device.Version {
	v, err := device.Parse(text, build)
	if err != nil {
		panic(err) // a fault of the test
	}
	return v
}

// events lists the kinds of the newest events, newest first, with the reasons.
func events(t testing.TB, db *storage.DB, f storage.EventFilter) []string {
	t.Helper()
	var kinds []string
	for _, e := range got(db.Events(t.Context(), f))(t) {
		text := string(e.Kind)
		if e.Reason != "" {
			text += " " + e.Reason
		}
		if e.Outcome == audit.Refused {
			text += " (refused)"
		}
		kinds = append(kinds, text)
	}
	return kinds
}

// second is the error of two results.
func second[T any](_ T, err error) error { return err }
