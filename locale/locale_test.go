package locale

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestNegotiateTakesTheFirstPreferenceThatIsSpoken(t *testing.T) {
	for _, c := range []struct {
		preferences []string
		want        Lang
	}{
		{nil, English},
		{[]string{"", "", ""}, English},
		{[]string{"fr"}, French},
		{[]string{"pt-BR"}, Portuguese},
		{[]string{"de-CH", "fr"}, German},
		{[]string{"", "nl", "de"}, Dutch},
		{[]string{"ja", "it"}, Italian},
		{[]string{"ja ko es-MX fr"}, Spanish},               // ui_locales
		{[]string{"ja,ko;q=0.9,it;q=0.5,de;q=0.8"}, German}, // weights
		{[]string{"xx,i-klingon;q=0.9,nl-XX;q=0.5,en;q=0.2"}, Dutch},
		{[]string{"de;q=0.5,fr;q=0.5"}, German},                  // the first of equals
		{[]string{"fr;q=0, nl;q=0.1"}, Dutch},                    // "not French"
		{[]string{"*"}, English},                                 //
		{[]string{"und-FR"}, English},                            // a place is no language
		{[]string{"zh-Hans-CN", "fr-FR-x-private"}, French},      //
		{[]string{"EN-us"}, English},                             //
		{[]string{"<script>", "de"}, German},                     //
		{[]string{strings.Repeat("fr,", 100000), "it"}, Italian}, // bounded
		{[]string{"fr_CA"}, French},
		{[]string{"deu"}, German}, // ISO 639-2
	} {
		if got := Negotiate(c.preferences...); got != c.want {
			t.Errorf("Negotiate(%.40q) = %s, want %s", c.preferences, got, c.want)
		}
	}
}

func FuzzAcceptLanguage(f *testing.F) {
	for _, seed := range []string{"", "fr", "de-CH,de;q=0.9,*;q=0.1", "fr;q=x", "x-y-z", "en--;;,", "\xff\xfe", "i-klingon", "pt_BR"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := Negotiate(header); !slices.Contains(Supported, got) {
			t.Errorf("Negotiate(%q) = %q, which is not spoken", header, got)
		}
		if l, ok := Parse(header); ok && !slices.Contains(Supported, l) {
			t.Errorf("Parse(%q) = %q, which is not spoken", header, l)
		}
	})
}

func TestLanguagesAreNamedInThemselves(t *testing.T) {
	want := "English Français Italiano Deutsch Español Português Nederlands"
	var got []string
	for _, l := range Supported {
		got = append(got, l.Name())
	}
	if strings.Join(got, " ") != want {
		t.Errorf("got %q", got)
	}
}

func TestPrinter(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{For(English).T("signin.to", "Client", "Acme"), "to continue to Acme"},
		{For(German).T("signin.to", Args{"Client": "Acme"}), "um mit Acme fortzufahren"},
		{For(German).T("action.continue"), "Weiter"},
		{For("tlh").T("action.continue"), "Continue"},
		{For(English).T("signin.to", "Client", "{{.Client}}<b>"), "to continue to {{.Client}}<b>"},
		{For(English).T("no.such.key"), "no.such.key"},
		{For(English).N("notice.recovery_used", 1), "That recovery code is spent. 1 is left."},
		{For(English).N("notice.recovery_used", 0), "That recovery code is spent. 0 are left."},
		{For(Italian).N("notice.recovery_used", 1), "Questo codice di recupero è stato usato. Ne resta 1."},
		{For(Spanish).N("notice.recovery_used", 1000000), "Ese código de recuperación ya se usó. Quedan 1.000.000."},
		{For(Portuguese).N("notice.recovery_used", 0), "Esse código de recuperação foi usado. Resta 0."},
		{For(French).N("notice.recovery_used", 12345), "Ce code de récupération est utilisé. Il en reste 12\u00a0345."},
		{For(Spanish).N("notice.recovery_used", 1234), "Ese código de recuperación ya se usó. Quedan 1234."},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestDatesInEveryLanguage(t *testing.T) {
	brussels, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 13, 32, 0, 0, time.UTC).In(brussels)
	tomorrow := at.Add(-24 * time.Hour) // the day before, seen from which at is another day
	for _, c := range []struct {
		lang                     Lang
		clock, full, moment, may string
	}{
		{English, "14:32 CET", "22 November 2026, 14:32 CET", "14:32 CET on 22 November 2026", "1 May 2026"},
		{French, "14:32 (CET)", "22 novembre 2026, 14:32 (CET)", "14:32 (CET) le 22 novembre 2026", "1er mai 2026"},
		{Italian, "14:32 (CET)", "22 novembre 2026, 14:32 (CET)", "14:32 (CET) del 22 novembre 2026", "1º maggio 2026"},
		{German, "14:32 Uhr (CET)", "22. November 2026, 14:32 Uhr (CET)", "14:32 Uhr (CET) am 22. November 2026", "1. Mai 2026"},
		{Spanish, "14:32 (CET)", "22 de noviembre de 2026, 14:32 (CET)", "14:32 (CET) del 22 de noviembre de 2026", "1 de mayo de 2026"},
		{Portuguese, "14:32 (CET)", "22 de novembro de 2026, 14:32 (CET)", "14:32 (CET) de 22 de novembro de 2026", "1 de maio de 2026"},
		{Dutch, "14:32 uur (CET)", "22 november 2026, 14:32 uur (CET)", "14:32 uur (CET) op 22 november 2026", "1 mei 2026"},
	} {
		p := For(c.lang)
		for _, pair := range [][2]string{
			{p.Clock(at), c.clock},
			{p.Time(at), c.full},
			{p.Moment(at, at.Add(time.Hour)), c.clock},
			{p.Moment(at, tomorrow), c.moment},
			{p.Date(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)), c.may},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s: got %q, want %q", c.lang, pair[0], pair[1])
			}
		}
	}
}

