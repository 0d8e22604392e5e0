package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"stile/seal"
)

func key(id string, first byte) seal.Key {
	k := seal.Key{ID: id}
	for i := range k.Secret {
		k.Secret[i] = first + byte(i)
	}
	return k
}

func ring(t testing.TB, keys ...seal.Key) *seal.Ring {
	t.Helper()
	r, err := seal.NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestO03_SealedValueOpensOnlyWhereItBelongs(t *testing.T) {
	r := ring(t, key("a", 1))
	sealed := r.Seal(seal.PurposeTOTPKey, "authenticators/1", []byte("secret"))
	plain, err := r.Open(seal.PurposeTOTPKey, "authenticators/1", sealed)
	if err != nil || string(plain) != "secret" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	if strings.Contains(sealed, "secret") {
		t.Error("sealed value shows the plain one")
	}
	for name, open := range map[string]func() ([]byte, error){
		"other purpose": func() ([]byte, error) { return r.Open(seal.PurposeSigningKey, "authenticators/1", sealed) },
		"other record":  func() ([]byte, error) { return r.Open(seal.PurposeTOTPKey, "authenticators/2", sealed) },
		"other key of the same name": func() ([]byte, error) {
			return ring(t, key("a", 2)).Open(seal.PurposeTOTPKey, "authenticators/1", sealed)
		},
		"other version": func() ([]byte, error) { return r.Open(seal.PurposeTOTPKey, "authenticators/1", "2"+sealed[1:]) },
		"nothing":       func() ([]byte, error) { return r.Open(seal.PurposeTOTPKey, "authenticators/1", "") },
	} {
		if plain, err := open(); !errors.Is(err, seal.ErrOpen) || plain != nil {
			t.Errorf("%s: Open = %q, %v, want ErrOpen", name, plain, err)
		}
	}
	for i := len("1.a."); i < len(sealed); i++ {
		changed := []byte(sealed)
		changed[i] = 'A' + (changed[i]-'A'+1)%26
		if string(changed) == sealed {
			continue
		}
		if _, err := r.Open(seal.PurposeTOTPKey, "authenticators/1", string(changed)); err == nil {
			t.Fatalf("opens with character %d changed", i)
		}
	}
}

func TestO03_UnknownMasterKeyIsNamed(t *testing.T) {
	sealed := ring(t, key("old", 1)).Seal(seal.PurposeRoot, "x", []byte("p"))
	_, err := ring(t, key("new", 9)).Open(seal.PurposeRoot, "x", sealed)
	var unknown seal.UnknownKeyError
	if !errors.As(err, &unknown) || unknown.ID != "old" {
		t.Fatalf("err = %v, want one that names the key old", err)
	}
}

func TestFirstKeySealsAllOpen(t *testing.T) {
	before := ring(t, key("old", 1)).Seal(seal.PurposeRoot, "x", []byte("p"))
	both := ring(t, key("new", 9), key("old", 1))
	if plain, err := both.Open(seal.PurposeRoot, "x", before); err != nil || string(plain) != "p" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	if after := both.Seal(seal.PurposeRoot, "x", []byte("p")); !strings.HasPrefix(after, "1.new.") {
		t.Errorf("sealed by %q, want the first key", after)
	}
}

func TestO04_BadMasterKeysAreRefused(t *testing.T) {
	for name, keys := range map[string][]seal.Key{
		"none": nil, "all zero": {{ID: "a"}}, "no name": {key("", 1)},
		"name with a dot": {key("a.b", 1)}, "twice": {key("a", 1), key("a", 2)},
	} {
		if _, err := seal.NewRing(keys...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The file holds values sealed by the first release, one of each purpose: a
// later one must go on opening them, or a rolling upgrade breaks sign-ins.
func TestValuesOfEarlierReleasesOpen(t *testing.T) {
	text, err := os.ReadFile("testdata/sealed-1.json")
	if err != nil {
		t.Fatal(err)
	}
	var sealed map[string]string
	if err := json.Unmarshal(text, &sealed); err != nil {
		t.Fatal(err)
	}
	r := ring(t, key("fixture", 1))
	for p := seal.PurposeRoot; p <= seal.PurposeOutbox; p++ {
		plain, err := r.Open(p, "fixture", sealed[fmt.Sprint(int(p))])
		if err != nil || string(plain) != fmt.Sprintf("purpose %d", p) {
			t.Errorf("purpose %d: %q, %v", p, plain, err)
		}
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	s := seal.NewToken(seal.KindCode)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "in", struct{ S seal.Secret }{s})
	asJSON, _ := json.Marshal(map[string]any{"s": s})
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %q", s, s, s, s), log.String(), string(asJSON)} {
		if strings.Contains(text, s.Reveal()) {
			t.Errorf("shown in %s", text)
		}
	}
}

func TestC04_TokensTellTheirKind(t *testing.T) {
	kinds := []seal.Kind{seal.KindCode, seal.KindAccess, seal.KindRefresh, seal.KindBrowser, seal.KindBinding, seal.KindClientSecret}
	for _, k := range kinds {
		token := seal.NewToken(k).Reveal()
		for _, other := range kinds {
			if other.Is(token) != (other == k) {
				t.Errorf("%s.Is(%s) = %v", other, token, other.Is(token))
			}
		}
	}
	if one, other := seal.NewToken(seal.KindCode), seal.NewToken(seal.KindCode); one == other {
		t.Error("two tokens are equal")
	}
}

func TestKeyedHashesKeepTheirParts(t *testing.T) {
	h, err := seal.NewHasher(bytes.Repeat([]byte{1, 2}, 16))
	if err != nil {
		t.Fatal(err)
	}
	stored := h.Text(seal.HashEmailCode, "ab", "c")
	if !h.Equal(seal.HashEmailCode, stored, "ab", "c") {
		t.Error("does not equal itself")
	}
	if h.Equal(seal.HashEmailCode, stored, "a", "bc") || h.Equal(seal.HashPepper, stored, "ab", "c") {
		t.Error("borders and purposes must count")
	}
	if _, err := seal.NewHasher([]byte("short")); err == nil {
		t.Error("a short root was accepted")
	}
}

func FuzzSealOpen(f *testing.F) {
	r := ring(f, key("a", 1))
	f.Add("1.a.AAAA")
	f.Add(r.Seal(seal.PurposeRequest, "other", []byte("x")))
	f.Fuzz(func(t *testing.T, s string) {
		if plain, err := r.Open(seal.PurposeRequest, "bind", s); err == nil {
			t.Fatalf("%q opened to %q", s, plain)
		}
	})
}
