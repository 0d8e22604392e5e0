package signin

import (
	"encoding/json"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stile/authn"
	"stile/limit"
	"stile/seal"
	"stile/storage"
)

// newService has a real database, and a clock that tests move.
func newService(t testing.TB) (*Service, *time.Time) {
	t.Helper()
	at := time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC)
	now := func() time.Time { return at }
	ring, err := seal.NewRing(seal.Key{ID: "test", Secret: [seal.KeySize]byte{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	db, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "stile.db"), storage.Options{Ring: ring, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return New(Options{DB: db, Hasher: db.Hasher(), Ring: ring, Limits: limit.Defaults(), Now: now, Name: "Stile"}), &at
}

func sealedOf(t testing.TB, path string) string {
	t.Helper()
	u, err := url.Parse(path)
	if err != nil || u.Path != "/login/sign-in" {
		t.Fatalf("path %q", path)
	}
	return u.Query().Get("r")
}

func TestA04_RequestsStayAsTheyWereMade(t *testing.T) {
	s, at := newService(t)
	for name, payload := range map[string]string{"short": `{"scope":"openid"}`, "long": `{"claims":"` + strings.Repeat("x", 4000) + `"}`} {
		t.Run(name, func(t *testing.T) {
			before := s.db.Statements()
			asked := Request{
				ClientID: "console", Return: "/authorize", Payload: json.RawMessage(payload), FormAction: []string{"https:"},
				Ask: authn.Ask{Levels: []authn.Level{authn.LevelMFA}, Essential: true, Since: *at},
			}
			path, err := s.Begin(t.Context(), asked)
			if err != nil {
				t.Fatal(err)
			}
			if n := s.db.Statements() - before; n != 0 && name == "short" {
				t.Errorf("%d statements for a request that fits into a URL", n)
			}
			sealed := sealedOf(t, path)
			if len(sealed) > maxSealed {
				t.Errorf("%d bytes travel", len(sealed))
			}
			got, err := s.OpenRequest(t.Context(), sealed)
			if err != nil || string(got.Payload) != payload || !got.Ask.Essential || got.ID == "" || !got.Started.Equal(*at) || got.Return != "/authorize" {
				t.Errorf("opened as %+v, %v", got, err)
			}
			for i := range sealed {
				changed := []byte(sealed)
				changed[i] ^= 1
				if _, err := s.OpenRequest(t.Context(), string(changed)); !errors.Is(err, ErrOver) {
					t.Fatalf("byte %d changed: %v", i, err)
				}
			}
			*at = at.Add(RequestLife - time.Second)
			if _, err := s.OpenRequest(t.Context(), sealed); err != nil {
				t.Errorf("before its time is over: %v", err)
			}
			*at = at.Add(time.Second)
			if _, err := s.OpenRequest(t.Context(), sealed); !errors.Is(err, ErrOver) {
				t.Errorf("after its time: %v", err)
			}
		})
	}
}

func TestRequestsOfOtherPurposesDoNotOpen(t *testing.T) {
	s, _ := newService(t)
	for name, text := range map[string]string{
		"empty":           "",
		"of a sign-in":    s.ring.Seal(seal.PurposeSignIn, bindRequest, []byte(`{}`)),
		"bound elsewhere": s.ring.Seal(seal.PurposeRequest, "other", []byte(`{}`)),
		"no JSON":         s.ring.Seal(seal.PurposeRequest, bindRequest, []byte(`{`)),
		"far future":      s.ring.Seal(seal.PurposeRequest, bindRequest, []byte(`{"started":"2999-01-01T00:00:00Z"}`)),
		"unknown handle":  seal.NewToken(kindHandle).Reveal(),
		"other token":     seal.NewToken(seal.KindCode).Reveal(),
		"huge":            strings.Repeat("a", 1<<20),
	} {
		if _, err := s.OpenRequest(t.Context(), text); !errors.Is(err, ErrOver) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever stands in r, it is over or one of ours, and never a fault.
func FuzzPendingRequest(f *testing.F) {
	s, _ := newService(f)
	path, err := s.Begin(f.Context(), Request{Return: "/authorize"})
	if err != nil {
		f.Fatal(err)
	}
	own := sealedOf(f, path)
	f.Add(own)
	f.Add("1.test.")
	f.Add("sth_" + strings.Repeat("A", 43))
	f.Add("1.other." + own[7:])
	f.Fuzz(func(t *testing.T, text string) {
		req, err := s.OpenRequest(t.Context(), text)
		if err == nil && (req.Return != "/authorize" || req.ID == "") { // only what a seed holds was ever sealed
			t.Fatalf("%q opened as %+v", text, req)
		}
		if err != nil && !errors.Is(err, ErrOver) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
