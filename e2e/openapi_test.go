package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// workshop is a folder in which node finds what e2e/package.json names, with
// the API's description in it.
func (s *system) workshop(t testing.TB) string {
	t.Helper()
	modules, err := filepath.Abs("node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "openapi-fetch")); err != nil {
		t.Fatal("no openapi-fetch: run make setup")
	}
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "package.json", `{"type": "module"}`)
	_, body := ask(t, s.Issuer+"/api/v1/openapi.json", "")
	put(t, dir, "stile.json", body)
	for _, name := range []string{"validate.mjs", "client.ts"} {
		put(t, dir, name, source(t, "e2e/testdata/openapi/"+name))
	}
	return dir
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// typed runs a command line that has to succeed in a workshop.
func typed(t testing.TB, dir, line string) string {
	t.Helper()
	out, err := shell(t, dir, line)
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

// service is a token of a service that belongs to an account.
func (s *system) service(t testing.TB, account, scope string) string {
	t.Helper()
	c := s.registered(t, s.stile(t, "", "client", "create", "--json", "--type", "service", "--name", "Sync", "--account", account, "--scope", scope))
	status, answer := s.post(t, "/token", c, url.Values{"grant_type": {"client_credentials"}})
	token, _ := answer["access_token"].(string)
	if status != http.StatusOK || token == "" {
		t.Fatalf("no token: %d %v", status, answer)
	}
	return token
}

// A validator that is not ours finds nothing wrong with the description, and
// would: it sees each of these faults.
func TestDescriptionIsValidOpenAPI(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	dir := s.workshop(t)
	typed(t, dir, "node validate.mjs stile.json")
	text, err := os.ReadFile(filepath.Join(dir, "stile.json"))
	if err != nil {
		t.Fatal(err)
	}
	whole := string(text)
	for name, fault := range map[string]struct{ right, wrong, says string }{
		"a place that parameters aren't in": {`"in":"query"`, `"in":"heder"`, "allowed values"},
		"a reference to nothing":            {`"$ref":"#/components/schemas/UserPage"`, `"$ref":"#/components/schemas/Nobody"`, "Nobody"},
		"a type that JSON doesn't have":     {`"email":{"type":"string"}`, `"email":{"type":"text"}`, "simpleTypes"},
		"an answer without a description":   {`"description":"Accepted",`, ``, "description"},
	} {
		planted := strings.Replace(whole, fault.right, fault.wrong, 1)
		if planted == whole {
			t.Fatalf("%s: the description has no %s", name, fault.right)
		}
		put(t, dir, "planted.json", planted)
		if out, err := shell(t, dir, "node validate.mjs planted.json"); err == nil || !strings.Contains(out, fault.says) {
			t.Errorf("%s is not seen: %v, %s", name, err, tail(out, 500))
		}
	}
}

// A program that was written against types made of the description, and checked
// against them, does an administrator's work.
func TestClientMadeOfTheDescription(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	account := s.newAccount(t, "optional")
	people := map[string]bool{}
	var one person
	for range 3 {
		one = s.newPerson(t, account)
		people[one.Email] = true
	}
	dir := s.workshop(t)
	documented(t, s, dir, s.service(t, account, "stile.read"), slices.Sorted(maps.Keys(people)))
	compiled(t, dir)

	token := s.service(t, account, "stile.read stile.users stile.policy")
	steps := map[string][]map[string]any{}
	out := typed(t, dir, "node client.js "+s.Issuer+" "+token+" "+one.Email)
	lines := bufio.NewScanner(strings.NewReader(out))
	for lines.Scan() {
		var line map[string]any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		step, _ := line["step"].(string)
		delete(line, "step")
		steps[step] = append(steps[step], line)
	}
	wanted := expected(slices.Sorted(maps.Keys(people)))
	for step := range steps {
		if wanted[step] == "" {
			t.Errorf("nobody asked for the step %s", step)
		}
	}
	for step, text := range wanted {
		var want []map[string]any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(steps[step], want) {
			t.Errorf("%s: %v\nwant %v", step, steps[step], want)
		}
	}

	// What other eyes see of it.
	var user struct {
		Name  string
		Roles []string
	}
	shown := s.stile(t, "", "user", "show", one.Email, "--json")
	if err := json.Unmarshal([]byte(shown), &user); err != nil || user.Name != "Renamed by Program" || !slices.Contains(user.Roles, "auditor") {
		t.Errorf("the user is %s, %v", shown, err)
	}
	if groups := s.stile(t, "", "device-group", "list", "--account", account, "--json"); !strings.Contains(groups, `"Kept"`) || strings.Contains(groups, "hones") {
		t.Errorf("the device groups are %s", groups)
	}
	if sent := s.mails(t, "new@example.com", "", 1); len(sent) != 1 {
		t.Errorf("the invitations by mail: %+v", sent)
	}
}

// compiled checks the program, and that the types see what is wrong in others.
func compiled(t *testing.T, dir string) {
	program := source(t, "e2e/testdata/openapi/client.ts")
	names := []string{"client.ts"}
	for i, pair := range [][2]string{
		{`role: "member"`, `role: "king"`},
		{`page.next`, `page.following`},
		{`header: { "If-Match": seen } }, body`, `header: {} }, body`},
		{`client_build: 1 `, `client_build: "1" `},
		{`/api/v1/coverage`, `/api/v1/cover`},
		{`"auditor"`, `"auditors"`},
		{`name: user.name`, `name: user.fullname`},
	} {
		if !strings.Contains(program, pair[0]) {
			t.Fatalf("the program has no %s", pair[0])
		}
		names = append(names, fmt.Sprintf("wrong%d.ts", i))
		put(t, dir, names[i+1], strings.Replace(program, pair[0], pair[1], 1))
	}
	out, err := shell(t, dir, "npx tsc --strict --noUncheckedIndexedAccess --exactOptionalPropertyTypes --target es2022 --module nodenext "+strings.Join(names, " "))
	for i, name := range names {
		if seen := strings.Contains(out, name+"("); seen != (i > 0) {
			t.Errorf("%s: a fault is seen: %t, %v, %s", name, seen, err, out)
		}
	}
}

// expected is what the program says, by step.
func expected(emails []string) map[string]string {
	list, _ := json.Marshal(emails)
	return map[string]string{
		"users":   `[{"pages": 2, "emails": ` + string(list) + `, "roles": [["member"], ["member"], ["member"]]}]`,
		"changed": `[{"before": "Pat Person", "name": "Renamed by Program", "roles": ["member", "auditor"]}]`,
		"stale":   `[{"status": 412, "type": "urn:stile:problem:changed-meanwhile", "title": "Changed meanwhile"}]`,
		"invited": `[{"status": 202, "replayed": null}, {"status": 202, "replayed": "true"}, {"status": 422, "replayed": null, "type": "urn:stile:problem:idempotency-key"}]`,
		"policy":  `[{"two_step": "optional", "products": [], "users": 3, "covered": 3}]`,
		"group":   `[{"name": "Phones", "location": true}, {"name": "Telephones", "groups": ["Telephones"]}, {"groups": []}]`,
		"refused": `[{"status": 422, "fields": ["has.client_build", "name"]}]`,
		"missing": `[{"status": 404, "title": "Not Found"}]`,
		"log":     `[{"events": ["people.read", "people.read", "people.read", "people.read", "user.changed", "invitation.sent", "device_group.changed", "device_group.changed", "device_group.changed", "device_group.changed"]}]`,
		"others":  `[{"statuses": [200, 200, 200, 200, 200, 200, 200]}]`,
	}
}

var block = regexp.MustCompile("(?ms)^```(sh|ts)\n(.*?)^```$")

// documented does what docs/api.md says about clients, on this installation.
func documented(t *testing.T, s *system, dir, token string, emails []string) {
	_, page, ok := strings.Cut(source(t, "docs/api.md"), "## A client from the description")
	if !ok {
		t.Fatal("docs/api.md says nothing of clients")
	}
	page, _, _ = strings.Cut(page, "\n## ")
	var here struct {
		DevDependencies map[string]string
	}
	if err := json.Unmarshal([]byte(source(t, "e2e/package.json")), &here); err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, m := range block.FindAllStringSubmatch(page, -1) {
		text := strings.NewReplacer("https://id.example.com", s.Issuer, `"..."`, `"`+token+`"`).Replace(m[2])
		if m[1] == "ts" {
			put(t, dir, "users.ts", text)
			continue
		}
		commands = strings.Split(strings.TrimSpace(text), "\n")
	}
	if len(commands) < 3 {
		t.Fatalf("commands %q", commands)
	}
	var out string
	for _, line := range commands {
		if names, ok := strings.CutPrefix(line, "npm install "); ok { // scripts/setup did, with exact versions
			for name := range strings.FieldsSeq(names) {
				name, major, _ := strings.Cut(name, "@")
				if version := here.DevDependencies[name]; version == "" || !strings.HasPrefix(version, major) {
					t.Errorf("%s is %q here, not %s", name, version, major)
				}
			}
			continue
		}
		out = typed(t, dir, line)
	}
	for _, email := range emails {
		if !strings.Contains(out, email+" member") {
			t.Errorf("%s is not in %q", email, out)
		}
	}
}
