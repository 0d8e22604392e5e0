package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/roster"
	"stile/stiletest"
	"stile/storage"
	"stile/storage/storagetest"
)

func (w *world) want(what string, a reply, status int, says string) {
	w.t.Helper()
	if a.status != status || !strings.Contains(a.text+a.header.Get("WWW-Authenticate"), says) {
		w.t.Errorf("%s: %d, %s, %s\nwant %d and %q", what, a.status, a.header.Get("WWW-Authenticate"), a.text, status, says)
	}
}

const listHead = "email,name,roles,products,language,time_zone\n"

// The switch by API: blocked by a group, raised, reviewed, turned on.
func TestN03_TheSwitch(t *testing.T) {
	w := newWorld(t)
	token := w.admin()
	policy := w.call(token, "GET", "/policy", "")
	w.want("policy", policy, 200, `"two_step":"optional"`)
	tag := policy.header.Get("ETag")
	on := `{"two_step":"required"}`
	w.want("without If-Match", w.call(token, "PATCH", "/policy", on), 428, "If-Match")
	w.want("with a weak one", w.call(token, "PATCH", "/policy", on, "If-Match", "W/"+tag), 412, "")
	w.want("with a stale one", w.call(token, "PATCH", "/policy", on, "If-Match", `"999"`), 412, "changed-meanwhile")

	review := w.call(token, "POST", "/policy/review", on)
	w.want("review", review, 200, `"groups_below":[{"name":"Tablets"`)
	if next, _ := review.json["next"].(map[string]any); next["two_step"] != "required" {
		t.Errorf("the review says %s", review.text)
	}
	below := w.call(token, "PATCH", "/policy", on, "If-Match", tag)
	w.want("while a group is below", below, 409, `"groups":[{"name":"Tablets","has":{"client_version":"4.2","client_build":1570},"needs":{"client_version":"4.3","client_build":1575}}]`)
	w.want("nothing is changed", w.call(token, "GET", "/policy", ""), 200, `"two_step":"optional"`)

	group := "/device-groups/" + w.here.group.ID
	seen := w.call(token, "GET", group, "").header.Get("ETag")
	w.want("a version that is none", w.call(token, "PUT", group, `{"name":"Tablets","has":{"client_version":"4.x","client_build":1575}}`, "If-Match", seen), 422, `"client_version"`)
	w.want("a build out of range", w.call(token, "PUT", group, `{"name":"Tablets","has":{"client_version":"4.3","client_build":-1}}`, "If-Match", seen), 422, "client_build")
	raised := w.call(token, "PUT", group, `{"name":"Tablets","has":{"client_version":"4.10","client_build":1}}`, "If-Match", seen)
	w.want("raised", raised, 200, "4.10")
	w.want("raised again with the old state", w.call(token, "PUT", group, `{"name":"Tablets","has":{"client_version":"4.3","client_build":1}}`, "If-Match", seen), 412, "")

	done := w.call(token, "PATCH", "/policy", on, "If-Match", tag)
	w.want("turned on", done, 200, `"two_step":"required"`)
	w.want("a product of another account", w.call(token, "PATCH", "/policy", fmt.Sprintf(`{"products":[%q]}`, w.there.product.ID), "If-Match", done.header.Get("ETag")), 422, "products")
	w.want("days of trusted browsers", w.call(token, "PATCH", "/policy", `{"trusted_browser_days":14}`, "If-Match", "*"), 200, `"trusted_browser_days":14`)
	w.want("too many of them", w.call(token, "PATCH", "/policy", `{"trusted_browser_days":31}`, "If-Match", "*"), 422, "trusted_browser_days")
	w.want("none", w.call(token, "PATCH", "/policy", `{"trusted_browser_days":0}`, "If-Match", "*"), 200, `"trusted_browser_days":0`)
	w.want("a field that isn't", w.call(token, "PATCH", "/policy", `{"two_steps":"required"}`, "If-Match", "*"), 422, "two_steps")
	for name, body := range map[string]string{
		"a member twice": `{"two_step":"required","two_step":"optional"}`, "another case": `{"Two_Step":"optional"}`, "a list": `[]`, "no JSON": `{`,
		"two objects": `{}{}`, "nothing": "",
	} {
		if a := w.call(token, "PATCH", "/policy", body, "If-Match", "*"); a.status != 400 && a.status != 422 {
			t.Errorf("%s: %d, %s", name, a.status, a.text)
		}
	}
	w.want("still on", w.call(token, "GET", "/policy", ""), 200, `"two_step":"required"`)
}

