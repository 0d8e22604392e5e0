package admin_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"stile/roster"
	"stile/stiletest"
	"stile/storage"
)

// slowly sends the import form up to the last byte of the list. It returns when
// the server reads it; end sends the rest, and returns status and page.
func (g *guest) slowly(list string) (end func() (int, string)) {
	g.t.Helper()
	kind, text := stiletest.Multipart(g.Page().Fields(), "file", []byte(list))
	body, in := io.Pipe()
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.Page().Action(), body)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Expect", "100-continue") // sent on only when somebody reads it
	for _, c := range g.Cookies(g.Page().Action()) {
		r.AddCookie(c)
	}
	var status int
	var page []byte
	var sent sync.WaitGroup
	sent.Go(func() {
		resp, err := (&http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 1 << 62}).RoundTrip(r)
		if err != nil {
			g.t.Error(err)
			return
		}
		defer resp.Body.Close()
		status = resp.StatusCode
		page, _ = io.ReadAll(resp.Body)
	})
	last := strings.LastIndex(text, list) + len(list) - 1
	if _, err := io.WriteString(in, text[:last]); err != nil {
		g.t.Fatal(err)
	}
	return func() (int, string) {
		_, _ = io.WriteString(in, text[last:])
		_ = in.Close()
		sent.Wait()
		return status, string(page)
	}
}

// A third list at the same time comes back with the form as it was, and says
// when to send it.
func TestN07_TwoListsAtATime(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	u := s.user(t, a)
	list := roster.Header + "\n" + u.Email + ",Pat Imported,,,,\n"
	g.Open(s.url + "/admin/users/import")
	first, second := g.slowly(list), g.slowly(list)
	g.Impatient = true
	g.Upload("file", []byte(list), map[string]string{"check": "yes"})
	g.want("admin-import", 503)
	g.says("Other lists are being read right now", "send it at")
	if g.Page().Header.Get("Retry-After") != "10" || g.Page().Field("check") != "yes" {
		t.Errorf("Retry-After %q, check %q", g.Page().Header.Get("Retry-After"), g.Page().Field("check"))
	}
	for _, end := range []func() (int, string){first, second} {
		if status, page := end(); status != 200 || !strings.Contains(page, "invited") {
			t.Errorf("a list that has a place: %d %s", status, page)
		}
	}
	if p := g.Upload("file", []byte(list), nil); p.Status != 200 || !strings.Contains(p.Text(), "1 stay as they are") {
		t.Errorf("the third list, sent again, still as a check: %s", p)
	}
}

// A list that is too long is refused with the limit, and nothing is kept of it.
func TestN07_AListOfAMillionRows(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	row := []byte("someone@here.example,Some One,,,,\n")
	for _, rows := range []int{roster.MaxBytes/len(row) + 1, 1_000_000} { // read to its end, and not
		g.Open(s.url + "/admin/users/import")
		g.Upload("file", bytes.Repeat(row, rows), nil)
		g.want("admin-import", 413)
		g.says("larger than 8 MB")
	}
}
