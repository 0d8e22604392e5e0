package storagetest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"stile/audit"
	"stile/storage"
)

var clientPromises = []promise{
	{"TestClientsComeBackAsTheyWere", keptClients},
	{"TestB02_NoWayToRegisterABadRedirect", badClients},
	{"TestClientLosesNoChange", clientWriters},
}

func keptClients(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	a := account(t, db, "A")
	in := webClient(db, "console")
	in.AccountID, in.ThirdParty = a.ID, true
	in.Metadata.DefaultMaxAge = new(int)
	in.Metadata.PostLogoutRedirectURIs = []string{"https://app.example.com/"}
	made := got(db.CreateClient(ctx, in, By))(t)
	if made.Metadata.TokenEndpointAuthMethod != storage.AuthBasic || made.Version != 1 || !slices.Equal(made.Metadata.GrantTypes, []string{storage.GrantCode}) {
		t.Errorf("defaults: %+v", made)
	}
	read := got(db.Client(ctx, "console"))(t)
	want, _ := json.Marshal(made)
	if text, _ := json.Marshal(read); string(text) != string(want) {
		t.Errorf("read   %s\nstored %s", text, want)
	}
	if !db.IsClientSecret(read, "sts_secret") || db.IsClientSecret(read, "") || db.IsClientSecret(storage.Client{ID: "console"}, "") {
		t.Error("the secret is not told from others")
	}
	stolen := read
	stolen.ID = "other"
	if db.IsClientSecret(stolen, "sts_secret") {
		t.Error("a secret is good for another client")
	}
	var stored string
	must(t, raw.QueryRow(`SELECT secret || metadata FROM clients`).Scan(&stored))
	if strings.Contains(stored, "sts_secret") {
		t.Error("the secret is stored in clear")
	}
	must(t, db.RotateClientSecret(ctx, "console", db.HashClientSecret("console", "new"), By))
	changed := got(db.UpdateClient(ctx, "console", func(c *storage.Client) error { c.Disabled, c.AccountID = true, "other"; return nil }, By))(t)
	if changed.Version != 3 || !changed.Disabled || changed.AccountID != a.ID || !db.IsClientSecret(changed, "new") || db.IsClientSecret(changed, "sts_secret") {
		t.Errorf("changed = %+v", changed)
	}
	if same := got(db.UpdateClient(ctx, "console", func(*storage.Client) error { return nil }, By))(t); same.Version != 3 {
		t.Errorf("no change made version %d", same.Version)
	}
	must(t, second(db.CreateClient(ctx, webClient(db, "another"), By)))
	if all := got(db.Clients(ctx, "", "", 10))(t); len(all) != 2 || all[0].ID != "another" {
		t.Errorf("all clients: %+v", all)
	}
	if mine := got(db.Clients(ctx, a.ID, "", 10))(t); len(mine) != 1 || mine[0].ID != "console" {
		t.Errorf("the account's clients: %+v", mine)
	}
	must(t, db.DeleteClient(ctx, "console", nil, By))
	for name, err := range map[string]error{
		"read": second(db.Client(ctx, "console")), "deleted": db.DeleteClient(ctx, "console", nil, By),
		"changed":    second(db.UpdateClient(ctx, "console", func(*storage.Client) error { return nil }, By)),
		"no account": second(db.CreateClient(ctx, storage.Client{ID: "x", AccountID: "none", SecretHash: "x", Metadata: in.Metadata}, By)),
	} {
		if !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := db.CreateClient(ctx, webClient(db, "another"), By); !errors.Is(err, storage.ErrExists) {
		t.Errorf("an id that is taken: %v", err)
	}
	if got := events(t, db, storage.EventFilter{ClientID: "console", Kind: audit.ClientChanged}); len(got) != 4 {
		t.Errorf("events: %v", got)
	}
}

func badClients(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	must(t, second(db.CreateClient(ctx, webClient(db, "console"), By)))
	var refused storage.MetadataError
	for _, uri := range []string{"https://*.example.com/cb", "javascript:alert(1)", "http://app.example.com/cb", "https://app.example.com/cb?state=1"} {
		bad := webClient(db, "bad")
		bad.Metadata.RedirectURIs = []string{uri}
		if _, err := db.CreateClient(ctx, bad, By); !errors.As(err, &refused) {
			t.Errorf("%s registered: %v", uri, err)
		}
		_, err := db.UpdateClient(ctx, "console", func(c *storage.Client) error {
			c.Metadata.RedirectURIs = append(c.Metadata.RedirectURIs, uri)
			return nil
		}, By)
		if !errors.As(err, &refused) {
			t.Errorf("%s added: %v", uri, err)
		}
	}
	for name, c := range map[string]storage.Client{
		"id with a space":      {ID: "a b", SecretHash: "x"},
		"long id":              {ID: strings.Repeat("x", 101), SecretHash: "x"},
		"no secret":            {ID: "x"},
		"public with a secret": {ID: "x", SecretHash: "x", Metadata: storage.Metadata{TokenEndpointAuthMethod: storage.AuthNone}},
	} {
		c.Metadata.RedirectURIs = []string{"https://app.example.com/cb"}
		if _, err := db.CreateClient(ctx, c, By); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c := got(db.Client(ctx, "console"))(t); c.Version != 1 || len(c.Metadata.RedirectURIs) != 1 {
		t.Errorf("a refused change left %+v", c)
	}
}

func clientWriters(t *testing.T, e Engine) {
	dbs, _ := e.openTwice(t)
	must(t, second(dbs[0].CreateClient(t.Context(), webClient(dbs[0], "console"), By)))
	const n = 24
	errs := together(n, dbs, func(_ int, db *storage.DB) error {
		return second(db.UpdateClient(t.Context(), "console", func(c *storage.Client) error {
			c.Metadata.Scope = strings.TrimSpace(c.Metadata.Scope + " a")
			return nil
		}, By))
	})
	must(t, errors.Join(errs...))
	if c := got(dbs[1].Client(t.Context(), "console"))(t); c.Version != 1+n || len(strings.Fields(c.Metadata.Scope)) != n {
		t.Errorf("after %d changes: version %d, scope %q", n, c.Version, c.Metadata.Scope)
	}
}
