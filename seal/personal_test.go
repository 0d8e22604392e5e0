package seal_test

import (
	"strings"
	"testing"

	"stile/seal"
)

func TestS03_PersonalOpensWithItsKeyOnly(t *testing.T) {
	h, err := seal.NewHasher(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	root := make([]byte, seal.KeySize)
	root[0] = 1
	other, err := seal.NewHasher(root)
	if err != nil {
		t.Fatal(err)
	}
	key, another := seal.NewPersonalKey(), seal.NewPersonalKey()
	const text = "192.0.2.7\nFirefox"
	sealed := h.SealPersonal(key, "event 1", text)
	if key == another || len(key) != 22 || strings.Contains(sealed, "192") || !seal.IsPersonal(sealed) || seal.IsPersonal(text) {
		t.Errorf("key %q, sealed %q", key, sealed)
	}
	if sealed == h.SealPersonal(key, "event 1", text) {
		t.Error("the same text is the same sealed")
	}
	if got, ok := h.OpenPersonal(key, "event 1", sealed); !ok || got != text {
		t.Errorf("opened: %q, %v", got, ok)
	}
	for what, try := range map[string]func() (string, bool){
		"no key":         func() (string, bool) { return h.OpenPersonal("", "event 1", sealed) },
		"another key":    func() (string, bool) { return h.OpenPersonal(another, "event 1", sealed) },
		"another record": func() (string, bool) { return h.OpenPersonal(key, "event 2", sealed) },
		"another root":   func() (string, bool) { return other.OpenPersonal(key, "event 1", sealed) },
		"plain":          func() (string, bool) { return h.OpenPersonal(key, "event 1", text) },
		"cut":            func() (string, bool) { return h.OpenPersonal(key, "event 1", sealed[:12]) },
		"changed":        func() (string, bool) { return h.OpenPersonal(key, "event 1", sealed[:len(sealed)-1]+"!") },
		"made with none": func() (string, bool) { return h.OpenPersonal("", "event 1", h.SealPersonal("", "event 1", text)) },
	} {
		if got, ok := try(); ok {
			t.Errorf("%s: opens to %q", what, got)
		}
	}
}
