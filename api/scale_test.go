package api_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"stile/stiletest"
	"stile/storage/storagetest"
)

// many is how many users the account of the test below has.
const many = 100_000

// TestQ11_AccountOfManyUsers makes an account of 100 000 users on each database
// and asks for it what an administrator asks, by page and by API: answers hold,
// and an export needs no more memory than one of a few. It takes minutes, and
// runs where STILE_SCALE is set, see make scale.
func TestQ11_AccountOfManyUsers(t *testing.T) {
	if os.Getenv("STILE_SCALE") == "" {
		t.Skip("takes minutes: make scale")
	}
	for name, database := range map[string]func(testing.TB) string{"SQLite": func(testing.TB) string { return "" }, "PostgreSQL": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, database(t))
			w.crowd()
			b := stiletest.NewBrowser(t).Transport(w.http.Transport)
			token := w.tokenAt(b, "admin@here.example", all, true)
			total := many + 2 // the admin, and a member
			timed := func(what string, do func()) {
				t.Helper()
				begin := time.Now()
				do()
				t.Logf("%-34s %8.1f ms", what, float64(time.Since(begin).Microseconds())/1000)
			}
			page := func(path, screen string, says ...string) {
				t.Helper()
				timed(path, func() {
					p := b.Open(w.issuer + path)
					if p.Status != http.StatusOK || p.Screen() != screen {
						t.Errorf("%s: %s", path, p)
					}
					for _, text := range says {
						if !strings.Contains(p.Text(), text) {
							t.Errorf("%s: no %q", path, text)
						}
					}
				})
			}
			page("/admin", "admin-overview")
			page("/admin/users", "admin-users", "m100000@here.example")
			next := b.Page().Links("/admin/users?after=")
			page(next[0], "admin-users")
			page("/admin/users?text=m77777", "admin-users", "m77777@here.example")
			page("/admin/users?text=here.example+person", "admin-users", "m100000@here.example")
			for _, query := range []string{"state=covered", "state=enrolled", "state=to-enrol", "role=helpdesk", "product=" + w.here.product.ID} {
				page("/admin/users?"+query, "admin-users", "@here.example")
			}
			page("/admin/settings/review?two_step=everyone", "admin-review")
			page("/admin/products", "admin-products")
			page("/admin/log", "admin-log")

			var rows int
			var peak, size uint64
			timed("/admin/users.csv", func() { peak = heapDuring(func() { rows, size = w.export(b) }) })
			if rows != total+1 {
				t.Errorf("the export has %d lines", rows)
			}
			t.Logf("export: %d KiB in %d lines, the heap grew by %d KiB at most", size>>10, rows, peak>>10)
			if peak > 24<<20 {
				t.Errorf("the heap grew by %d MiB while an export of %d MiB was written", peak>>20, size>>20)
			}

			seen, after, pages := 0, "", 0
			timed("GET /users to its end", func() {
				for at := ""; ; pages++ {
					a := w.call(token, "GET", "/users?limit=200&cursor="+url.QueryEscape(at), "")
					if a.status != http.StatusOK {
						t.Fatalf("page %d: %d %s", pages, a.status, a.text)
					}
					for _, u := range a.items() {
						if email := u["email"].(string); email <= after {
							t.Fatalf("%q comes after %q", email, after)
						} else {
							after = email
						}
						seen++
					}
					if at, _ = a.json["next"].(string); at == "" {
						return
					}
				}
			})
			if seen != total {
				t.Errorf("the API lists %d users on %d pages", seen, pages)
			}
			for _, query := range []string{"text=m77777", "state=to-enrol", "state=not-covered", "role=admin", "product=" + w.here.product.ID} {
				timed("GET /users?"+query[:min(len(query), 20)], func() { w.want(query, w.call(token, "GET", "/users?"+query, ""), 200, "items") })
			}
			timed("GET /coverage", func() {
				w.want("coverage", w.call(token, "GET", "/coverage", ""), 200, fmt.Sprintf(`"users":%d`, total))
			})
		})
	}
}

// crowd adds users to an account, with words, seats and authenticators.
func (w *world) crowd() {
	w.t.Helper()
	raw := storagetest.Raw(w.t, w.url)
	for _, text := range []string{
		`INSERT INTO users (id, account_id, email, name, roles, language, time_zone, password, password_version, epoch, enhanced, words_of, created_at, updated_at)
			SELECT 'm' || i, $1, 'm' || i || '@here.example', 'Person ' || i, CASE i WHEN 7 THEN '["helpdesk"]' ELSE '["member"]' END,
			'', '', '', 0, 1, FALSE, 'm' || i || '@here.example Person ' || i, 0, 0 FROM n`,
		`INSERT INTO user_words (account_id, word, user_id) SELECT $1, 'm' || i || '@here.example', 'm' || i FROM n UNION ALL SELECT $1, 'here.example', 'm' || i FROM n
			UNION ALL SELECT $1, 'person', 'm' || i FROM n`,
		`INSERT INTO authenticators (id, account_id, user_id, kind, state, data, last_step, created_at) SELECT 't' || i, $1, 'm' || i, 'totp', 'active', '', 0, 0 FROM n WHERE i % 3 > 0`,
		`INSERT INTO seats (user_id, product_id, account_id, created_at) SELECT 'm' || i, '` + w.here.product.ID + `', $1, 0 FROM n WHERE i % 2 = 0`,
	} {
		into, rest, _ := strings.Cut(text, "SELECT")
		if _, err := raw.ExecContext(w.t.Context(), fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `, many)+into+`SELECT`+rest, w.here.account.ID); err != nil {
			w.t.Fatalf("%v in %s", err, text)
		}
	}
	if _, err := raw.ExecContext(w.t.Context(), `ANALYZE`); err != nil {
		w.t.Fatal(err)
	}
}

// export reads the list of all users, and keeps nothing of it.
func (w *world) export(b *stiletest.Browser) (lines int, size uint64) {
	w.t.Helper()
	r := must[*http.Request](w.t)(http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.issuer+"/admin/users.csv", nil))
	for _, c := range b.Cookies(w.issuer) {
		r.AddCookie(c)
	}
	resp := must[*http.Response](w.t)(w.http.Do(r))
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") {
		w.t.Fatalf("export: %d %v", resp.StatusCode, resp.Header)
	}
	in := bufio.NewScanner(resp.Body)
	for in.Scan() {
		lines++
		size += uint64(len(in.Bytes())) + 1
	}
	if in.Err() != nil {
		w.t.Fatal(in.Err())
	}
	return lines, size
}

// heapDuring returns by how much the heap grew at most while f ran.
func heapDuring(f func()) (most uint64) {
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // close to what is held
	runtime.GC()
	heap := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	before, stop := heap(), make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if now := heap(); now > before {
					most = max(most, now-before)
				}
			}
		}
	})
	f()
	close(stop)
	watch.Wait()
	return most
}
