package e2e

import (
	"strings"
	"testing"
)

// language is what a language says where it can be seen.
type language struct{ tag, name, signIn, introduction, subject string }

var languages = []language{
	{"en", "English", "Sign in", "Two-step verification", "Email Verification"},
	{"fr", "Français", "Connexion", "Vérification en deux étapes", "Vérification de votre adresse e-mail (Email Verification)"},
	{"it", "Italiano", "Accesso", "Verifica in due passaggi", "Verifica dell’indirizzo e-mail (Email Verification)"},
	{"de", "Deutsch", "Anmelden", "Bestätigung in zwei Schritten", "Bestätigung Ihrer E-Mail-Adresse (Email Verification)"},
	{"es", "Español", "Iniciar sesión", "Verificación en dos pasos", "Verificación de su correo electrónico (Email Verification)"},
	{"pt", "Português", "Iniciar sessão", "Verificação em dois passos", "Verificação do endereço de e-mail (Email Verification)"},
	{"nl", "Nederlands", "Aanmelden", "Verificatie in twee stappen", "Verificatie van uw e-mailadres (Email Verification)"},
}

// Each language by ui_locales and by the switch, on every screen and in the
// mail; what the switch chose wins, and the flow goes on.
func TestLanguages(t *testing.T) {
	t.Parallel()
	s := startServe(t, "")
	rp := s.console(t)
	account := s.newAccount(t, "required")
	for i, l := range languages {
		t.Run(l.tag, func(t *testing.T) {
			t.Parallel()
			w := newWalker(t, s, s.newPerson(t, account))
			speaks := func(l language, title string) {
				t.Helper()
				p := w.Page()
				if got := p.Texts("h1"); len(got) != 1 || got[0] != title || !strings.Contains(p.Body, `<html lang="`+l.tag+`">`) || p.Header.Get("Content-Language") != l.tag {
					t.Errorf("want %q in %s, have %q, Content-Language %q", title, l.tag, got, p.Header.Get("Content-Language"))
				}
			}
			w.Open(rp.Begin("ui_locales", "xx "+l.tag+"-CH en").URL)
			speaks(l, l.signIn)
			w.password()
			speaks(l, l.introduction)
			w.Submit(nil)
			if m := s.mails(t, w.who.Email, "Email Verification", 1)[0]; m.Subject != l.subject || !strings.Contains(m.HTML, `lang="`+l.tag+`"`) {
				t.Errorf("subject %q, want %q; %.200s", m.Subject, l.subject, m.HTML)
			}

			// Another one by the switch, which beats the request.
			other := languages[(i+1)%len(languages)]
			w = newWalker(t, s, w.who)
			begun := rp.Begin("ui_locales", l.tag)
			w.Open(begun.URL)
			w.Press(other.name)
			speaks(other, other.signIn)
			w.password()
			speaks(other, other.introduction)
			w.want("two-step-introduction")

			// And by what the browser prefers.
			w = newWalker(t, s, w.who)
			w.Header.Set("Accept-Language", "xx, "+l.tag+"-XX;q=0.8, en;q=0.5")
			w.Open(rp.Begin().URL)
			speaks(l, l.signIn)
		})
	}
}

// No page of a language is wider than a small phone, and every page says all it
// says in that language: words of English stand out by their place.
func TestLanguagesFitOnPhones(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	account := s.newAccount(t, "required")
	c := startChrome(t, narrow)
	for _, l := range languages {
		who := s.newPerson(t, account)
		c.open(rp.Begin("ui_locales", l.tag, "prompt", "login").URL)
		c.password(who)
		app := c.enrol(s, who, func(name string) {
			if l.tag == "de" || l.tag == "pt" {
				c.scheme("light")
				c.keep(l.tag+"-"+name, "light")
			}
			if over := evaluate[int](c, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
				t.Errorf("%s in %s is %d pixels wider than the screen", name, l.tag, over)
			}
		})
		c.fill("code", app.Code())
		c.submit()
		c.screen("client")
	}
}
