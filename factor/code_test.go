package factor

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

// What people type and paste into code fields.
func TestJ08_CodeInputs(t *testing.T) {
	for _, test := range []struct {
		name, input string
		err         error // nil: it is 123456
	}{
		{"plain", "123456", nil},
		{"space in the middle", "123 456", nil},
		{"space after each", "1 2 3 4 5 6", nil},
		{"white space around", "  123456\n", nil},
		{"tab", "123\t456", nil},
		{"CR LF at the end", "123456\r\n", nil},
		{"no-break space", "123\u00A0456", nil},
		{"narrow no-break space", "123\u202F456", nil},
		{"thin space", "123\u2009456", nil},
		{"ideographic space", "123\u3000456", nil},
		{"line separator", "123456\u2028", nil},
		{"next line", "123\u0085456", nil},
		{"hyphen", "123-456", nil},
		{"Unicode hyphen", "123\u2010456", nil},
		{"no-break hyphen", "123\u2011456", nil},
		{"en dash", "123\u2013456", nil},
		{"em dash", "123\u2014456", nil},
		{"full-width hyphen", "123\uFF0D456", nil},
		{"wave dash", "123\u301C456", nil},
		{"dot", "123.456", nil},
		{"full-width dot", "123\uFF0E456", nil},
		{"dot at the end", "123456.", nil},
		{"soft hyphen", "123\u00AD456", nil},
		{"zero-width space", "123\u200B456", nil},
		{"zero-width joiner", "123\u200D456", nil},
		{"left-to-right mark", "\u200E123456\u200E", nil},
		{"right-to-left embedding", "\u202B123456\u202C", nil},
		{"isolates", "\u2066123456\u2069", nil},
		{"byte order mark", "\uFEFF123456", nil},
		{"word joiner", "123\u2060456", nil},
		{"full-width", "１２３４５６", nil},
		{"Arabic-Indic", "١٢٣٤٥٦", nil},
		{"extended Arabic-Indic", "۱۲۳۴۵۶", nil},
		{"Arabic-Indic with a mark and a space", "\u200F١٢٣ ٤٥٦", nil},
		{"Devanagari", "१२३४५६", nil},
		{"Bengali", "১২৩৪৫৬", nil},
		{"Tamil", "௧௨௩௪௫௬", nil},
		{"Thai", "๑๒๓๔๕๖", nil},
		{"Tibetan", "༡༢༣༤༥༦", nil},
		{"Khmer", "១២៣៤៥៦", nil},
		{"mathematical bold", "𝟏𝟐𝟑𝟒𝟓𝟔", nil},
		{"mathematical monospace", "𝟷𝟸𝟹𝟺𝟻𝟼", nil},
		{"Chakma, beyond 16 bits", "\U00011137\U00011138\U00011139\U0001113A\U0001113B\U0001113C", nil},
		{"scripts mixed", "1२３٤5๖", nil},
		{"superscript", "¹²³⁴⁵⁶", nil},

		{"empty", "", ErrNoCode},
		{"spaces only", " \u00A0 ", ErrNoCode},
		{"dashes only", "---", ErrNoCode},
		{"five digits", "12345", ErrCodeForm},
		{"seven digits", "1234567", ErrCodeForm},
		{"letters", "12345a", ErrCodeForm},
		{"letter O for zero", "12345O", ErrCodeForm},
		{"words around", "Your code is 123456", ErrCodeForm},
		{"origin-bound line", "@id.example.com #123456", ErrCodeForm},
		{"comma", "123,456", ErrCodeForm},
		{"minus sign", "-123456−", ErrCodeForm},
		{"plus", "+123456", ErrCodeForm},
		{"quotes", "\"123456\"", ErrCodeForm},
		{"fraction", "½23456", ErrCodeForm},
		{"Roman numerals", "ⅠⅡⅢⅣⅤⅥ", ErrCodeForm},
		{"Chinese numerals", "一二三四五六", ErrCodeForm},
		{"combining mark", "123456\u0301", ErrCodeForm},
		{"NUL", "123\x00456", ErrCodeForm},
		{"broken UTF-8", "123\xff456", ErrCodeForm},
		{"64 bytes", "123456" + strings.Repeat(" ", 58), nil},
		{"65 bytes", "123456" + strings.Repeat(" ", 59), ErrCodeForm},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Normalise(test.input)
			if !errors.Is(err, test.err) {
				t.Fatalf("%q, %v, want %v", got, err, test.err)
			}
			if err == nil && got != "123456" || err != nil && got != "" {
				t.Errorf("read as %q", got)
			}
		})
	}
}

// digit reads Unicode's table by place: ten of a script together, zero first.
func TestDigitsOfEveryScript(t *testing.T) {
	scripts := 0
	check := func(low, high, stride uint32) {
		if stride != 1 || (high-low+1)%10 != 0 {
			t.Errorf("U+%04X to U+%04X are not tens of digits", low, high)
		}
		for r := rune(low); r <= rune(high); r++ {
			if want := (r - rune(low)) % 10; digit(r) != want {
				t.Errorf("U+%04X is read as %d, want %d", r, digit(r), want)
			}
		}
		scripts += int(high-low+1) / 10
	}
	for _, b := range unicode.Nd.R16 {
		check(uint32(b.Lo), uint32(b.Hi), uint32(b.Stride))
	}
	for _, b := range unicode.Nd.R32 {
		check(b.Lo, b.Hi, b.Stride)
	}
	if scripts < 60 {
		t.Errorf("only %d sets of digits", scripts)
	}
	if digit('x') != -1 {
		t.Error("x is a digit")
	}
}

func FuzzOTPInput(f *testing.F) {
	for _, seed := range []string{"123456", "١٢٣ ٤٥٦", "１２３-４５６", "", "\xff", "1\u202E23456", "½", "\U0001D7CE"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		code, err := Normalise(input)
		if (err == nil) != (code != "") {
			t.Fatalf("%q, %v", code, err)
		}
		if err == nil {
			if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
				t.Fatalf("%q is read as %q", input, code)
			}
			if again, err := Normalise(code); again != code || err != nil {
				t.Fatalf("%q read again is %q, %v", code, again, err)
			}
		}
		recovery, err := NormaliseRecovery(input)
		if (err == nil) != (recovery != "") {
			t.Fatalf("%q, %v", recovery, err)
		}
		if err == nil {
			if again, err := NormaliseRecovery(strings.ToUpper(strings.Join(groups(recovery), " - "))); again != recovery || err != nil {
				t.Fatalf("%q read again is %q, %v", recovery, again, err)
			}
		}
	})
}
