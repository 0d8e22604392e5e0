package storagetest

import (
	"errors"
	"strings"
	"testing"

	"stile/storage"
)

func TestARepeatedRequestIsDoneOnce(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		key := storage.IdempotencyKey{AccountID: h.Account.ID, Actor: "user " + h.User.ID, Key: h.Name("key"), Request: "one"}
		begin := func(what string, k storage.IdempotencyKey, wanted error) *storage.Answer {
			t.Helper()
			a, err := h.DB.BeginOnce(t.Context(), k)
			want(t, what, err, wanted)
			return a
		}
		if begin("first", key, nil) != nil {
			t.Error("the first request has an answer")
		}
		begin("while it is under way", key, storage.ErrUnderWay)
		other, elsewhere, somebody := key, key, key
		other.Request = "two"
		begin("another request", other, storage.ErrOtherRequest)
		elsewhere.AccountID = got(h.DB.CreateAccount(t.Context(), storage.Account{Name: h.Name("account")}, By))(t).ID
		somebody.Actor = "client x"
		begin("the same key in another account", elsewhere, nil)
		begin("the same key of somebody else", somebody, nil)

		must(t, h.DB.EndOnce(t.Context(), key, &storage.Answer{Status: 201, Header: map[string]string{"Etag": `"1"`}, Body: []byte(`{"client_secret":"marked"}`)}))
		if a := begin("afterwards", key, nil); a == nil || a.Status != 201 || a.Header["Etag"] != `"1"` || string(a.Body) != `{"client_secret":"marked"}` {
			t.Errorf("the repeat got %+v", a)
		}
		begin("another request afterwards", other, storage.ErrOtherRequest)
		must(t, h.DB.EndOnce(t.Context(), key, nil)) // too late: the first answer stays
		if begin("after a late end", key, nil) == nil {
			t.Error("the first answer is gone")
		}
		must(t, h.DB.EndOnce(t.Context(), somebody, nil))
		if begin("after nothing was done", somebody, nil) != nil {
			t.Error("there is an answer to what was not done")
		}
		var stored string
		must(t, h.raw.QueryRowContext(t.Context(), `SELECT answer FROM idempotency WHERE account_id = $1 AND key = $2 AND answer <> ''`, h.Account.ID, key.Key).Scan(&stored))
		if stored == "" || strings.Contains(stored, "marked") {
			t.Errorf("the answer is stored as %q", stored)
		}
		h.Clock.Move(storage.IdempotencyLife)
		if begin("a day later", key, nil) != nil {
			t.Error("the answer is kept for longer than a day")
		}
	})
}

func TestOfManyEqualRequestsOneIsDone(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		key := storage.IdempotencyKey{AccountID: h.Account.ID, Actor: "user " + h.User.ID, Key: h.Name("key"), Request: "one"}
		done := 0
		for _, err := range together(32, [2]*storage.DB{h.DB, h.Open(t)}, func(_ int, db *storage.DB) error {
			_, err := db.BeginOnce(t.Context(), key)
			return err
		}) {
			switch {
			case err == nil:
				done++
			case !errors.Is(err, storage.ErrUnderWay):
				t.Error(err)
			}
		}
		if done != 1 {
			t.Errorf("%d of 32 equal requests are worked on", done)
		}
	})
}
