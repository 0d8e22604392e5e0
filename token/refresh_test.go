package token

import (
	"strings"
	"testing"

	"stile/seal"
)

const grantID = "0193a8f0-1111-7222-8333-444455556666"

func TestRefreshTokenComesBackAsItWentOut(t *testing.T) {
	i, _ := one(t)
	for _, generation := range []int64{0, 1, 1 << 31, 1<<32 - 1} {
		text := i.Refresh(grantID, generation).Reveal()
		id, g, ok := i.ParseRefresh(text)
		if !ok || id != grantID || g != generation {
			t.Errorf("generation %d: %s, %d, %v", generation, id, g, ok)
		}
		if text != i.Refresh(grantID, generation).Reveal() {
			t.Error("the same generation has two texts")
		}
	}
	if i.Refresh(grantID, 1<<32) != "" || i.Refresh(grantID, -1) != "" || i.Refresh("x", 1) != "" {
		t.Error("a token was made for a grant or generation that can't be")
	}
}

func TestC04_OnlyOurOwnRefreshTokensAreRead(t *testing.T) {
	i, _ := one(t)
	other, _ := one(t)
	good := i.Refresh(grantID, 7).Reveal()
	for n := range good {
		changed := []byte(good)
		changed[n] = map[bool]byte{true: 'B', false: 'A'}[changed[n] == 'A']
		if _, _, ok := i.ParseRefresh(string(changed)); ok {
			t.Errorf("byte %d was changed and nobody noticed", n)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "prefix only": "str_", "cut": good[:len(good)-1], "longer": good + "A", "padded": good + "=",
		"another prefix": "stc_" + strings.TrimPrefix(good, "str_"),
		"a code":         seal.NewToken(seal.KindCode).Reveal(),
		"line break":     good + "\n",
		"another root's": other.Refresh(grantID, 7).Reveal(),
	} {
		if _, _, ok := i.ParseRefresh(text); ok {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestS01_SIDDiffersFromClientToClientAndStays(t *testing.T) {
	i, _ := one(t)
	if i.SID("s", "a") == i.SID("s", "b") || i.SID("s", "a") == i.SID("t", "a") {
		t.Error("two clients, or two sessions, have the same sid")
	}
	if again := i.SID("s", "a"); i.SID("s", "a") != again {
		t.Error("the sid does not stay")
	}
}
