package factor

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var rfcKey = []byte("12345678901234567890")

// RFC 4226, appendix D.
func TestCodesOfRFC4226(t *testing.T) {
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := codeAt(KeyText(rfcKey), int64(step)); got != want {
			t.Errorf("counter %d: %s, want %s", step, got, want)
		}
	}
}

// RFC 6238, appendix B, SHA-1; the last six of its eight digits.
func TestCodesOfRFC6238(t *testing.T) {
	for _, test := range []struct {
		seconds int64
		want    string
	}{
		{59, "94287082"}, {1111111109, "07081804"}, {1111111111, "14050471"}, {1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"},
	} {
		now := time.Unix(test.seconds, 0)
		step, ok := Match(rfcKey, test.want[2:], now)
		if !ok || step != test.seconds/30 {
			t.Errorf("at %d: %v, step %d", test.seconds, ok, step)
		}
	}
}

func TestK03_OneStepBeforeAndAfter(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	key := NewKey()
	for _, now := range []time.Time{noon, noon.Add(15 * time.Second), noon.Add(29_999 * time.Millisecond)} {
		current := Step(now)
		for offset := int64(-3); offset <= 3; offset++ {
			code := codeAt(KeyText(key), current+offset)
			step, ok := Match(key, code, now)
			want := offset >= -1 && offset <= 1
			if ok != want && !coincidence(key, code, current) {
				t.Errorf("%v: step %+d accepted: %v", now, offset, ok)
			}
			if ok && step != current+offset && codeAt(KeyText(key), step) != code {
				t.Errorf("%v: the code of step %d is said to be of %d", now, current+offset, step)
			}
		}
	}
	// A phone whose clock is 29 s off, either way, gives a code of a step that counts.
	for _, off := range []time.Duration{-29 * time.Second, 29 * time.Second} {
		if _, ok := Match(key, codeAt(KeyText(key), Step(noon.Add(off))), noon); !ok {
			t.Errorf("a phone %v off gets nowhere", off)
		}
	}
}

// coincidence tells whether a code is by chance also one of the steps that count.
func coincidence(key []byte, code string, current int64) bool {
	for offset := int64(-1); offset <= 1; offset++ {
		if codeAt(KeyText(key), current+offset) == code {
			return true
		}
	}
	return false
}

// Where two neighbouring steps have the same code, the later one is meant: the
// earlier might be spent.
func TestLatestOfEqualSteps(t *testing.T) {
	const step = int64(910737) // the first such pair of this key
	if codeAt(KeyText(rfcKey), step) != codeAt(KeyText(rfcKey), step+1) {
		t.Fatal("the steps differ")
	}
	for offset := int64(0); offset <= 1; offset++ {
		now := time.Unix((step+offset)*30, 0)
		if got, ok := Match(rfcKey, codeAt(KeyText(rfcKey), step), now); !ok || got != step+1 {
			t.Errorf("step %d, want %d", got, step+1)
		}
	}
}

func TestNoCodeMatchesWithoutAKey(t *testing.T) {
	now := time.Unix(1111111109, 0)
	for _, key := range [][]byte{nil, {}, rfcKey[:19]} {
		if _, ok := Match(key, codeAt(KeyText(key), Step(now)), now); ok {
			t.Errorf("a key of %d bytes has codes", len(key))
		}
	}
	if _, ok := Match(rfcKey, codeAt(KeyText(rfcKey), 0), time.Unix(-3600, 0)); ok {
		t.Error("a clock before 1970 has codes")
	}
	for _, code := range []string{"", "81804", "0818040", "------", "08180\xff", "０８１８０４"} {
		if _, ok := Match(rfcKey, code, now); ok {
			t.Errorf("%q is accepted", code)
		}
	}
}

func TestStep(t *testing.T) {
	for seconds, want := range map[int64]int64{0: 0, 29: 0, 30: 1, 59: 1, -1: -1, -30: -1, -31: -2} {
		if got := Step(time.Unix(seconds, 0)); got != want {
			t.Errorf("second %d is in step %d, want %d", seconds, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	key := NewKey()
	if len(key) != 20 || bytes.Equal(key, NewKey()) {
		t.Errorf("key %x", key)
	}
	if got := KeyText(rfcKey); got != "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" {
		t.Errorf("as text %s", got)
	}
}

// run runs a program that is to agree with us.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: on Debian, apt-get install oathtool zbar-tools", name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, complaint.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

func TestAgreementWithOathtool(t *testing.T) {
	for i := range 5 {
		key := NewKey()
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(time.Duration(i) * 1234567 * time.Second)
		code := run(t, "oathtool", "--totp", "--base32", "--now", now.Format("2006-01-02 15:04:05 UTC"), KeyText(key))
		if step, ok := Match(key, code, now); !ok || step != Step(now) {
			t.Errorf("%s at %v: %v, step %d, want %d", code, now, ok, step, Step(now))
		}
		if got := fmt.Sprintf("%06s", codeAt(KeyText(key), Step(now))); got != code {
			t.Errorf("%s here, %s there", got, code)
		}
	}
}
