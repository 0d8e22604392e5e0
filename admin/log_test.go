package admin_test

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/manage"
	"stile/storage"
	"stile/storage/storagetest"
)

// happens writes an event about a user into the log.
func (s *site) happens(t testing.TB, a storage.Account, e audit.Event) {
	t.Helper()
	e.AccountID = a.ID
	must(t, s.DB().Record(t.Context(), e))
}

func TestLogIsFiltered(t *testing.T) {
	s := sharedSite(t)
	a, others := s.account(t, "4.3", 1575), s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAuditor)
	u := s.user(t, a)
	stranger := s.user(t, others)
	s.happens(t, a, audit.Event{Kind: audit.ProofRefused, Outcome: audit.Refused, SubjectID: u.ID, Reason: "wrong_code", Actor: audit.Actor{Network: "192.0.2.77"}})
	s.happens(t, others, audit.Event{Kind: audit.ProofRefused, Outcome: audit.Refused, SubjectID: stranger.ID, Reason: "wrong_code", Actor: audit.Actor{Network: "192.0.2.88"}})
	for query, want := range map[string]bool{
		"":                                  true,
		"?kind=proof.refused":               true,
		"?kind=grant.refreshed":             false,
		"?outcome=refused":                  true,
		"?outcome=ok":                       false,
		"?user=" + strings.ToUpper(u.Email): true,
		"?user=" + g.user.Email:             false,
		"?user=" + stranger.Email:           false,
		"?user=nobody":                      false,
		"?since=2000-01-01":                 true,
		"?since=2999-01-01":                 false,
		"?until=2000-01-01":                 false,
		"?until=2999-01-01":                 true,
		"?until=yesterday&outcome=perhaps":  true,
	} {
		p := g.Open(s.url + "/admin/log" + query)
		if p.Screen() != "admin-log" || strings.Contains(p.Text(), "192.0.2.77") != want {
			t.Errorf("%q: want %v: %s", query, want, p)
		}
		if want && (!strings.Contains(p.Text(), "wrong_code") || !strings.Contains(p.Text(), u.Email)) {
			t.Errorf("%q does not say whom or why: %s", query, p)
		}
		if strings.Contains(p.Text(), "192.0.2.88") {
			t.Errorf("%q shows the log of another account: %s", query, p)
		}
	}
}

// Whoever was not asked for a code finds out why.
func TestLogSaysWhyNobodyWasAsked(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAuditor)
	p := g.Open(s.url + "/admin/log?kind=sign_in.succeeded")
	if !strings.Contains(p.Text(), "Signed in") || !strings.Contains(p.Text(), "second factor was given") {
		t.Errorf("no reason: %s", p)
	}
}

func TestLogDrawsSignInsWithoutAFilter(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAuditor)
	if p := g.Open(s.url + "/admin/log"); !strings.Contains(p.Body, `class="plot"`) || !strings.Contains(p.Text(), "Signed in: 1. Refused: 0.") {
		t.Errorf("not drawn: %s", p)
	}
	if p := g.Open(s.url + "/admin/log?outcome=ok"); strings.Contains(p.Body, `class="plot"`) {
		t.Errorf("drawn: %s", p)
	}
}

func TestLogComesPageByPage(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAdmin)
	for range 60 {
		s.happens(t, a, audit.Event{Kind: audit.TokenRefused, Outcome: audit.Refused})
	}
	p := g.Open(s.url + "/admin/log?kind=token.refused")
	if n := strings.Count(p.Body, "<time"); n != 50 {
		t.Errorf("%d lines on the first page", n)
	}
	p = g.Open(s.url + p.Links("/admin/log?after=")[0])
	if n := strings.Count(p.Body, "<time"); n != 10 {
		t.Errorf("%d lines on the second page: %s", n, p)
	}
}

