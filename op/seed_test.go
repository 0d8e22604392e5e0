package op

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"stile/audit"
	"stile/seal"
	"stile/storage"
	"stile/templates"
	"stile/token"
)

// seeded is a database with everything that tests begin with, and the secrets of
// its clients: made once, since keys take their time, and copied.
var seeded = sync.OnceValues(func() ([]byte, map[string]seal.Secret) {
	dir, err := os.MkdirTemp("", "stile-op-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "stile.db")
	secrets := map[string]seal.Secret{}
	seed("sqlite:"+path, secrets)
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return text, secrets
})

// pages are the error pages of the chain in front of the router.
var pages = sync.OnceValues(func() (*templates.Set, error) { return templates.Load("") })

func openAt(url string, now func() time.Time, logger *slog.Logger) (*storage.DB, *seal.Ring) {
	ring, err := seal.NewRing(seal.Key{ID: "test", Secret: [seal.KeySize]byte{1, 2, 3}})
	if err != nil {
		panic(err)
	}
	db, err := storage.Open(context.Background(), url, storage.Options{Ring: ring, Now: now, Logger: logger})
	if err != nil {
		panic(err)
	}
	return db, ring
}

func seed(url string, secrets map[string]seal.Secret) {
	ctx, now := context.Background(), func() time.Time { return noon }
	db, _ := openAt(url, now, nil)
	must := func(_ any, err error) {
		if err != nil {
			panic(err)
		}
	}
	must(nil, db.Migrate(ctx))
	account, err := db.CreateAccount(ctx, storage.Account{Name: "Example", Language: "en", TimeZone: "Europe/Berlin"}, audit.System)
	must(nil, err)
	must(db.CreateUser(ctx, storage.User{ID: "ada", AccountID: account.ID, Email: "ada@example.com", Name: "Ada", Password: "$argon2id$none"}, audit.System))
	code := []string{"authorization_code", "refresh_token"}
	for id, m := range map[string]storage.Metadata{
		"console": {
			RedirectURIs: []string{"https://rp.test/cb"}, GrantTypes: code,
			Scope: "openid profile email account roles entitlements offline_access",
		},
		"other":  {RedirectURIs: []string{"https://other.test/cb"}, GrantTypes: code},
		"poster": {RedirectURIs: []string{"https://post.test/cb"}, TokenEndpointAuthMethod: "client_secret_post", GrantTypes: code, RequirePKCE: new(false)},
		"desktop": {
			RedirectURIs: []string{"http://127.0.0.1/callback"}, TokenEndpointAuthMethod: "none", ApplicationType: "native",
			GrantTypes: code, Scope: "openid offline_access",
		},
		"service": {GrantTypes: []string{"client_credentials"}, Scope: "reports:read reports:write"},
		"api":     {GrantTypes: []string{"client_credentials"}, IntrospectAll: true},
	} {
		c := storage.Client{ID: id, Metadata: m}
		if m.TokenEndpointAuthMethod != storage.AuthNone {
			secrets[id] = seal.NewToken(seal.KindClientSecret)
			c.SecretHash = db.HashClientSecret(id, secrets[id])
		}
		must(db.CreateClient(ctx, c, audit.System))
	}
	must(nil, token.New(db, backIssuer, now).Rotate(ctx))
	must(nil, db.Close())
}
