package factor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"
)

func rejection(err error) string {
	var r *Rejection
	if errors.As(err, &r) {
		return r.Key
	}
	return fmt.Sprint(err)
}

func TestPasswordRecord(t *testing.T) {
	p, err := NewPasswords(testHasher(t, 7), PasswordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := p.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "pepper-1$argon2id$v=19$m=19456,t=2,p=1$") || !record.MatchString(stored) {
		t.Errorf("stored as %s", stored)
	}
	again, _ := p.Hash(t.Context(), "correct horse battery")
	if again == stored {
		t.Error("the same password has the same record twice: no salt")
	}
	if ok, rehash, err := p.Check(t.Context(), stored, "correct horse battery"); !ok || rehash != "" || err != nil {
		t.Errorf("right: %v, %q, %v", ok, rehash, err)
	}
	if ok, _, err := p.Check(t.Context(), stored, "correct horse batterz"); ok || err != nil {
		t.Errorf("wrong: %v, %v", ok, err)
	}
	other, _ := NewPasswords(testHasher(t, 8), PasswordOptions{})
	if ok, _, err := other.Check(t.Context(), stored, "correct horse battery"); ok || err != nil {
		t.Errorf("under another pepper: %v, %v", ok, err)
	}
	plain, _ := argon2id.CreateHash("correct horse battery", &p.params)
	if ok, _, _ := p.Check(t.Context(), pepper+plain, "correct horse battery"); ok {
		t.Error("a record without the pepper is accepted")
	}
}

func TestPasswordFloor(t *testing.T) {
	for _, test := range []struct {
		o  PasswordOptions
		ok bool
	}{
		{PasswordOptions{Memory: FloorMemory, Time: FloorTime}, true},
		{PasswordOptions{Memory: FloorMemory - 1}, false},
		{PasswordOptions{Time: 1}, false},
		{PasswordOptions{Memory: maxMemory + 1}, false},
		{PasswordOptions{Time: maxTime + 1}, false},
		{PasswordOptions{BelowFloor: true}, true},
		{PasswordOptions{BelowFloor: true, Memory: 4}, false},
	} {
		if _, err := NewPasswords(testHasher(t, 7), test.o); (err == nil) != test.ok {
			t.Errorf("%+v: %v", test.o, err)
		}
	}
}

func TestI05_PasswordsAreComparedWhole(t *testing.T) {
	p := cheap(t)
	long := strings.Repeat("x", 72)
	for _, test := range []struct {
		name, set, typed string
		ok               bool
	}{
		{"differs after 72 bytes", long + strings.Repeat("y", 72), long + strings.Repeat("y", 71) + "z", false},
		{"equal over 72 bytes", long + strings.Repeat("y", 72), long + strings.Repeat("y", 72), true},
		{"256 characters", strings.Repeat("x", 256), strings.Repeat("x", 256), true},
		{"256 characters of four bytes", strings.Repeat("𝄞", 256), strings.Repeat("𝄞", 256), true},
		{"A and ring, or one letter", "A\u030Angstrom secret", "\u00C5ngstrom secret", true},
		{"full-width digits", "code １２３４５ word", "code 12345 word", true},
		{"leading space counts", " secret words here", "secret words here", false},
		{"trailing space counts", "secret words here ", "secret words here", false},
		{"case counts", "Secret words here", "secret words here", false},
		{"cut at NUL", "secret words here", "secret words here\x00and more", false},
		{"invalid UTF-8", "secret words here", "secret words here\xff", false},
		{"nothing typed", "secret words here", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			stored, err := p.Hash(t.Context(), test.set)
			if err != nil {
				t.Fatal(err)
			}
			if ok, _, err := p.Check(t.Context(), stored, test.typed); ok != test.ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
}

func TestI05_LongPasswordsAreRefusedAndNeverCut(t *testing.T) {
	p := cheap(t)
	stored, _ := p.Hash(t.Context(), strings.Repeat("x", 256))
	for _, test := range []struct{ name, password, key string }{
		{"257 characters", strings.Repeat("x", 257), PasswordTooLong},
		{"1025 bytes", strings.Repeat("𝄞", 256) + "x", PasswordTooLong},
		{"1 MB", strings.Repeat("x", 1<<20), PasswordTooLong},
		{"256 broken bytes more", strings.Repeat("\xff", 257), PasswordTooLong},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, record := range []string{stored, "", "damaged"} { // the same for everybody
				if ok, _, err := p.Check(t.Context(), record, test.password); ok || rejection(err) != test.key {
					t.Errorf("Check: %v, %v", ok, err)
				}
			}
			if _, err := p.Hash(t.Context(), test.password); rejection(err) != test.key {
				t.Errorf("Hash: %v", err)
			}
			if err := p.Judge(test.password, 8); rejection(err) != test.key {
				t.Errorf("Judge: %v", err)
			}
		})
	}
	for _, text := range []string{"bell \a rings loudly", "NUL \x00 inside it", "broken \xff text here", "line\nbreak in it"} {
		if _, err := p.Hash(t.Context(), text); rejection(err) != PasswordNoText {
			t.Errorf("%q is hashed: %v", text, err)
		}
	}
}

