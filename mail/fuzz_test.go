package mail

import (
	"bytes"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/storage"
	"stile/templates"
)

// headers are those that a message may have, and each once.
var headers = []string{
	"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To",
	"X-Auto-Response-Suppress",
}

// Whatever people call themselves and their apps, a message goes to the one
// address of its row, with the headers that all have.
func FuzzMailHeaders(f *testing.F) {
	c, err := newComposer(options(f, ""))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("ann@example.com", "Example Support", "Grapher", "Firefox, Windows", "203.0.113.7", "de")
	f.Add("ann@example.com\r\nBcc: eve@evil.example", "A\r\nBcc: eve@evil.example", "\u202egpj.exe", "=?utf-8?q?x?=", "::1", "xx")
	f.Add("ann@example.com, eve@evil.example", "A\n\n<html>", "<b>", "\x00", "%0d%0a", "")
	f.Add(`"ann"@example.com`, "\u2028To: eve@evil.example", strings.Repeat("x", 2000), "", "", "fr-CA")
	f.Fuzz(func(t *testing.T, to, account, client, browser, network, lang string) {
		msg, err := c.compose(storage.Mail{ID: "m-1", Kind: string(templates.MailAppAllowed), To: to, Lang: lang, Data: map[string]string{
			templates.DataAccount: account, templates.DataClient: client, templates.DataBrowser: browser,
			templates.DataNetwork: network, templates.DataAt: noon.Format(time.RFC3339),
		}})
		if err != nil {
			return // refused
		}
		var wire bytes.Buffer
		if _, err := msg.WriteTo(&wire); err != nil {
			t.Fatal(err)
		}
		got, err := netmail.ReadMessage(&wire)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range got.Header {
			if !slices.Contains(headers, name) || len(values) != 1 {
				t.Errorf("header %s: %q", name, values)
			}
		}
		if all, err := got.Header.AddressList("To"); err != nil || len(all) != 1 || all[0].Address != to {
			t.Errorf("goes to %v (%v), not to %q", all, err, to)
		}
	})
}
