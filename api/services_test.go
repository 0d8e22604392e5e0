package api_test

import (
	"fmt"
	"testing"

	"stile/storage"
	"stile/storage/storagetest"
)

// mailed lists the kinds of the messages to somebody.
func (w *world) mailed(kind string) (n int) {
	w.t.Helper()
	if err := storagetest.Raw(w.t, w.url).QueryRowContext(w.t.Context(), `SELECT count(*) FROM outbox WHERE kind = $1`, kind).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// What only people may do, no service does one hop away, by a role or a policy.
func TestN02_ServicesMakeNobodyMoreThanTheyAre(t *testing.T) {
	w := newWorld(t)
	second := w.person(w.here.account, "second@here.example", "admin")
	job := w.service("job")
	member, admin := "/users/"+w.here.user.ID, "/users/"+second.ID
	for what, r := range map[string]reply{
		"invites an admin":   w.call(job, "POST", "/invitations", `{"email":"evil@elsewhere.example","name":"E","roles":["member","admin"]}`),
		"makes an admin":     w.call(job, "PATCH", member, `{"roles":["member","admin"]}`, "If-Match", "*"),
		"makes helpdesk":     w.call(job, "PATCH", member, `{"roles":["member","helpdesk"]}`, "If-Match", "*"),
		"demotes an admin":   w.call(job, "PATCH", admin, `{"roles":["member"]}`, "If-Match", "*"),
		"disables an admin":  w.call(job, "PATCH", admin, `{"disabled":true}`, "If-Match", "*"),
		"weakens the way in": w.call(w.strict(job), "PATCH", "/policy", `{"reenrolment":"email"}`, "If-Match", "*"),
	} {
		w.want("a service "+what, r, 403, "")
	}
	lists := map[string]string{
		"gives a role":  "member@here.example,Member,member;admin,,,\n",
		"takes a role":  "second@here.example,Second,member,,,\n",
		"invites admin": "new-admin@here.example,New,member;admin,,,\n",
	}
	for what, list := range lists {
		if r := w.call(job, "POST", "/users/import", listHead+list, "Content-Type", "text/csv"); r.status < 400 {
			t.Errorf("a list of a service %s: %d %s", what, r.status, r.text)
		}
	}
	w.want("a name", w.call(job, "PATCH", admin, `{"name":"Second Admin"}`, "If-Match", "*"), 200, "Second Admin")
	w.want("a role that only reads", w.call(job, "PATCH", member, `{"roles":["member","auditor"]}`, "If-Match", "*"), 200, "auditor")
	w.want("a list that leaves roles", w.call(job, "POST", "/users/import", listHead+"second@here.example,Second,member;admin,,,\n", "Content-Type", "text/csv"), 200, `"changed":1`)
	w.want("a member", w.call(job, "PATCH", member, `{"disabled":true}`, "If-Match", "*"), 200, `"disabled":true`)
	if w.mailed("roles-changed") != 1 || w.mailed("user-disabled") != 1 || w.mailed("admins-changed") != 0 {
		t.Error("the member was not told")
	}
}

// strict lets an admin ask for more where an authenticator is lost.
func (w *world) strict(token string) string {
	w.t.Helper()
	must[storage.Policy](w.t)(w.db.UpdatePolicy(w.t.Context(), w.here.account.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.Reenrolment = storage.ReenrolByAdmin
		return s.Policy, nil
	}, by))
	return token
}

// The admins hear of who administers, whoever changed it, and of a program that
// turns the switch.
func TestN04_AdminsAreToldWhoAdministers(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"second", "third"} {
		w.person(w.here.account, name+"@here.example", "admin")
	}
	token := w.admin()
	w.want("made", w.call(token, "PATCH", "/users/"+w.here.user.ID, `{"roles":["member","admin"]}`, "If-Match", "*"), 200, "")
	if n := w.mailed("admins-changed"); n != 2 { // not to who did it
		t.Errorf("%d admins were told", n)
	}
	list := "second@here.example,Second,member,,,\nmember@here.example,Member,member,,,\n"
	w.want("by a list", w.call(token, "POST", "/users/import", listHead+list, "Content-Type", "text/csv"), 200, `"changed":2`)
	if n, own := w.mailed("admins-changed"), w.mailed("roles-changed"); n != 5 || own != 3 {
		t.Errorf("%d messages to admins, %d to those whom it is about", n, own)
	}
	w.want("the group", w.call(token, "PUT", "/device-groups/"+w.here.group.ID, `{"name":"Tablets","has":{"client_version":"4.3","client_build":1575}}`, "If-Match", "*"), 200, "")
	w.want("by a person", w.call(token, "PATCH", "/policy", `{"two_step":"required"}`, "If-Match", "*"), 200, "")
	if w.mailed("account-two-step-on") != 0 {
		t.Error("a person's change was mailed as a program's")
	}
	w.want("by a program", w.call(w.service("job"), "PATCH", "/policy", `{"two_step":"optional"}`, "If-Match", "*"), 200, "")
	if n := w.mailed("account-two-step-off"); n != 2 {
		t.Errorf("%d admins were told of the switch", n)
	}
}

// An account that holds as many as it may is told so.
func TestOneProductTooMany(t *testing.T) {
	w := newWorld(t)
	full := storage.DesiredAccount{Name: "here"}
	for i := range storage.MaxPerAccount - 1 {
		full.Products = append(full.Products, fmt.Sprint("Item ", i))
	}
	must[[]storage.Change](t)(w.db.Apply(t.Context(), storage.Desired{Accounts: []storage.DesiredAccount{full}}, storage.ApplyOptions{}, by))
	w.want("one more", w.call(w.admin(), "POST", "/products", `{"name":"One more"}`), 409, `"most":500`)
}