func TestI08_WeakerRecordsAreRenewed(t *testing.T) {
	old := cheap(t)
	stored, err := old.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		o     PasswordOptions
		renew bool
	}{
		{"more memory", PasswordOptions{BelowFloor: true, Memory: 64}, true},
		{"more passes", PasswordOptions{BelowFloor: true, Time: 2}, true},
		{"the same", PasswordOptions{BelowFloor: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := NewPasswords(testHasher(t, 7), test.o)
			if _, rehash, _ := p.Check(t.Context(), stored, "wrong"); rehash != "" {
				t.Error("a wrong password renews the record")
			}
			ok, rehash, err := p.Check(t.Context(), stored, "correct horse battery")
			if !ok || err != nil || (rehash != "") != test.renew {
				t.Fatalf("%v, %q, %v", ok, rehash, err)
			}
			if !test.renew {
				return
			}
			if ok, again, err := p.Check(t.Context(), rehash, "correct horse battery"); !ok || again != "" || err != nil {
				t.Errorf("renewed: %v, %q, %v", ok, again, err)
			}
			if ok, weaker, _ := old.Check(t.Context(), rehash, "correct horse battery"); !ok || weaker != "" {
				t.Errorf("a weaker setting reads a stronger record: %v, and replaces it by %q", ok, weaker)
			}
		})
	}
}

func TestI08_DamagedRecordsFailClosed(t *testing.T) {
	p := cheap(t)
	const password = "correct horse battery"
	good, _ := p.Hash(t.Context(), password)
	phc := strings.TrimPrefix(good, pepper)
	for _, stored := range []string{
		"x", phc, good + "x", good[:len(good)-1], " " + good, strings.ToUpper(good), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "argon2id", "bcrypt", 1), strings.Replace(good, "t=1", "t=0", 1),
		strings.Replace(good, "p=1", "p=0", 1), strings.Replace(good, "m=8", "m=0", 1), strings.Replace(good, "m=8", "m=4294967295", 1),
		strings.Replace(good, "m=8", "m=99999999", 1), strings.Replace(good, "t=1", "t=999", 1), strings.Replace(good, "m=8", "m=08", 1),
		strings.Replace(good, pepper, "pepper-2", 1), "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", password, "{}", "\x00",
	} {
		ok, rehash, err := p.Check(t.Context(), stored, password)
		if ok || rehash != "" || !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v, %q, %v", stored, ok, rehash, err)
		}
		if strings.Contains(fmt.Sprint(err), stored) && len(stored) > 2 {
			t.Errorf("the error shows the record %q", stored)
		}
	}
}

// Nobody learns from the work done whether a user is there: no record, a
// damaged one and a wrong password take one hash each, with the same setting.
func TestI01_SameWorkForEverybody(t *testing.T) {
	p, err := NewPasswords(testHasher(t, 7), PasswordOptions{BelowFloor: true})
	if err != nil {
		t.Fatal(err)
	}
	good, _ := p.Hash(t.Context(), "correct horse battery")
	for name, stored := range map[string]string{"user": good, "nobody": "", "damaged": "x"} {
		hashes := countHashes(p, func() { _, _, _ = p.Check(t.Context(), stored, "wrong") })
		if hashes != 1 {
			t.Errorf("%s: %d hashes", name, hashes)
		}
	}
	if p.dummy == "" || !record.MatchString(p.dummy) {
		t.Errorf("the stand-in is no record: %s", p.dummy)
	}
	_, params, _ := p.read(p.dummy)
	if params.Memory != p.params.Memory || params.Iterations != p.params.Iterations || params.Parallelism != p.params.Parallelism {
		t.Errorf("the stand-in costs %+v, records cost %+v", params, p.params)
	}
	if ok, _, err := p.Check(t.Context(), "", ""); ok || err != nil {
		t.Errorf("nobody with nothing: %v, %v", ok, err)
	}
}

