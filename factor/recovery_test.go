package factor

import (
	"errors"
	"regexp"
	"slices"
	"testing"
)

func TestRecoverySet(t *testing.T) {
	p, err := NewPasswords(testHasher(t, 7), PasswordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p.recovery != (recoveryWork{7168, 5}) {
		t.Errorf("work %+v", p.recovery)
	}
	codes, set, err := p.NewRecoveryCodes(t.Context())
	if err != nil || len(codes) != 10 || len(set.Hashes) != 10 {
		t.Fatalf("%d codes, %d hashes, %v", len(codes), len(set.Hashes), err)
	}
	form := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}$`)
	for i, code := range codes {
		if !form.MatchString(code) || slices.Contains(codes[:i], code) || slices.Contains(set.Hashes[:i], set.Hashes[i]) {
			t.Errorf("code %d is %s, hash %s", i, code, set.Hashes[i])
		}
		if i > 1 {
			continue
		}
		normal, err := NormaliseRecovery(code)
		if err != nil {
			t.Fatal(err)
		}
		if hash, err := p.HashRecovery(t.Context(), set.Salt, normal); hash != set.Hashes[i] || err != nil {
			t.Errorf("hashed again: %s, %v", hash, err)
		}
	}
	_, other, _ := p.NewRecoveryCodes(t.Context())
	if other.Salt == set.Salt {
		t.Error("two sets share a salt")
	}
}

func TestM01_CodesOfAnotherSetAreStrange(t *testing.T) {
	p := cheap(t)
	codes, set, _ := p.NewRecoveryCodes(t.Context())
	_, other, _ := p.NewRecoveryCodes(t.Context())
	code, _ := NormaliseRecovery(codes[0])
	if hash, _ := p.HashRecovery(t.Context(), other.Salt, code); slices.Contains(other.Hashes, hash) || slices.Contains(set.Hashes, hash) {
		t.Error("the code of one set is in another")
	}
}

func TestI01_SameWorkWithoutRecoveryCodes(t *testing.T) {
	p := cheap(t)
	_, set, _ := p.NewRecoveryCodes(t.Context())
	for _, test := range []struct {
		name, salt string
		hash       bool
		err        error
	}{
		{"a set", set.Salt, true, nil},
		{"no set", "", false, nil},
		{"damaged salt", "???", false, ErrDamaged},
		{"short salt", "AAAA", false, ErrDamaged},
	} {
		t.Run(test.name, func(t *testing.T) {
			var hash string
			var err error
			if n := countHashes(p, func() { hash, err = p.HashRecovery(t.Context(), test.salt, "0123456789abcdef") }); n != 1 {
				t.Errorf("%d hashes", n)
			}
			if (hash != "") != test.hash || !errors.Is(err, test.err) {
				t.Errorf("%q, %v", hash, err)
			}
		})
	}
}

func TestRecoveryInputs(t *testing.T) {
	const want = "0123011156789abc"
	for _, test := range []struct {
		input string
		err   error
	}{
		{"0123-0111-5678-9abc", nil},
		{"0123011156789abc", nil},
		{"0123 0111 5678 9ABC", nil},
		{"  0123\u20130111\u20135678\u20139abc\r\n", nil},
		{"o123-oil1-5678-9abc", nil},
		{"O123-OIL1-5678-9ABC", nil},
		{"０１２３－０１１１－５６７８－９ａｂｃ", nil},
		{"\u200E0123-0111-5678-9abc\u200E", nil},
		{"0123.0111.5678.9abc", nil},
		{"", ErrNoCode},
		{" - - - ", ErrNoCode},
		{"0123-0111-5678-9ab", ErrCodeForm},
		{"0123-0111-5678-9abcd", ErrCodeForm},
		{"0123-0111-5678-9abu", ErrCodeForm},
		{"0123-0111-5678-9abß", ErrCodeForm},
		{"0123_0111_5678_9abc", ErrCodeForm},
		{"0123-0111-5678-9ab\xff", ErrCodeForm},
		{"123456", ErrCodeForm},
	} {
		got, err := NormaliseRecovery(test.input)
		if !errors.Is(err, test.err) || err == nil && got != want {
			t.Errorf("%q is read as %q, %v", test.input, got, err)
		}
	}
}
