package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"stile/seal"
	"stile/storage"
)

var schemaPromises = []promise{
	{"TestMigrateTwiceChangesNothing", migrateTwice},
	{"TestMigrateByTwoAtOnce", migrateTogether},
	{"TestNewerSchemaIsRefused", newerSchema},
	{"TestStatusWritesNothing", statusOnly},
	{"TestO04_MasterKeyThatDoesNotOpen", wrongMasterKey},
	{"TestO03_SealedValueInAnotherRow", movedValues},
	{"TestO04_MasterKeyIsReplaced", resealed},
}

func migrateTwice(t *testing.T, e Engine) {
	db := Open(t, e.Empty(t), NewClock().Now)
	hash := db.Hasher().Text(seal.HashAddress, "a")
	must(t, db.Migrate(t.Context()))
	if again := db.Hasher().Text(seal.HashAddress, "a"); again != hash {
		t.Error("a second Migrate made another root")
	}
	if have, want, err := db.Status(t.Context()); have != want || have < 1 || err != nil {
		t.Errorf("Status = %d, %d, %v", have, want, err)
	}
}

func migrateTogether(t *testing.T, e Engine) {
	url, clock := e.Empty(t), NewClock()
	hashes := make(chan string)
	const n = 6
	for range n {
		go func() {
			db, err := storage.Open(t.Context(), url, storage.Options{Ring: Ring(), Now: clock.Now})
			if err == nil {
				defer db.Close()
				err = db.Migrate(t.Context())
			}
			if err != nil {
				hashes <- err.Error()
				return
			}
			hashes <- db.Hasher().Text(seal.HashAddress, "a")
		}()
	}
	first := <-hashes
	for range n - 1 {
		if h := <-hashes; h != first {
			t.Errorf("one got %q, another %q", first, h)
		}
	}
	var applied int
	must(t, Raw(t, url).QueryRow(`SELECT count(*) FROM goose_db_version WHERE version_id = 1`).Scan(&applied))
	if applied != 1 {
		t.Errorf("the first migration was applied %d times", applied)
	}
}

