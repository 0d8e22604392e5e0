package account_test

import (
	"testing"
	"time"

	"stile/audit"
	"stile/storage"
	"stile/templates"
)

// Messages speak the language of the page that caused them, unless the user has
// set another.
func TestMessagesSpeakTheLanguageOfThePage(t *testing.T) {
	for _, c := range []struct{ name, set, accepts, switched, want string }{
		{"nothing is known", "", "", "", "en"},
		{"the browser's", "", "de-CH, en;q=0.5", "", "de"},
		{"the switch", "", "de", "es", "es"},
		{"the user's own", "fr", "de", "", "fr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.db.UpdateUser(t.Context(), w.person(member).User.ID, func(u *storage.User) error {
				u.Language = c.set
				return nil
			}, audit.System)
			must(t, err)
			s := w.seat(member)
			s.Header.Set("Accept-Language", c.accepts)
			s.open("/account/email")
			expect(t, s.Open(w.url+"/account/email?lang="+c.switched), "account-email", 200)
			s.Submit(map[string]string{templates.FieldEmail: "new@example.com"})
			if m := w.mail(member, templates.MailAddressAsked); m.Lang != c.want {
				t.Errorf("to the user in %q, want %q", m.Lang, c.want)
			}
			if m := w.mail("new@example.com", templates.MailAddressConfirm); m.Lang != c.want {
				t.Errorf("to the new address in %q, want %q", m.Lang, c.want)
			}
			w.wait(time.Minute)
			expect(t, s.Open(w.url+"/account/data?lang="+c.switched), "account-data", 200)
			s.Submit(nil)
			if m := w.mail(member, templates.MailDataAsked); m.Lang != c.want {
				t.Errorf("of the export in %q, want %q", m.Lang, c.want)
			}
		})
	}
}