func TestLogIsExported(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAuditor)
	for range 620 { // more than are held at a time
		s.happens(t, a, audit.Event{Kind: audit.TokenRefused, Outcome: audit.Refused, Actor: audit.Actor{UserAgent: "=1+1"}})
	}
	p := g.Open(s.url + "/admin/log.csv?kind=token.refused")
	rows, err := csv.NewReader(strings.NewReader(p.Body)).ReadAll()
	if err != nil || len(rows) != 621 {
		t.Fatalf("%d rows of CSV: %v", len(rows), err)
	}
	if cell := rows[1][8]; cell != "'=1+1" {
		t.Errorf("a cell that calculates: %q", cell)
	}
	p = g.Open(s.url + "/admin/log.jsonl?" + url.Values{"kind": {"token.refused"}}.Encode())
	lines := bufio.NewScanner(strings.NewReader(p.Body))
	n := 0
	for ; lines.Scan(); n++ {
		var r manage.EventRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.AccountID != a.ID || r.Kind != audit.TokenRefused {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
	}
	if n != 620 {
		t.Errorf("%d lines of JSON", n)
	}
	if p := g.Open(s.url + "/admin/log?kind=audit.exported"); strings.Count(p.Text(), "format=") != 2 {
		t.Errorf("exports are not in the log: %s", p)
	}
	for _, nobody := range []string{"/admin/log.csv", "/admin/log.jsonl"} {
		if p := g.Open(s.url + nobody + "?user=nobody"); p.Status != 200 || strings.Contains(p.Body, a.ID) {
			t.Errorf("%s of nobody: %s", nobody, p)
		}
	}
}

func TestN01_TheLogIsForAdminsAndAuditors(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleHelpdesk)
	for _, path := range []string{"/admin/log", "/admin/log.csv", "/admin/log.jsonl"} {
		if p := g.Open(s.url + path); p.Status != 403 {
			t.Errorf("helpdesk sees %s: %s", path, p)
		}
	}
}

// Following is a page that loads itself, and a way to stop it; it keeps the
// filter and counts what came in.
func TestLogIsFollowed(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAuditor)
	refused := func(n int) {
		for range n {
			s.happens(t, a, audit.Event{Kind: audit.TokenRefused, Outcome: audit.Refused})
		}
	}
	g.Open(s.url + "/admin/log?kind=token.refused")
	if g.Page().Header.Get("Refresh") != "" {
		t.Error("it loads itself before anybody wants it to")
	}
	p := g.Press("Follow")
	if p.Header.Get("Refresh") != "10" {
		t.Errorf("headers %v", p.Header)
	}
	g.says("No new lines yet", "every 10 seconds")
	s.happens(t, a, audit.Event{Kind: audit.ClientRefused, Outcome: audit.Refused}) // of another kind
	refused(2)
	g.Open(p.URL.String())
	g.says("2 new lines since you began to follow")
	refused(49)
	g.Open(p.URL.String())
	g.says("More than 50 new lines")
	if p = g.Press("Stop following"); p.Header.Get("Refresh") != "" || p.URL.Query().Get("kind") != "token.refused" {
		t.Errorf("it goes on, or has lost the filter: %s", p.URL)
	}
	p = g.Press("Follow")
	refused(1)
	g.Open(p.URL.String())
	g.says("1 new line since you began to follow")
	if links := g.Page().Links("/admin/log?after="); len(links) != 1 || strings.Contains(links[0], "follow=") {
		t.Errorf("older lines are followed: %v", links)
	}
}

// A page that loads itself is no sign of somebody: the session ends as if it
// were not there.
func TestFollowingKeepsNoSessionAlive(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	g := s.enters(t, a, storage.RoleAuditor)
	seen := func() (at int64) {
		must(t, storagetest.Raw(t, "sqlite:"+filepath.Join(shared.t.dir, "stile.db")).QueryRowContext(t.Context(), `SELECT seen_at FROM sessions WHERE user_id = $1`, g.user.ID).Scan(&at))
		return at
	}
	before := seen()
	s.pass(2 * time.Minute)
	defer s.pass(-2 * time.Minute)
	g.Open(s.url + "/admin/log?follow=-")
	g.want("admin-log", 200)
	if seen() != before {
		t.Error("the session was used")
	}
	g.Open(s.url + "/admin/log")
	if seen() == before {
		t.Error("the session was not used")
	}
}
