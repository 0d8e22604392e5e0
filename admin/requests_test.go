package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"stile/storage"
	"stile/templates"
)

// mailed waits for a mail of a kind to an address.
func (s *site) mailed(t testing.TB, to string, kind templates.MailKind) {
	t.Helper()
	for range 1000 {
		s.box.mu.Lock()
		for _, m := range s.box.mails {
			if m.To == to && m.Kind == string(kind) {
				s.box.mu.Unlock()
				return
			}
		}
		s.box.mu.Unlock()
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("no mail %s to %s", kind, to)
}

func TestN05_HelpdeskAsksAndAnAdminResets(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	desk, boss, deputy := s.enters(t, a, storage.RoleHelpdesk), s.enters(t, a, storage.RoleAdmin), s.enters(t, a, storage.RoleAdmin)
	member := s.enters(t, a, storage.RoleAuditor)
	desk.Open(s.url + "/admin/users/" + member.user.ID)
	if p := desk.Press("Ask an admin to reset"); p.Screen() != "admin-user" || !strings.Contains(p.Text(), "admins were asked") {
		t.Fatalf("not asked: %s", p)
	}
	for _, u := range []*guest{boss, deputy} {
		s.mailed(t, u.user.Email, templates.MailResetAsked)
		m := s.last(u.user.Email, templates.MailResetAsked)
		if m.Data[templates.DataBy] != desk.user.Name || m.Data[templates.DataAddress] != member.user.Email || m.Data[templates.DataLink] != s.url+"/admin/requests" || m.ExpiresAt.Sub(s.now()) > 24*time.Hour {
			t.Errorf("the admins are told: %+v", m)
		}
	}
	desk.Open(s.url + "/admin/users/" + member.user.ID)
	desk.Press("Ask an admin to reset")
	if n := s.count(boss.user.Email, templates.MailResetAsked) + s.count(desk.user.Email, templates.MailResetAsked); n != 1 {
		t.Errorf("%d messages about one request", n)
	}
	if p := desk.Open(s.url + "/admin/requests"); !strings.Contains(p.Text(), desk.user.Email) || strings.Contains(p.Body, `value="approve"`) {
		t.Errorf("the helpdesk sees: %s", p)
	}
	stale := deputy.Open(s.url + "/admin/requests").Fields()
	boss.Open(s.url + "/admin/requests")
	boss.Press("Approve " + member.user.Email)
	if p := boss.want("admin-requests", 200); !strings.Contains(p.Text(), "Approved") || !strings.Contains(p.Text(), boss.user.Name) {
		t.Errorf("approved: %s", p)
	}
	if person, err := s.DB().PersonByID(t.Context(), member.user.ID); err != nil || person.TOTP != nil {
		t.Errorf("the authenticator is still there: %v", err)
	}
	s.mailed(t, member.user.Email, templates.MailAdminReset)
	stale.Set("do", "refuse")
	if p := deputy.Send(s.url+"/admin/requests", stale); p.Status != http.StatusConflict || !strings.Contains(p.Text(), boss.user.Name) {
		t.Errorf("the second admin is not told who decided: %s", p)
	}
}

// count is how many mails of a kind an address got.
func (s *site) count(to string, kind templates.MailKind) (n int) {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	for _, m := range s.box.mails {
		if m.To == to && m.Kind == string(kind) {
			n++
		}
	}
	return n
}

// last is the last of them.
func (s *site) last(to string, kind templates.MailKind) (last storage.Mail) {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	for _, m := range s.box.mails {
		if m.To == to && m.Kind == string(kind) {
			last = m
		}
	}
	return last
}

// The link of a message leads to the requests, also by way of the sign-in.
func TestLinkToRequestsSurvivesTheSignIn(t *testing.T) {
	s := sharedSite(t)
	g := s.enters(t, s.account(t, "4.3", 1575), storage.RoleAdmin)
	g.Press("Sign out")
	g.Open(s.url + storage.DeviceRequestsPath)
	g.want("sign-in", 200)
	g.goOn()
	g.want("admin-requests", 200)
}

func TestN05_NobodyDecidesHisOwn(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	boss, other := s.enters(t, a, storage.RoleAdmin), s.enters(t, a, storage.RoleAuditor)
	r, err := s.DB().AskForReset(t.Context(), a.ID, boss.user.ID, by)
	must(t, err)
	_, err = s.DB().AskForReset(t.Context(), a.ID, other.user.ID, by)
	must(t, err)
	p := boss.Open(s.url + "/admin/requests")
	if !strings.Contains(p.Text(), "Another admin decides") || strings.Count(p.Body, `value="approve"`) != 1 {
		t.Errorf("one's own: %s", p)
	}
	for _, do := range []string{"approve", "refuse"} {
		fields := p.Fields()
		fields.Set("id", r.ID)
		fields.Set("do", do)
		if p := boss.Send(s.url+"/admin/requests", fields); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s", do, p)
		}
	}
	now, err := s.DB().DeviceRequest(t.Context(), a.ID, r.ID)
	if err != nil || now.DecidedAt != nil {
		t.Errorf("decided: %+v %v", now, err)
	}
}