func newerSchema(t *testing.T, e Engine) {
	url := e.Fresh(t)
	db := Open(t, url, NewClock().Now)
	_, err := Raw(t, url).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, true)`)
	must(t, err)
	err = db.Migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "4711") || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("Migrate of a newer schema: %v", err)
	}
	if have, want, err := db.Status(t.Context()); have != 4711 || want >= have || err != nil {
		t.Errorf("Status = %d, %d, %v", have, want, err)
	}
}

func statusOnly(t *testing.T, e Engine) {
	url := e.Empty(t)
	db, err := storage.Open(t.Context(), url, storage.Options{Now: NewClock().Now})
	must(t, err)
	defer db.Close()
	if have, want, err := db.Status(t.Context()); have != 0 || want < 1 || err != nil {
		t.Errorf("Status of an empty database = %d, %d, %v", have, want, err)
	}
	if !db.Empty(t.Context()) {
		t.Error("an empty database is not Empty")
	}
	if _, err := Raw(t, url).Exec(`SELECT 1 FROM goose_db_version`); err == nil {
		t.Error("Status made a table")
	}
	if err := db.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "master key") {
		t.Errorf("Migrate without a ring: %v", err)
	}
	if Open(t, url, NewClock().Now).Empty(t.Context()) {
		t.Error("a migrated database is Empty")
	}
}

func wrongMasterKey(t *testing.T, e Engine) {
	url := e.Fresh(t)
	Open(t, url, NewClock().Now)
	other, same := Key("other"), Key("test")
	same.Secret[0]++
	for name, c := range map[string]struct {
		key  seal.Key
		says string
	}{
		"a key of another name":             {other, `"test"`},
		"another key under the right name":  {same, "another key under this name"},
		"another name for the right secret": {seal.Key{ID: "renamed", Secret: Key("test").Secret}, `"test"`},
	} {
		ring := got(seal.NewRing(c.key))(t)
		db, err := storage.Open(t.Context(), url, storage.Options{Ring: ring, Now: NewClock().Now})
		if err == nil {
			_ = db.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "master_key") {
			t.Errorf("%s: %v", name, err)
		}
	}
	both := got(seal.NewRing(other, Key("test")))(t)
	db, err := storage.Open(t.Context(), url, storage.Options{Ring: both, Now: NewClock().Now})
	must(t, err)
	must(t, db.Close())
}

// movedValues copies what is sealed to another row, and to another account.
func movedValues(t *testing.T, e Engine) {
	url, clock := e.Fresh(t), NewClock()
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()

	// The key of an authenticator.
	alice, bob := person(t, db, "alice@example.com"), person(t, db, "bob@example.com")
	key := []byte("12345678901234567890")
	totp(t, raw, alice, "totp-a", Ring().Seal(seal.PurposeTOTPKey, "authenticators|totp-a|"+alice.AccountID, key))
	p := got(db.PersonByID(ctx, alice.ID))(t)
	if p.TOTP == nil || p.TOTP.Key.Reveal() != string(key) {
		t.Fatalf("authenticator = %+v", p.TOTP)
	}
	for name, sealed := range map[string]string{
		"another row":     Ring().Seal(seal.PurposeTOTPKey, "authenticators|totp-a|"+bob.AccountID, key),
		"another account": Ring().Seal(seal.PurposeTOTPKey, "authenticators|totp-b|"+alice.AccountID, key),
		"another column":  Ring().Seal(seal.PurposeSignIn, "authenticators|totp-b|"+bob.AccountID, key),
	} {
		_, err := raw.Exec(`DELETE FROM authenticators WHERE id = 'totp-b'`)
		must(t, err)
		totp(t, raw, bob, "totp-b", sealed)
		if _, err := db.PersonByID(ctx, bob.ID); !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "totp-b") {
			t.Errorf("key of %s: %v", name, err)
		}
	}
	must(t, second(db.PersonByID(ctx, alice.ID))) // others are not affected

	// A message.
	must(t, enqueue(t, db, alice, "one"))
	must(t, enqueue(t, db, alice, "two"))
	_, err := raw.Exec(`UPDATE outbox SET sealed = (SELECT min(sealed) FROM outbox)`)
	must(t, err)
	mails := got(db.LeaseMail(ctx, 10, 1))(t)
	opened := 0
	for _, m := range mails {
		if m.To != "" {
			opened++
		}
	}
	if len(mails) != 2 || opened != 1 {
		t.Errorf("of two rows with one body %d are handed out and %d open", len(mails), opened)
	}

	// A signing key.
	for _, id := range []string{"k1", "k2"} {
		must(t, db.InsertSigningKey(ctx, signingKey(id, clock), By))
	}
	_, err = raw.Exec(`UPDATE signing_keys SET private = (SELECT private FROM signing_keys WHERE id = 'k1') WHERE id = 'k2'`)
	must(t, err)
	if _, err := db.SigningKeys(ctx); !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "k2") {
		t.Errorf("signing key of another row: %v", err)
	}
}

// resealed replaces the master key: what the old one sealed is sealed anew, and
// then opens without it.
func resealed(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	const n = 230 // more than a batch
	a := account(t, db, "A")
	u := member(t, db, a, "agent@example.com")
	for i := range n {
		must(t, second(raw.Exec(`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at)
			VALUES ($1, $2, $3, 'totp', 'replaced', $4, 0, 0)`, fmt.Sprint(i), a.ID, u.ID,
			Ring().Seal(seal.PurposeTOTPKey, fmt.Sprintf("authenticators|%d|%s", i, a.ID), []byte("key")))))
	}
	must(t, second(raw.Exec(`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at)
		VALUES ('r', $1, $2, 'recovery', 'active', 'salt', 0, 0)`, a.ID, u.ID)))
	must(t, second(raw.Exec(`UPDATE authenticators SET state = 'active' WHERE id = '0'`)))
	must(t, db.InsertSigningKey(ctx, signingKey("k", clock), By))
	must(t, enqueue(t, db, u, "kind"))
	asked := storage.IdempotencyKey{AccountID: a.ID, Actor: "user " + u.ID, Key: "key", Request: "request"}
	must(t, second(db.BeginOnce(ctx, asked)))
	must(t, db.EndOnce(ctx, asked, &storage.Answer{Status: 201, Body: []byte("first")}))
	hash := db.Hasher().Text(seal.HashAddress, "a")

	open := func(keys ...seal.Key) *storage.DB {
		t.Helper()
		db, err := storage.Open(ctx, url, storage.Options{Ring: got(seal.NewRing(keys...))(t), Now: clock.Now})
		must(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	both := open(Key("new_1"), Key("test"))
	if total := got(both.Reseal(ctx))(t); total != n+4 { // and a root, a signing key, a message, an answer
		t.Errorf("%d values were sealed anew, want %d", total, n+4)
	}
	if total := got(both.Reseal(ctx))(t); total != 0 {
		t.Errorf("a second time %d values", total)
	}
	alone := open(Key("new_1"))
	p := got(alone.PersonByID(ctx, u.ID))(t)
	if p.TOTP == nil || p.TOTP.Key.Reveal() != "key" || p.RecoveryID != "r" || alone.Hasher().Text(seal.HashAddress, "a") != hash {
		t.Errorf("without the old key: %+v", p)
	}
	if keys := got(alone.SigningKeys(ctx))(t); len(keys) != 1 || keys[0].Private.Reveal() != "private k" {
		t.Errorf("signing keys: %+v", keys)
	}
	if mails := got(alone.LeaseMail(ctx, 9, time.Minute))(t); len(mails) != 1 || mails[0].To != u.Email {
		t.Errorf("messages: %+v", mails)
	}
	// A repeated request gets its answer, also where that was not sealed anew: never is the act done again.
	if answer, err := alone.BeginOnce(ctx, asked); err != nil || answer == nil || string(answer.Body) != "first" {
		t.Errorf("the answer to a repeat: %+v, %v", answer, err)
	}
	must(t, second(raw.Exec(`UPDATE idempotency SET answer = '1.gone.AAAA'`)))
	if answer, err := alone.BeginOnce(ctx, asked); err == nil || answer != nil {
		t.Errorf("an answer that nobody opens: %+v, %v", answer, err)
	}
	must(t, second(raw.Exec(`DELETE FROM idempotency`)))
	// What neither opens stops it, by name.
	must(t, second(raw.Exec(`UPDATE authenticators SET data = '1.gone.AAAA' WHERE id = '7'`)))
	if _, err := both.Reseal(ctx); err == nil || !strings.Contains(err.Error(), "authenticators 7") || !strings.Contains(err.Error(), `"gone"`) {
		t.Errorf("reseal of what nobody opens: %v", err)
	}
}
