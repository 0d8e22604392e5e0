package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"stile/manage"
	"stile/storage"
)

// operation is one operation of the OpenAPI document.
type operation struct {
	method, path string
	ID           string `json:"operationId"`
	Permission   string `json:"x-permission"`
	Security     []map[string][]string
	Body         *struct {
		Content map[string]any
	} `json:"requestBody"`
}

// operations reads the document that the server gives out.
func (w *world) operations() (all []operation) {
	w.t.Helper()
	var d struct {
		Paths map[string]map[string]operation
	}
	if err := json.Unmarshal([]byte(w.call("", "GET", "/openapi.json", "").text), &d); err != nil {
		w.t.Fatal(err)
	}
	for path, methods := range d.Paths {
		for method, o := range methods {
			o.method, o.path = strings.ToUpper(method), strings.TrimPrefix(path, "/api/v1")
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// bodies are what operations are sent that take something. An operation without
// one here fails the tests below.
var bodies = map[string]string{
	"decideDeviceRequest": `{"approve":true}`,
	"updatePolicy":        `{}`, "reviewPolicy": `{}`, "updateUser": `{"name":"Changed"}`, "resetUser": `{"confirm":"member@there.example"}`,
	"importUsers": "email,name,roles,products,language,time_zone\nkim@here.example,,,,,\n", "invite": `{"email":"kim@here.example","name":"Kim"}`, "createProduct": `{"name":"Fax"}`,
	"renameProduct": `{"name":"Changed"}`, "createDeviceGroup": `{"name":"Phones","has":{"client_version":"4.3","client_build":1}}`,
	"updateDeviceGroup": `{"name":"Changed","has":{"client_version":"4.3","client_build":1}}`,
	"createClient":      `{"client_name":"x","redirect_uris":["https://x.example/cb"]}`, "updateClient": `{"client_name":"Changed"}`,
}

// send calls an operation with an id in its path, if it has one.
func (w *world) send(o operation, token, id string) reply {
	w.t.Helper()
	var headers []string
	body, known := bodies[o.ID]
	if (o.Body != nil) != known {
		w.t.Fatalf("operation %s: say in bodies what it is sent", o.ID)
	}
	if o.Body != nil && o.Body.Content["application/json"] == nil {
		for kind := range o.Body.Content {
			headers = append(headers, "Content-Type", kind)
		}
	}
	path := strings.Replace(o.path, "{id}", id, 1)
	if strings.Contains(path, "{") {
		w.t.Fatalf("operation %s: the path %s has more than an id", o.ID, o.path)
	}
	return w.call(token, o.method, path, body, append(headers, "If-Match", "*")...)
}

// N01: whatever there is, the id of another account is answered like one that
// doesn't exist, and nothing is changed there.
func TestN01_IdsOfAnotherAccount(t *testing.T) {
	w := newWorld(t)
	request := must[storage.DeviceRequest](t)(w.db.AskForReset(t.Context(), w.there.account.ID, w.there.user.ID, by))
	theirs := map[string]string{
		"/users/": w.there.user.ID, "/products/": w.there.product.ID, "/device-groups/": w.there.group.ID, "/clients/": w.there.client.ID,
		"/invitations/": w.there.invited, "/device-requests/": request.ID,
	}
	state := func() string {
		s := must[storage.AccountState](t)(w.db.AccountState(t.Context(), w.there.account.ID))
		u := must[storage.UserRow](t)(w.db.Member(t.Context(), w.there.account.ID, w.there.user.ID, s.Policy))
		c := must[[]storage.Client](t)(w.db.AccountClients(t.Context(), w.there.account.ID, "", 10))
		i := must[[]storage.Invitation](t)(w.db.Invitations(t.Context(), w.there.account.ID, "", 10))
		d := must[[]storage.DeviceRequest](t)(w.db.DeviceRequests(t.Context(), w.there.account.ID, "", 10))
		text := must[[]byte](t)(json.Marshal([]any{s, u, c, i, d}))
		return string(text)
	}
	before := state()
	token, tried := w.admin(), 0
	for _, o := range w.operations() {
		if !strings.Contains(o.path, "{id}") {
			continue
		}
		id := ""
		for prefix, their := range theirs {
			if strings.HasPrefix(o.path, prefix) {
				id = their
			}
		}
		if id == "" {
			t.Fatalf("operation %s: whose ids are those of %s?", o.ID, o.path)
		}
		tried++
		foreign, missing := w.send(o, token, id), w.send(o, token, "missing")
		for _, a := range []*reply{&foreign, &missing} {
			delete(a.json, "request_id")
		}
		if foreign.status != 404 || missing.status != 404 || !maps.EqualFunc(foreign.json, missing.json, func(a, b any) bool { return a == b }) {
			t.Errorf("%s: %d %v for one of another account, %d %v for a missing one", o.ID, foreign.status, foreign.json, missing.status, missing.json)
		}
	}
	if tried < 15 {
		t.Errorf("only %d operations were tried", tried)
	}
	if after := state(); after != before {
		t.Errorf("the other account was changed:\n%s\n%s", before, after)
	}
	for _, path := range []string{
		"/users?product=" + w.there.product.ID, "/events?subject_id=" + w.there.user.ID, "/events?client_id=" + w.there.client.ID, "/users?text=there",
	} {
		if a := w.call(token, "GET", path, ""); a.status != 200 || len(a.items()) != 0 {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
	}
	w.want("seats of their product", w.call(token, "PATCH", "/users/"+w.here.user.ID, `{"products":["`+w.there.product.ID+`"]}`, "If-Match", "*"), 422, "products")
}

// N02: every operation, by everybody who may not do it.
func TestN02_EveryOperationByEverybodyElse(t *testing.T) {
	w := newWorld(t)
	for role, email := range map[string]string{storage.RoleHelpdesk: "help@here.example", storage.RoleAuditor: "audit@here.example", storage.RoleAdmin: "former@here.example"} {
		w.person(w.here.account, email, role)
	}
	former := w.token("former@here.example", all, true)
	if _, err := w.db.UpdateMember(t.Context(), w.here.account.ID, must[storage.Person](t)(w.db.PersonByEmail(t.Context(), "former@here.example")).User.ID, func(u *storage.User, _ []string) ([]storage.Mail, error) {
		u.Roles = []string{"member"}
		return nil, nil
	}, nil, by); err != nil {
		t.Fatal(err)
	}
	read := []string{string(manage.Read)}
	callers := []struct {
		name, token string
		may         []string // permissions
		status      int      // for the rest
		says        string
	}{
		{"nobody", "", nil, 401, "Bearer"},
		{"a made-up token", "sta_0000000000000000000000000000000000000000000", nil, 401, "invalid_token"},
		{"no token at all", "a.b.c", nil, 401, "invalid_token"},
		{"a member", w.token("member@here.example", all, true), nil, 403, ""},
		{"a former admin", former, nil, 403, ""},
		{"helpdesk", w.token("help@here.example", all, true), append(read, string(manage.SignOutUsers), string(manage.AskForResets)), 403, ""},
		{"an auditor", w.token("audit@here.example", all, true), append(read, string(manage.ReadAudit)), 403, ""},
		{"an admin without a scope", w.token("admin@here.example", "", true), nil, 403, "insufficient_scope"},
		{"an admin without a factor", w.token("admin@here.example", all, false), nil, 401, `error="insufficient_user_authentication"`},
	}
	for _, o := range w.operations() {
		for _, c := range callers {
			a := w.send(o, c.token, "missing")
			allowed := slices.Contains(c.may, o.Permission)
			switch refused := a.status == 401 || a.status == 403; {
			case allowed && (refused || a.status >= 500):
				t.Errorf("%s by %s: %d %s", o.ID, c.name, a.status, a.text)
			case !allowed && (a.status != c.status || !strings.Contains(a.header.Get("WWW-Authenticate"), c.says)):
				t.Errorf("%s by %s: %d %s %s", o.ID, c.name, a.status, a.header.Get("WWW-Authenticate"), a.text)
			}
			if a.status == 401 && a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s by %s: 401 without a challenge", o.ID, c.name)
			}
		}
	}
}

// Each scope opens what it says, and no more.
func TestN02_ScopesOpenWhatTheySay(t *testing.T) {
	w := newWorld(t)
	for _, scope := range manage.Scopes() {
		token := w.token("admin@here.example", scope, true)
		for _, o := range w.operations() {
			opens := slices.ContainsFunc(o.Security, func(s map[string][]string) bool { return slices.Equal(s["oauth2"], []string{scope}) })
			a := w.send(o, token, "missing")
			if (a.status == 403) == opens {
				t.Errorf("%s with %s: %d %s, the document says %v", o.ID, scope, a.status, a.text, opens)
			}
		}
	}
}

// A token that may look after apps turns none round that is given more: the
// app's people would hand what they may do to whoever changed its address.
func TestN02_AnAppWithMoreScopesIsNotTurnedRound(t *testing.T) {
	w := newWorld(t)
	admin := w.admin()
	strong := w.call(admin, "POST", "/clients", `{"client_name":"Sync","redirect_uris":["https://sync.example/callback"],"scope":"openid stile.users"}`)
	w.want("connected", strong, 201, "client_id")
	path := "/clients/" + strong.json["client_id"].(string)
	seen := w.call(admin, "GET", path, "").header.Get("ETag")
	weak := w.token("admin@here.example", "stile.read stile.clients", true)
	turned := `{"client_name":"Sync","redirect_uris":["https://evil.example/callback"],"scope":"openid stile.users"}`
	w.want("another address", w.call(weak, "PUT", path, turned, "If-Match", seen), 403, "")
	w.want("another secret", w.call(weak, "POST", path+"/secret", "", "If-Match", "*"), 403, "")
	if now := w.call(admin, "GET", path, ""); strings.Contains(now.text, "evil.example") {
		t.Errorf("turned round: %s", now.text)
	}
	w.want("by an admin", w.call(admin, "PUT", path, turned, "If-Match", seen), 200, "evil.example")
}
