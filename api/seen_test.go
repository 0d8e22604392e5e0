package api_test

import (
	"slices"
	"strings"
	"testing"
)

// Every operation that changes a record, or removes it, wants to know which
// state of it was seen: none is refused, an older one too, and nothing changes.
func TestChangesSayWhatWasSeen(t *testing.T) {
	w := newWorld(t)
	token := w.admin()
	// What else changes records, and why it asks for nothing.
	without := map[string]string{
		"decideDeviceRequest": "decided once", "resetUser": "the address is typed", "withdrawInvitation": "it never changes",
		"signOutUser": "changes no record", "askForReset": "changes no record",
	}
	records := map[string]string{
		"/users/": w.here.user.ID, "/products/": w.here.product.ID, "/device-groups/": w.here.group.ID, "/clients/": w.here.client.ID, "/policy": "",
	}
	tried := []string{}
	for _, o := range w.operations() {
		if o.method == "GET" || o.method == "POST" && !strings.Contains(o.path, "{id}") || without[o.ID] != "" {
			continue
		}
		prefix, _, _ := strings.Cut(o.path, "{id}")
		id, known := records[prefix]
		if !known {
			t.Fatalf("operation %s: whose ids are those of %s?", o.ID, o.path)
		}
		tried = append(tried, o.ID)
		read, path := prefix+id, strings.Replace(o.path, "{id}", id, 1)
		before := w.call(token, "GET", read, "")
		if before.header.Get("ETag") == "" {
			t.Errorf("%s has no ETag", read)
		}
		w.want(o.ID+" without If-Match", w.call(token, o.method, path, bodies[o.ID]), 428, "If-Match")
		for _, stale := range []string{`"stale"`, `"999999"`, `W/"1"`, `"1", "2"`} {
			w.want(o.ID+" with "+stale, w.call(token, o.method, path, bodies[o.ID], "If-Match", stale), 412, "changed-meanwhile")
		}
		if after := w.call(token, "GET", read, ""); after.text != before.text || after.header.Get("ETag") != before.header.Get("ETag") {
			t.Errorf("%s: something was changed: %s", o.ID, after.text)
		}
	}
	for _, id := range []string{"deleteProduct", "renameProduct", "deleteDeviceGroup", "deleteClient", "rotateClientSecret", "updateUser", "updatePolicy"} {
		if !slices.Contains(tried, id) {
			t.Errorf("%s was not tried: %v", id, tried)
		}
	}
	// With the state that is, they are done, and it is another one then.
	product := w.call(token, "GET", "/products/"+w.here.product.ID, "").header.Get("ETag")
	renamed := w.call(token, "PATCH", "/products/"+w.here.product.ID, `{"name":"Changed"}`, "If-Match", product)
	w.want("renamed", renamed, 200, `"name":"Changed"`)
	w.want("as it was before", w.call(token, "DELETE", "/products/"+w.here.product.ID, "", "If-Match", product), 412, "")
	w.want("as it is", w.call(token, "DELETE", "/products/"+w.here.product.ID, "", "If-Match", renamed.header.Get("ETag")), 204, "")
	client := w.call(token, "GET", "/clients/"+w.here.client.ID, "").header.Get("ETag")
	rotated := w.call(token, "POST", "/clients/"+w.here.client.ID+"/secret", "", "If-Match", client)
	w.want("rotated", rotated, 200, "client_secret")
	w.want("again", w.call(token, "POST", "/clients/"+w.here.client.ID+"/secret", "", "If-Match", client), 412, "")
	w.want("removed", w.call(token, "DELETE", "/clients/"+w.here.client.ID, "", "If-Match", rotated.header.Get("ETag")), 204, "")
	group := w.call(token, "GET", "/device-groups/"+w.here.group.ID, "").header.Get("ETag")
	w.want("group removed", w.call(token, "DELETE", "/device-groups/"+w.here.group.ID, "", "If-Match", group), 204, "")
}