func TestMomentCountsDaysInTheZoneOfTheTime(t *testing.T) {
	tokyo := time.FixedZone("", 9*3600)
	late := time.Date(2026, 11, 22, 15, 30, 0, 0, time.UTC) // the 23rd in Tokyo, 00:30
	p := For(English)
	if got := p.Moment(late.In(tokyo), late.Add(-time.Hour)); got != "00:30 UTC+9 on 23 November 2026" {
		t.Errorf("got %q", got)
	}
}

func TestZonesWithoutAName(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		zone *time.Location
		want string
	}{
		{time.UTC, "12:00 UTC"},
		{time.FixedZone("", 0), "12:00 UTC+0"},
		{time.FixedZone("+0530", 19800), "17:30 UTC+5:30"},
		{time.FixedZone("-03", -3*3600), "09:00 UTC−3"},
		{time.FixedZone("", -(9*3600 + 1800)), "02:30 UTC−9:30"},
	} {
		if got := For(English).Clock(at.In(c.zone)); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestMaskAddress(t *testing.T) {
	for address, want := range map[string]string{
		"m@example.com":          "m•••@example.com",
		"maria@example.com":      "m•••@example.com",
		"élise@example.com":      "é•••@example.com",
		`"a@b"@example.com`:      `"•••@example.com`,
		"":                       "•••",
		"@example.com":           "•••",
		"nothing":                "•••",
		"m.very.long@sub.a.test": "m•••@sub.a.test",
	} {
		if got := MaskAddress(address); got != want {
			t.Errorf("MaskAddress(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestOverlayChangesSingleTexts(t *testing.T) {
	b, err := Load(fstest.MapFS{"fr.json": {Data: []byte(`{"action.continue": "Allons-y", "signin.to": "vers {{.Client}}"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{
		{b.For(French).T("action.continue"), "Allons-y"},
		{b.For(French).T("signin.to", "Client", "Acme"), "vers Acme"},
		{b.For(French).T("action.back"), "Retour"},
		{b.For(English).T("action.continue"), "Continue"},
		{For(French).T("action.continue"), "Continuer"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("got %q, want %q", pair[0], pair[1])
		}
	}
	if _, err := Load(fstest.MapFS{"de.json": {Data: []byte(`{"action.continue": `)}}); err == nil || !strings.Contains(err.Error(), "de.json") {
		t.Errorf("broken file: %v, want an error that names it", err)
	}
}

func TestPseudoLanguageChangesTextsAndNoPlaceholders(t *testing.T) {
	p := Pseudo()
	if got, want := p.T("signin.to", "Client", "Acme"), "⟦tö çöñtîñûé tö Acme ~~~~~~⟧"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := p.N("notice.recovery_used", 2); !strings.Contains(got, " 2 áré") {
		t.Errorf("got %q", got)
	}
}

func BenchmarkPrinter(b *testing.B) {
	p := For(German)
	for b.Loop() {
		p.T("action.continue")
		p.T("signin.to", "Client", "Acme")
	}
}

// For returns the built-in texts of a language.
func For(l Lang) Printer { return builtIn().For(l) }
