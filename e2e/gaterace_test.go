package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The switch of an account by API, and what may happen while it is decided.

// adminOf registers a service of an account and returns its access token.
func (s *system) adminOf(t testing.TB, account string) string {
	t.Helper()
	c := s.newClient(t, map[string]any{
		"client_name": "Robot", "grant_types": []string{"client_credentials"}, "scope": "stile.read stile.policy", "token_endpoint_auth_method": "client_secret_basic",
	}, "--account", account)
	status, got := s.post(t, "/token", c, url.Values{"grant_type": {"client_credentials"}})
	token, _ := got["access_token"].(string)
	if status != http.StatusOK || token == "" {
		t.Fatalf("token of a service: %d %v", status, got)
	}
	return token
}

// manage asks the API of administrators, whatever the state of what it changes.
func (s *system) manage(token, method, path, body string) (status int, answer map[string]any, err error) {
	q, err := http.NewRequest(method, s.Issuer+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	q.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("If-Match", "*")
	}
	resp, err := s.httpClient().Do(q)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return resp.StatusCode, answer, err
}

// The bodies that a race is about.
const (
	switchOn  = `{"two_step":"required"}`
	switchOff = `{"two_step":"optional"}`
)

// TestN03_AGroupFallsWhileTheSwitchIsMadeOnTwoReplicas does both at one instant:
// either the switch saw the group below and was refused, or it came first. In
// every other round the switch is held before its COMMIT, having seen the groups.
func TestN03_AGroupFallsWhileTheSwitchIsMadeOnTwoReplicas(t *testing.T) {
	t.Parallel()
	r := startReplicas(t)
	account := r.newAccount(t, "optional")
	admin := r.adminOf(t, account)
	here := [2]*system{r.alone(0), r.alone(1)}
	must := func(want int, method, path, body string) map[string]any {
		t.Helper()
		status, answer, err := r.manage(admin, method, path, body)
		if err != nil || status != want {
			t.Fatalf("%s %s: %d %v, %v", method, path, status, answer, err)
		}
		return answer
	}
	group := func(version string, build int) string {
		return fmt.Sprintf(`{"name":"Sales tablets","has":{"client_version":%q,"client_build":%d}}`, version, build)
	}
	id, _ := must(http.StatusCreated, http.MethodPost, "/device-groups", group("4.3", 1575))["id"].(string)
	for round := range 10 {
		must(http.StatusOK, http.MethodPatch, "/policy", switchOff)
		must(http.StatusOK, http.MethodPut, "/device-groups/"+id, group("4.3", 1575+round))
		var status [2]int
		var answer [2]map[string]any
		var errs [2]error
		turn := func() {
			status[0], answer[0], errs[0] = here[round/2%2].manage(admin, http.MethodPatch, "/policy", switchOn)
		}
		lower := func() {
			status[1], answer[1], errs[1] = here[1-round/2%2].manage(admin, http.MethodPut, "/device-groups/"+id, group("4.2", 1570))
		}
		if round%2 == 0 {
			atOnce(2, func(i int) { []func(){turn, lower}[i]() })
		} else {
			r.whileDecided(t, turn, lower)
		}
		if errs[0] != nil || errs[1] != nil || status[1] != http.StatusOK {
			t.Fatalf("round %d: %v: %d %v, %d %v", round, errs, status[0], answer[0], status[1], answer[1])
		}
		on := must(http.StatusOK, http.MethodGet, "/policy", "")["two_step"] == "required"
		last := r.lastOf(t, admin)
		switch below, _ := answer[0]["groups"].([]any); {
		case status[0] == http.StatusOK && on:
			if last != "device_group.changed" {
				t.Errorf("round %d: turned on while a group was below: %s came last", round, last)
			}
		case status[0] == http.StatusConflict && !on:
			if len(below) != 1 || last != "policy.refused" {
				t.Errorf("round %d: refused with %v, and %s came last", round, answer[0], last)
			}
		default:
			t.Errorf("round %d: the switch was answered with %d %v, and is on: %v", round, status[0], answer[0], on)
		}
	}
}

// whileDecided turns a policy on, and does something else to its account between
// the switch's last look and its COMMIT, or as soon after as it is let.
func (r *replicas) whileDecided(t *testing.T, turn, other func()) {
	t.Helper()
	held, err := pgx.Connect(t.Context(), r.database)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close(t.Context())
	if _, err := held.Exec(t.Context(), `BEGIN; UPDATE policies SET version = version`); err != nil {
		t.Fatal(err)
	}
	waiting := func() int {
		return r.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
	}
	var both sync.WaitGroup
	both.Go(turn)
	until(t, "held", func() bool { return waiting() == 1 }, r.log)
	through := make(chan struct{})
	both.Go(func() { other(); close(through) })
	until(t, "waiting or through", func() bool {
		select {
		case <-through:
			return true
		default:
			return waiting() == 2
		}
	}, r.log)
	if _, err := held.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	both.Wait()
}

// lastOf returns the kind of the newest line of the audit log about policy or
// groups: they are written under one lock, in the order of the acts.
func (r *replicas) lastOf(t *testing.T, admin string) string {
	t.Helper()
	_, answer, err := r.manage(admin, http.MethodGet, "/events", "")
	items, _ := answer["items"].([]any)
	for _, item := range items {
		line, _ := item.(map[string]any)
		if kind, _ := line["kind"].(string); strings.HasPrefix(kind, "policy.") || kind == "device_group.changed" {
			return kind
		}
	}
	t.Fatalf("no line about the policy: %v, %v", answer, err)
	return ""
}
