package address

import (
	"strings"
	"testing"
	"unicode"
)

func TestI06_OneCanonicalForm(t *testing.T) {
	for in, want := range map[string]string{
		"agent@example.com":               "agent@example.com",
		"Agent@EXAMPLE.Com":               "agent@example.com",
		"  agent@example.com\n":           "agent@example.com",
		"agent+tag@example.com":           "agent+tag@example.com",
		"o'brien.x@example.com":           "o'brien.x@example.com",
		"a@bücher.example":                "a@xn--bcher-kva.example",
		"a@BÜCHER.example":                "a@xn--bcher-kva.example",
		"a@bu\u0308cher.example":          "a@xn--bcher-kva.example",
		"a@xn--bcher-kva.example":         "a@xn--bcher-kva.example",
		"a@straße.example":                "a@xn--strae-oqa.example",
		"a@example。com":                   "a@example.com",
		"a@ＥＸＡＭＰＬＥ.com":                   "a@example.com",
		"a@\u212Aelvin.example":           "a@kelvin.example", // mapped as every resolver does
		"agent@localhost":                 "agent@localhost",
		strings.Repeat("a", 64) + "@b.de": strings.Repeat("a", 64) + "@b.de",
	} {
		got, err := Canonical(in)
		if err != nil || got != want {
			t.Errorf("Canonical(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestI06_NoTwoLettersFoldIntoOne(t *testing.T) {
	// The dotless and the dotted i: two addresses that look like one in capitals.
	plain, _ := Canonical("mike@example.com")
	for _, in := range []string{"mıke@example.com", "MİKE@example.com", "mi\u212Ae@example.com"} {
		if got, err := Canonical(in); err == nil {
			t.Errorf("Canonical(%q) = %q, want a refusal", in, got)
		}
	}
	for _, in := range []string{"mike@exampIe.com", "mike@example.com.evil.example", "mike@exampłe.com", "mike@lıne.example"} {
		if got, _ := Canonical(in); got == plain || got == "mike@line.example" {
			t.Errorf("Canonical(%q) = %q: somebody else's", in, got)
		}
	}
}

func TestI06_RefusesWhatIsNoBareAddress(t *testing.T) {
	for _, in := range []string{
		"", " ", "@", "a@", "@example.com", "agent", "agent@", "agent.example.com",
		"Agent <agent@example.com>", "<agent@example.com>", "agent@example.com (work)", "(c)agent@example.com",
		`"agent"@example.com`, `"a b"@example.com`, `"a@b"@example.com`, `a\@b@example.com`,
		"a b@example.com", "a@b@example.com", "a..b@example.com", ".a@example.com", "a.@example.com",
		"agent@example.com, other@example.com", "agent@example.com;other@example.com",
		"agent@example.com\r\nBcc: other@example.com", "agent\r\n@example.com", "agent@exam\x00ple.com", "a\x00@example.com",
		"agent@[127.0.0.1]", "agent@example..com", "agent@.example.com", "agent@example.com.", "agent@-example.com",
		"agent@exa_mple.com", "agent@exam ple.com", "agent@exam\u202Eple.com", "agent@xn--zz-.example",
		"agé@example.com", "ａgent@example.com", "agent＠example.com", "agent@example.com\u200B.",
		strings.Repeat("a", 65) + "@example.com",
		strings.Repeat("a", 320), "a@" + strings.Repeat("a", 64) + ".example",
		"a@" + strings.Repeat("abcdefg.", 40) + "example", strings.Repeat("a@", 10_000),
	} {
		if got, err := Canonical(in); err == nil {
			t.Errorf("Canonical(%q) = %q, want a refusal", in, got)
		} else if !strings.HasPrefix(err.Error(), "e-mail address: ") {
			t.Errorf("Canonical(%q): %q does not say what it is about", in, err)
		}
	}
}

func FuzzEmailAddress(f *testing.F) {
	for _, seed := range []string{
		"agent@example.com", "A+b@BÜCHER.example", `"a b"@example.com`, "a@b@c", "x <a@b>", "a@xn--bcher-kva.example",
		"mıke@example.com", "a(c)@example.com", "a@example.com\r\nTo: b@example.com", "a@\u00DF.example", "a@\u200D.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Canonical(in)
		if err != nil {
			return
		}
		if again, err := Canonical(got); err != nil || again != got {
			t.Fatalf("Canonical(%q) = %q, which becomes %q, %v", in, got, again, err)
		}
		if upper, err := Canonical(strings.ToUpper(got)); err != nil || upper != got {
			t.Fatalf("%q in capitals becomes %q, %v", got, upper, err)
		}
		if len(got) > maxBytes || strings.Count(got, "@") != 1 {
			t.Fatalf("Canonical(%q) = %q", in, got)
		}
		for _, r := range got {
			if r > unicode.MaxASCII || unicode.IsControl(r) || unicode.IsSpace(r) || unicode.IsUpper(r) || strings.ContainsRune("<>()[],;:\\\"", r) {
				t.Fatalf("Canonical(%q) = %q holds %q", in, got, r)
			}
		}
	})
}