func TestUsersAreListedAndChanged(t *testing.T) {
	w := newWorld(t)
	token := w.admin()
	for i := range 7 {
		must[storage.User](t)(w.db.CreateUser(t.Context(), storage.User{AccountID: w.here.account.ID, Email: fmt.Sprintf("u%d@here.example", i), Name: "Lee"}, by))
	}
	var seen []string
	path := "/users?limit=3"
	for pages := 0; path != "" && pages < 10; pages++ {
		a := w.call(token, "GET", path, "")
		w.want("users", a, 200, "items")
		for _, u := range a.items() {
			seen = append(seen, u["email"].(string))
		}
		path = ""
		if link := a.header.Get("Link"); link != "" {
			path = strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`), "/api/v1")
		}
	}
	if strings.Join(seen, " ") != "admin@here.example member@here.example u0@here.example u1@here.example u2@here.example u3@here.example u4@here.example u5@here.example u6@here.example" {
		t.Errorf("listed %q", seen)
	}
	if got := w.call(token, "GET", "/users?text=lee+u3", "").items(); len(got) != 1 || got[0]["email"] != "u3@here.example" {
		t.Errorf("found %v", got)
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "state=odd", "cursor=%21", "cursor=_w", "sort=name"} {
		w.want(query, w.call(token, "GET", "/users?"+query, ""), 422, "errors")
	}

	user := "/users/" + w.here.user.ID
	tag := w.call(token, "GET", user, "").header.Get("ETag")
	changed := w.call(token, "PATCH", user, fmt.Sprintf(`{"name":"New Name","products":[%q]}`, w.here.product.ID), "If-Match", tag)
	w.want("changed", changed, 200, "New Name")
	w.want("changed from an old state", w.call(token, "PATCH", user, `{"name":"Other"}`, "If-Match", tag), 412, "")
	w.want("disabled", w.call(token, "PATCH", user, `{"disabled":true}`, "If-Match", changed.header.Get("ETag")), 200, `"disabled":true`)
	me := "/users/" + w.here.admin.ID
	w.want("N04 oneself", w.call(token, "PATCH", me, `{"disabled":true}`, "If-Match", "*"), 422, "self")
	w.want("a role that isn't", w.call(token, "PATCH", user, `{"roles":["king"]}`, "If-Match", "*"), 422, "roles")
	w.want("N05 a password", w.call(token, "PATCH", user, `{"password":"x"}`, "If-Match", "*"), 422, "password")
	w.want("signed out", w.call(token, "POST", user+"/sign-out", ""), 204, "")
	w.want("reset without a name", w.call(token, "POST", user+"/reset", `{"confirm":"admin@here.example"}`), 422, "confirm")
	w.want("reset", w.call(token, "POST", user+"/reset", `{"confirm":"member@here.example"}`), 204, "")
	if got := w.call(token, "GET", user, ""); got.json["enrolled"] != false || strings.Contains(got.text, "argon2") {
		t.Errorf("after the reset: %s", got.text)
	}
	w.want("invited", w.call(token, "POST", "/invitations", `{"email":"zoe@here.example","name":"Zoe"}`), 202, "")
	w.want("invited to be more", w.call(token, "POST", "/invitations", `{"email":"aud@here.example","name":"Aud","roles":["member","auditor"],"products":["`+w.here.product.ID+`"]}`), 202, "")
	if i := w.call(token, "GET", "/invitations", "").items()[0]; fmt.Sprint(i["roles"], i["products"]) != "[member auditor] ["+w.here.product.ID+"]" {
		t.Errorf("what an invitation gives: %v", i)
	}
	w.want("invited elsewhere", w.call(token, "POST", "/invitations", `{"email":"member@there.example","name":"Zoe"}`), 202, "")
	w.want("no address", w.call(token, "POST", "/invitations", `{"email":"zoe","name":"Zoe"}`), 422, "email")
	dry := w.call(token, "POST", "/users/import?dry_run=true", listHead+"kim@here.example,Kim,,,,\n", "Content-Type", "text/csv")
	w.want("import, dry", dry, 200, `"invited":1`)
	long := strings.Repeat("kim@here.example,"+strings.Repeat("K", 190)+",,,,\n", 2000) // far beyond other bodies
	w.want("a long list", w.call(token, "POST", "/users/import", listHead+long, "Content-Type", "text/csv"), 422, `"line":3`)
	w.want("too long a list", w.call(token, "POST", "/users/import", strings.Repeat("x", roster.MaxBytes+1), "Content-Type", "text/csv"), 413, "too large") // and not a byte more: whoever writes on is cut off
	w.want("import with a fault", w.call(token, "POST", "/users/import", listHead+"kim,Kim,,,,\n", "Content-Type", "text/csv"), 422, `"line":2`)
}

func TestClientsGetTheirSecretOnce(t *testing.T) {
	w := newWorld(t)
	token := w.admin()
	body := `{"client_name":"Reports","grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_basic","scope":"stile.read"}`
	first := w.call(token, "POST", "/clients", body, "Idempotency-Key", "one")
	w.want("connected", first, 201, "client_secret")
	again := w.call(token, "POST", "/clients", body, "Idempotency-Key", "one")
	if again.text != first.text || again.status != first.status || again.header.Get("ETag") != first.header.Get("ETag") || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the repeat got %d %s\nafter %d %s", again.status, again.text, first.status, first.text)
	}
	w.want("another request with the key", w.call(token, "POST", "/clients", strings.Replace(body, "Reports", "Other", 1), "Idempotency-Key", "one"), 422, "idempotency-key")
	w.want("the key of somebody else", w.call(w.service("job"), "POST", "/clients", body, "Idempotency-Key", "one"), 201, "client_secret")
	w.want("no key", w.call(token, "POST", "/clients", body, "Idempotency-Key", strings.Repeat("k", 256)), 400, "idempotency-key")
	if n := len(w.call(token, "GET", "/clients", "").items()); n != 4 { // job and here-app, and two
		t.Errorf("%d apps", n)
	}
	id := first.json["client_id"].(string)
	shown := w.call(token, "GET", "/clients/"+id, "")
	if _, secret := shown.json["client_secret"]; secret {
		t.Error("the secret is shown again")
	}
	w.want("refused metadata", w.call(token, "POST", "/clients", `{"client_name":"x","redirect_uris":["javascript:alert(1)"]}`, "Idempotency-Key", "two"), 422, "redirect_uris")
	w.want("after a refusal the key is free", w.call(token, "POST", "/clients", body, "Idempotency-Key", "two"), 201, "")
	rotated := w.call(token, "POST", "/clients/"+id+"/secret", "", "If-Match", "*")
	if rotated.json["client_secret"] == first.json["client_secret"] || rotated.status != 200 {
		t.Errorf("rotated: %d %s", rotated.status, rotated.text)
	}
	w.want("used by nobody", w.call(token, "GET", "/clients/"+id+"/use", ""), 200, `"users":0`)
	w.want("removed", w.call(token, "DELETE", "/clients/"+id, "", "If-Match", rotated.header.Get("ETag")), 204, "")
	w.want("gone", w.call(token, "GET", "/clients/"+id, ""), 404, "")
}

func TestTheAuditLogIsReadAndExported(t *testing.T) {
	w := newWorld(t)
	token := w.admin()
	for i := range 60 {
		must[storage.Product](t)(w.db.CreateProduct(t.Context(), storage.Product{AccountID: w.here.account.ID, Name: fmt.Sprint("P", i)}, by))
	}
	list := w.call(token, "GET", "/events?kind=product.changed&limit=10", "")
	if len(list.items()) != 10 || list.header.Get("Link") == "" || !strings.Contains(list.header.Get("Link"), "kind=product.changed") {
		t.Errorf("%d lines, Link %s", len(list.items()), list.header.Get("Link"))
	}
	export := w.call(token, "GET", "/events/export?kind=product.changed", "")
	lines := strings.Split(strings.TrimSpace(export.text), "\n")
	if len(lines) != 61 || export.header.Get("Content-Type") != "application/jsonl" {
		t.Errorf("%d lines of %s", len(lines), export.header.Get("Content-Type"))
	}
	for _, line := range lines {
		var e map[string]any
		if json.Unmarshal([]byte(line), &e) != nil || e["kind"] != "product.changed" {
			t.Fatalf("line %s", line)
		}
	}
	if written := w.call(token, "GET", "/events?kind=audit.exported", "").items(); len(written) != 1 {
		t.Errorf("the export is written down %d times", len(written))
	}
	w.want("sign-ins", w.call(token, "GET", "/series/sign-ins?days=7&time_zone=Europe/Berlin", ""), 200, `"code":1`)
	w.want("enrolment", w.call(token, "GET", "/series/enrolment?days=1", ""), 200, `"enrolled":2`)
	w.want("no zone", w.call(token, "GET", "/series/enrolment?time_zone=Moon", ""), 422, "time_zone")
	w.want("too long", w.call(token, "GET", "/series/enrolment?days=401", ""), 422, "days")
	if got := w.call(token, "GET", "/events?since="+w.now().Add(time.Hour).Format(time.RFC3339), "").items(); len(got) != 0 {
		t.Errorf("in an hour: %v", got)
	}
}

// L04, RFC 9470: changes need fresh proofs, and the answer says which.
func TestL04_ChangesNeedFreshProofs(t *testing.T) {
	w := newWorld(t)
	create := func(token, name string) reply { return w.call(token, "POST", "/products", `{"name":"`+name+`"}`) }
	b := stiletest.NewBrowser(t).Transport(w.http.Transport)
	w.want("fresh", create(w.tokenAt(b, "admin@here.example", all, true), "Chat"), 201, "Chat")
	w.later(10*time.Minute + time.Second)
	old := w.tokenAt(b, "admin@here.example", all, true) // by single sign-on: proven ten minutes ago
	w.want("stale", create(old, "Mail"), 401, `error="insufficient_user_authentication", error_description="The user has to give password and second factor again: this needs fresh proofs.", acr_values="urn:stile:acr:mfa", max_age="600"`)
	w.want("reading with stale proofs", w.call(old, "GET", "/products", ""), 200, "Chat")
	w.later(5 * time.Minute)
	w.want("a token that is over", w.call(old, "GET", "/products", ""), 401, "invalid_token")

	token := w.admin()
	until := w.now().Add(time.Hour)
	if _, err := storagetest.Raw(t, w.url).ExecContext(t.Context(), `UPDATE users SET cooldown_until = $1 WHERE id = $2`, until.UnixMicro(), w.here.admin.ID); err != nil {
		t.Fatal(err)
	}
	w.want("in the cool-down", w.call(token, "POST", "/products", `{"name":"Mail"}`), 403, "cool-down")
	w.want("reading in the cool-down", w.call(token, "GET", "/products", ""), 200, "Chat")
}

// A recovery code lets an admin read, and changes nothing. What was proven is
// young enough, so the answer asks for all of it anew.
func TestK08_ChangesTakeMoreThanARecoveryCode(t *testing.T) {
	w := newWorld(t)
	const email = "admin@here.example"
	owner := stiletest.NewBrowser(t).Transport(w.http.Transport)
	w.tokenAt(owner, email, all, true)
	owner.Open(w.issuer + "/account")
	codes := owner.Press("Make new codes").Texts("code")
	if len(codes) == 0 {
		t.Fatalf("no codes: %s", owner.Page())
	}
	b := stiletest.NewBrowser(t).Transport(w.http.Transport)
	b.Apps = []string{callback}
	rp := stiletest.NewRP(t, w.http, w.issuer, "tool", w.secrets["tool"], callback, append([]string{"openid"}, strings.Fields(all)...)...)
	attempt := rp.Begin("acr_values", "urn:stile:acr:mfa")
	b.Open(attempt.URL)
	b.Submit(map[string]string{"email": email, "password": password})
	b.Press("Use a recovery code")
	b.Submit(map[string]string{"recovery": codes[0]})
	token := rp.Redeem(attempt, b.Press("Not now").URL).AccessToken
	w.want("reading", w.call(token, "GET", "/products", ""), 200, "")
	w.want("changing", w.call(token, "POST", "/products", `{"name":"Chat"}`), 401, `error="insufficient_user_authentication", error_description="A recovery code is not enough for changes: the user has to give a code of an authenticator app, or use a passkey.", acr_values="urn:stile:acr:mfa", max_age="0"`)
	w.later(time.Second)
	again := rp.Begin("acr_values", "urn:stile:acr:mfa", "max_age", "0")
	if p := b.Open(again.URL); p.Screen() != "sign-in" {
		t.Fatalf("not asked anew: %s", p)
	}
	b.Submit(map[string]string{"email": email, "password": password})
	p := b.Submit(map[string]string{"code": w.apps[email].Code()})
	w.want("changing after a code", w.call(rp.Redeem(again, p.URL).AccessToken, "POST", "/products", `{"name":"Chat"}`), 201, "Chat")
}

func TestWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	token := w.service("job")
	w.want("another path", w.call(token, "GET", "/nothing", ""), 404, "")
	w.want("the root", w.call(token, "GET", "", ""), 404, "")
	if a := w.call(token, "PUT", "/policy", "{}"); a.status != 405 || a.header.Get("Allow") != "GET, HEAD, PATCH" {
		t.Errorf("another method: %d, Allow %q", a.status, a.header.Get("Allow"))
	}
	w.want("a form", w.call(token, "POST", "/products", "name=x", "Content-Type", "application/x-www-form-urlencoded"), 415, "application/json")
	w.want("compressed", w.call(token, "POST", "/products", "{}", "Content-Encoding", "gzip"), 415, "")
	w.want("too much", w.call(token, "POST", "/products", `{"name":"`+strings.Repeat("a", 61<<10)+`"}`), 413, "")
	w.want("a body where there is none", w.call(token, "GET", "/products", "{}"), 400, "")
	w.want("preflight", w.call("", "OPTIONS", "/products", "", "Origin", "https://app.example", "Access-Control-Request-Method", "GET"), 405, "")
	if a := w.call("", "GET", "/openapi.json", ""); a.status != 200 || a.json["openapi"] != "3.1.0" {
		t.Errorf("the document: %d", a.status)
	}
}

// A token of a service works for its own account, with its scopes, and only
// while its client may have them.
func TestN02_ServicesWorkForTheirAccount(t *testing.T) {
	w := newWorld(t)
	token := w.service("job")
	w.want("its account", w.call(token, "GET", "/account", ""), 200, w.here.account.ID)
	w.want("what only people do", w.call(token, "POST", "/users/"+w.here.user.ID+"/reset", `{"confirm":"member@here.example"}`), 403, "")
	w.want("the vendor's", w.call(w.service("vendor"), "GET", "/account", ""), 403, "")
	if _, err := w.db.UpdateClient(t.Context(), "job", func(c *storage.Client) error { c.Metadata.Scope = "stile.users"; return nil }, by); err != nil {
		t.Fatal(err)
	}
	w.want("a scope that was taken back", w.call(token, "PATCH", "/policy", `{"two_step":"required"}`, "If-Match", "*"), 403, "insufficient_scope")
	if _, err := w.db.UpdateClient(t.Context(), "job", func(c *storage.Client) error { c.Disabled = true; return nil }, by); err != nil {
		t.Fatal(err)
	}
	w.want("disabled", w.call(token, "GET", "/account", ""), 401, "invalid_token")
}

// Helpdesk asks for a reset, an admin decides, once; nobody on his own.
func TestN05_ResetsAreAskedForAndDecided(t *testing.T) {
	w := newWorld(t)
	w.person(w.here.account, "help@here.example", storage.RoleHelpdesk)
	help, token := w.token("help@here.example", all, true), w.admin()
	w.want("helpdesk does not reset", w.call(help, "POST", "/users/"+w.here.user.ID+"/reset", `{"confirm":"member@here.example"}`), 403, "")
	asked := w.call(help, "POST", "/users/"+w.here.user.ID+"/reset-requests", "")
	w.want("asked", asked, 201, `"state":"open"`)
	if list := w.call(token, "GET", "/device-requests", "").items(); len(list) != 1 || list[0]["id"] != asked.json["id"] || list[0]["email"] != "member@here.example" {
		t.Errorf("the requests are %v", list)
	}
	decision := "/device-requests/" + asked.json["id"].(string) + "/decision"
	w.want("helpdesk does not decide", w.call(help, "POST", decision, `{"approve":true}`), 403, "")
	w.want("a service does not decide", w.call(w.service("job"), "POST", decision, `{"approve":true}`), 403, "")
	w.want("approved", w.call(token, "POST", decision, `{"approve":true}`), 200, `"state":"approved"`)
	w.want("decided again", w.call(token, "POST", decision, `{"approve":false}`), 409, "decided-already")
	w.want("reset", w.call(token, "GET", "/users/"+w.here.user.ID, ""), 200, `"enrolled":false`)
}

// A third party's app gets scopes of ours only if its user says so, who is told
// what they open.
func TestThirdPartiesAreAllowedByTheUser(t *testing.T) {
	w := newWorld(t)
	w.register(storage.Client{ID: "other", ThirdParty: true, Metadata: storage.Metadata{
		Name: "Other", RedirectURIs: []string{callback}, GrantTypes: []string{storage.GrantCode}, Scope: "openid " + all, ApplicationType: storage.TypeNative,
	}})
	rp := stiletest.NewRP(t, w.http, w.issuer, "other", w.secrets["other"], callback, "openid", "stile.read", "stile.clients")
	b := stiletest.NewBrowser(t).Transport(w.http.Transport)
	b.Apps = []string{callback}
	attempt := rp.Begin()
	b.Open(attempt.URL)
	page := b.Submit(map[string]string{"email": "admin@here.example", "password": password})
	for _, sentence := range []string{"read your organisation's users, policy and audit log", "connect apps to your organisation and change them"} {
		if page.Screen() != "consent" || !strings.Contains(page.Text(), sentence) || strings.Contains(page.Text(), "stile.") {
			t.Errorf("%q is not on %s", sentence, page)
		}
	}
	token := rp.Redeem(attempt, b.Submit(nil).URL).AccessToken
	w.want("without a factor", w.call(token, "GET", "/policy", ""), 401, "insufficient_user_authentication")
	w.want("a scope that was not asked for", w.call(token, "PATCH", "/policy", `{}`, "If-Match", "*"), 403, "insufficient_scope")
}

// What somebody may not do stands in the audit log.
func TestN01_RefusalsAreAudited(t *testing.T) {
	w := newWorld(t)
	token := w.service("job")
	w.call(token, "GET", "/users/"+w.there.user.ID, "")
	w.later(time.Second)
	w.call(token, "POST", "/users/"+w.here.user.ID+"/reset", `{"confirm":"member@here.example"}`)
	events := must[[]storage.StoredEvent](t)(w.db.Events(t.Context(), storage.EventFilter{AccountID: w.here.account.ID, Kind: audit.AdminRefused}))
	if len(events) != 2 || events[0].Reason != "forbidden" || events[1].Reason != "not_found" || events[1].Actor.ID != "job" || events[1].Detail["operation"] != "getUser" {
		t.Errorf("the log says %+v", events)
	}
}

// Who uses an app, a page at a time, with a line in the audit log.
func TestUsersOfAnApp(t *testing.T) {
	w := newWorld(t)
	token, id := w.admin(), w.here.client.ID
	for _, u := range []storage.User{w.here.user, w.here.admin} {
		e := audit.Event{Kind: audit.ConsentGiven, AccountID: u.AccountID, SubjectID: u.ID}
		if err := w.db.GiveConsent(t.Context(), u.ID, must[storage.Client](t)(w.db.Client(t.Context(), id)), "openid", nil, e); err != nil {
			t.Fatal(err)
		}
	}
	first := w.call(token, "GET", "/clients/"+id+"/users?limit=1", "")
	w.want("first page", first, 200, `"email":"admin@here.example"`)
	next, _ := first.json["next"].(string)
	w.want("second page", w.call(token, "GET", "/clients/"+id+"/users?limit=1&cursor="+next, ""), 200, `"scope":"openid"`)
	w.want("a cursor of another list", w.call(token, "GET", "/users?cursor="+next, ""), 422, "cursor")
	w.want("another account's", w.call(token, "GET", "/clients/"+w.there.client.ID+"/users", ""), 404, "")
	if lines := w.call(token, "GET", "/events?kind=people.read", "").items(); len(lines) != 2 || lines[0]["client_id"] != id {
		t.Errorf("lines: %v", lines)
	}
}

// The log goes on from where it was read: each line once, the oldest first, and
// none before it is half a minute old.
func TestLogIsFollowed(t *testing.T) {
	w := newWorld(t)
	token := w.service("job")
	record := func(reason string) {
		if err := w.db.Record(t.Context(), audit.Event{Kind: audit.SignInFailed, Outcome: audit.Refused, AccountID: w.here.account.ID, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	first := w.call(token, "GET", "/events?kind=sign_in.failed", "")
	after, _ := first.json["after"].(string)
	ask := func(query string) (reasons string) {
		t.Helper()
		a := w.call(token, "GET", "/events?kind=sign_in.failed"+query+"&after="+after, "")
		w.want("go on", a, 200, `"after"`)
		after = a.json["after"].(string)
		for _, i := range a.items() {
			reasons += i["reason"].(string) + " "
		}
		return reasons
	}
	w.later(time.Minute)
	token = w.service("job")
	record("one")
	w.later(time.Second)
	record("two")
	if got := ask(""); got != "" {
		t.Errorf("too young: %q", got)
	}
	w.later(time.Second)
	record("three")
	w.later(29*time.Second + 10*time.Millisecond)
	if got := ask("&limit=1") + ask("&limit=1") + ask("&limit=1"); got != "one two " {
		t.Errorf("what is old enough: %q", got)
	}
	w.later(2 * time.Second)
	if got := ask("") + ask(""); got != "three " {
		t.Errorf("the last: %q", got)
	}
	w.want("no position", w.call(token, "GET", "/events?after=x", ""), 422, "after")
	w.want("both", w.call(token, "GET", "/events?cursor=x&after="+after, ""), 422, "after")
	w.want("another account's", w.call(w.token("admin@there.example", all, true), "GET", "/events?after="+after, ""), 422, "not one of ours")
}
