package api_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"stile/stiletest"
	"stile/storage"
	"stile/storage/storagetest"
)

// A stored answer may hold a secret: who repeats a request gets it only while he
// might send the request for the first time.
func TestL04_RepeatsNeedWhatTheFirstRequestNeeded(t *testing.T) {
	w := newWorld(t)
	b := stiletest.NewBrowser(t).Transport(w.http.Transport)
	const body = `{"client_name":"Reports","grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_basic","scope":"stile.read"}`
	repeat := func(token string) reply { return w.call(token, "POST", "/clients", body, "Idempotency-Key", "one") }
	token := w.tokenAt(b, "admin@here.example", all, true)
	w.want("connected", repeat(token), 201, "client_secret")
	w.want("repeated", repeat(token), 201, "client_secret")
	w.later(10*time.Minute + time.Second)
	old := w.tokenAt(b, "admin@here.example", all, true)
	w.want("with proofs that are too old", repeat(old), 401, "fresh proofs")
	w.later(time.Minute)
	fresh := w.admin()
	w.want("with fresh ones", repeat(fresh), 201, "client_secret")
	cool := func(until any) {
		t.Helper()
		if _, err := storagetest.Raw(t, w.url).ExecContext(t.Context(), `UPDATE users SET cooldown_until = $1 WHERE id = $2`, until, w.here.admin.ID); err != nil {
			t.Fatal(err)
		}
	}
	cool(w.now().Add(time.Hour).UnixMicro())
	w.want("in the cool-down", repeat(fresh), 403, "cool-down")
	cool(nil)
	w.person(w.here.account, "second@here.example", "admin")
	must[storage.User](t)(w.db.UpdateUser(t.Context(), w.here.admin.ID, func(u *storage.User) error { u.Roles = []string{"member", "auditor"}; return nil }, by))
	w.want("without the role", repeat(fresh), 403, "no right")
}

// The key belongs to the caller and the app: another app of the same user sends
// another request.
func TestN02_AnAnswerIsForTheAppThatAsked(t *testing.T) {
	w := newWorld(t)
	w.register(storage.Client{ID: "other", Metadata: storage.Metadata{
		RedirectURIs: []string{callback}, GrantTypes: []string{storage.GrantCode}, Scope: "openid " + all, ApplicationType: storage.TypeNative,
	}})
	const body = `{"client_name":"Reports","grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_basic","scope":"stile.read"}`
	b := stiletest.NewBrowser(t).Transport(w.http.Transport)
	first := w.call(w.tokenFor(b, "tool", "admin@here.example", all, true), "POST", "/clients", body, "Idempotency-Key", "one")
	w.want("connected", first, 201, "client_secret")
	second := w.call(w.tokenFor(b, "other", "admin@here.example", all, true), "POST", "/clients", body, "Idempotency-Key", "one")
	w.want("by another app", second, 201, "client_secret")
	if first.json["client_secret"] == second.json["client_secret"] || second.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the other app got the answer of the first: %s", second.text)
	}
}

// Of two changes with one ETag at the same instant one is made.
func TestN03_TwoChangesOfAUserWithOneETag(t *testing.T) {
	w := newWorld(t)
	token := w.admin()
	path := "/users/" + w.here.user.ID
	for n := range 20 {
		tag := w.call(token, "GET", path, "").header.Get("ETag")
		var wg sync.WaitGroup
		answers := make(chan int, 2)
		for i := range 2 {
			wg.Go(func() {
				answers <- w.call(token, "PATCH", path, fmt.Sprintf(`{"name":"N %d %d"}`, n, i), "If-Match", tag).status
			})
		}
		wg.Wait()
		if a, b := <-answers, <-answers; min(a, b) != 200 || max(a, b) != 412 {
			t.Fatalf("two changes with one ETag: %d and %d", a, b)
		}
	}
}
