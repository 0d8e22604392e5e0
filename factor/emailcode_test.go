package factor

import (
	"strings"
	"testing"
)

func TestEmailCodes(t *testing.T) {
	var count [6][10]int
	const codes = 20_000
	for range codes {
		code := NewEmailCode()
		if got, err := Normalise(code); got != code || err != nil {
			t.Fatalf("%q: %v", code, err)
		}
		for place, r := range code {
			count[place][r-'0']++
		}
	}
	// 2000 each; six standard deviations are 255.
	for place := range count {
		for value, n := range count[place] {
			if n < codes/10-255 || n > codes/10+255 {
				t.Errorf("digit %d at place %d came %d times of %d", value, place, n, codes)
			}
		}
	}
}

func TestLabels(t *testing.T) {
	seen := map[string]bool{}
	for range 20_000 {
		label := Label()
		if len(label) != 2 || strings.Trim(label, labelLetters) != "" || label[0] == label[1] {
			t.Fatalf("label %q", label)
		}
		seen[label] = true
	}
	if want := len(labelLetters) * (len(labelLetters) - 1); len(seen) != want {
		t.Errorf("%d labels, want %d", len(seen), want)
	}
}
