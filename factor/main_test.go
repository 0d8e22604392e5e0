package factor

import (
	"bytes"
	"testing"

	"go.uber.org/goleak"

	"stile/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testHasher(t testing.TB, root byte) *seal.Hasher {
	t.Helper()
	h, err := seal.NewHasher(append(bytes.Repeat([]byte{root}, seal.KeySize-1), 1))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// cheap returns a checker that costs next to nothing.
func cheap(t testing.TB) *Passwords {
	t.Helper()
	p, err := NewPasswords(testHasher(t, 7), PasswordOptions{BelowFloor: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