// countHashes counts what passes through the pool: it asks the clock twice a time.
func countHashes(p *Passwords, work func()) int {
	asked := 0
	p.pool.now = func() time.Time { asked++; return time.Time{} }
	defer func() { p.pool.now = nil }()
	work()
	return asked / 2
}

func TestI04_BusyPoolRefusesBeforeHashing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := NewPasswords(testHasher(t, 7), PasswordOptions{BelowFloor: true, Workers: 1, Queue: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		stored, _ := p.Hash(t.Context(), "correct horse battery")
		p.pool.cost = time.Second
		release := make(chan struct{})
		go func() { _ = p.pool.do(context.Background(), 1, func() { <-release }) }()
		synctest.Wait()
		for _, record := range []string{stored, "", "x"} {
			if ok, _, err := p.Check(t.Context(), record, "correct horse battery"); ok || !errors.Is(err, ErrBusy) {
				t.Errorf("Check: %v, %v", ok, err)
			}
		}
		if _, err := p.Hash(t.Context(), "correct horse battery"); !errors.Is(err, ErrBusy) {
			t.Errorf("Hash: %v", err)
		}
		if codes, _, err := p.NewRecoveryCodes(t.Context()); codes != nil || !errors.Is(err, ErrBusy) {
			t.Errorf("NewRecoveryCodes: %v, %v", codes, err)
		}
		if _, err := p.HashRecovery(t.Context(), "", "0123456789abcdef"); !errors.Is(err, ErrBusy) {
			t.Errorf("HashRecovery: %v", err)
		}
		close(release)
	})
}

func TestCostIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		tick := func() time.Time { now = now.Add(30 * time.Millisecond); return now }
		p, err := NewPasswords(testHasher(t, 7), PasswordOptions{BelowFloor: true, Now: tick})
		if err != nil || p.Cost() != 30*time.Millisecond {
			t.Errorf("%v, %v", p.Cost(), err)
		}
	})
	if p, _ := NewPasswords(testHasher(t, 7), PasswordOptions{}); p.Cost() < 10*time.Millisecond || p.Cost() > time.Second {
		t.Errorf("without a clock a hash is taken to cost %v", p.Cost())
	}
}

func FuzzPHC(f *testing.F) {
	p := cheap(f)
	good, _ := p.Hash(f.Context(), "correct horse battery")
	for _, seed := range []string{"", "x", good, good + "$", strings.Replace(good, "m=8", "m=4294967295", 1), pepper + "$argon2id$v=19$m=,t=,p=$$", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		phc, params, err := p.read(stored)
		if err == nil {
			if pepper+phc != stored || params.Memory > maxMemory || params.Iterations > maxTime || params.Parallelism < 1 || params.Iterations < 1 {
				t.Fatalf("%q is read as %+v", stored, params)
			}
			if params.Memory > 1024 || params.Iterations > 4 {
				return // allowed, and slow
			}
		}
		ok, _, err := p.Check(t.Context(), stored, "correct horse battery")
		if ok && stored != good {
			if same, _ := argon2id.ComparePasswordAndHash(p.pepper("correct horse battery"), phc); !same {
				t.Fatalf("%q is right", stored)
			}
		}
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	})
}

func FuzzPassword(f *testing.F) {
	p := cheap(f)
	for _, seed := range []string{"", "correct horse battery", "\xff", "A\u030A", strings.Repeat("ab", 128), "ﷺ ﷺ ﷺ", "password", "\u202Eevil"} {
		f.Add(seed, "Example Support")
	}
	f.Fuzz(func(t *testing.T, password, word string) {
		judged := p.Judge(password, 8, word)
		stored, err := p.Hash(t.Context(), password)
		if err != nil {
			if judged == nil {
				t.Fatalf("%q is judged good, and refused: %v", password, err)
			}
			if rejection(err) != PasswordTooLong && rejection(err) != PasswordNoText {
				t.Fatal(err)
			}
			return
		}
		if ok, _, err := p.Check(t.Context(), stored, password); !ok || err != nil {
			t.Fatalf("%q is not itself: %v", password, err)
		}
		if ok, _, err := p.Check(t.Context(), stored, password+"x"); ok && err == nil {
			t.Fatalf("%q and one more letter are the same", password)
		}
	})
}
