package op

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

func TestAuthorizeIsBoundedByNetwork(t *testing.T) {
	f := newFront(t)
	f.p.Limits.Authorize.Allowed = 2
	r := mux.NewRouter()
	f.p.mountFront(r)
	for i, want := range []int{http.StatusBadRequest, http.StatusBadRequest, http.StatusTooManyRequests} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, pathAuthorize, nil))
		if w.Code != want || want == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Errorf("request %d: %d, want %d", i, w.Code, want)
		}
	}
}

// A request too long for a URL becomes a row, which strangers may write only so
// often. Short ones write nothing and go on.
func TestG06_StrangersKeepOnlySoManyLongRequests(t *testing.T) {
	f := newFront(t)
	f.p.longRequests = f.p.Kit.NewThrottle(3, f.p.Limits.LongRequests.Per)
	b := f.browser()
	long := strings.Repeat("s", 2000)
	for i := range 3 {
		if a := b.authorize("console", "state", long); a.Status != http.StatusSeeOther {
			t.Fatalf("long request %d: %d", i, a.Status)
		}
	}
	if a := b.authorize("console", "state", long); a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("one long request too many: %d", a.Status)
	}
	if a := b.authorize("console"); a.Status != http.StatusSeeOther {
		t.Errorf("a short request: %d", a.Status)
	}
}

// Wrong credentials by the thousand cost the database nothing, whatever ids
// they come with, and the right ones still pass.
func TestD06_FailuresOfOneNetworkStopReachingTheDatabase(t *testing.T) {
	r := newRig(t)
	r.p.failures = r.p.Kit.NewThrottle(2, r.p.Limits.ClientFailures.Per)
	try := func(id, secret string) reply {
		q := r.request(http.MethodPost, pathToken, url.Values{"grant_type": {"client_credentials"}})
		q.Header.Set("Authorization", basicOf(id, secret))
		return r.send(q)
	}
	for i := range 2 {
		try(fmt.Sprintf("nobody-%d", i), "wrong")
	}
	try("nobody", "wrong") // from now on it is known to be absent
	if n := r.statements(func() {
		if a := try("nobody", "wrong"); a.Status != http.StatusUnauthorized || a.Header.Get("Retry-After") == "" {
			t.Errorf("%d, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
		}
	}); n > 1 {
		t.Errorf("%d statements for a failure that is held back, want the look-up at most", n)
	}
	r.want("the right one", try("service", r.secrets["service"].Reveal()), http.StatusOK, "")
}