func TestN01_RequestsOfOthersAreMissing(t *testing.T) {
	s := sharedSite(t)
	a, theirs := s.account(t, "4.3", 1575), s.account(t, "4.3", 1575)
	boss, member := s.enters(t, a, storage.RoleAdmin), s.enters(t, theirs, storage.RoleAuditor)
	_, err := s.DB().AskForReset(t.Context(), a.ID, s.enters(t, a, storage.RoleAuditor).user.ID, by)
	must(t, err)
	r, err := s.DB().AskForReset(t.Context(), theirs.ID, member.user.ID, by)
	must(t, err)
	p := boss.Open(s.url + "/admin/requests")
	if strings.Contains(p.Text(), member.user.Email) {
		t.Errorf("a request of others is listed: %s", p)
	}
	fields := p.Fields()
	fields.Set("id", r.ID)
	if p := boss.Send(s.url+"/admin/requests", fields); p.Status != http.StatusNotFound {
		t.Errorf("a request of others is decided: %s", p)
	}
}

func TestAdminApprovesANewDevice(t *testing.T) {
	s := sharedSite(t)
	a := s.account(t, "4.3", 1575)
	member := s.enters(t, a, storage.RoleAuditor)
	s.pass(2 * time.Minute) // between two messages
	boss := s.enters(t, a, storage.RoleAdmin)
	_, err := s.DB().UpdatePolicy(t.Context(), a.ID, func(now storage.AccountState) (storage.Policy, error) {
		now.Policy.Reenrolment = storage.ReenrolByAdmin
		return now.Policy, nil
	}, by)
	must(t, err)
	again := s.guest(t, member.user)
	again.Open(s.url + "/admin")
	again.Submit(map[string]string{"email": member.user.Email, "password": password})
	again.want("enter-code", 200)
	again.Press("Set up a new mobile device")
	again.want("ask-admin", 200)
	list, err := s.DB().DeviceRequests(t.Context(), a.ID, "", 10)
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("asked: %v", list)
	}
	p := boss.Open(s.url + "/admin/requests")
	for _, shown := range []string{member.user.Email, "request " + list[0].Label, list[0].Network, "Open"} {
		if !strings.Contains(p.Text(), shown) {
			t.Errorf("%q is not shown: %s", shown, p)
		}
	}
	boss.Press("Approve " + member.user.Email)
	s.mailed(t, member.user.Email, templates.MailDeviceApproved)
	again.Press("Check again")
	again.Submit(nil)
	if p := again.Page(); p.Screen() == "ask-admin" {
		t.Errorf("the member may not go on: %s", p)
	}
}
