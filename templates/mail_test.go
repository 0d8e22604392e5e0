package templates_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"stile/locale"
	"stile/templates"
)

var mailKinds = []templates.MailKind{
	templates.MailEmailCode, templates.MailAuthenticatorConnected, templates.MailAuthenticatorReplaced,
	templates.MailAuthenticatorSuspended, templates.MailRecoveryCodeUsed, templates.MailRecoveryCodesMade, templates.MailPasskeyAdded, templates.MailPasskeyRemoved, templates.MailNewBrowser, templates.MailBrowserTrusted,
	templates.MailGrantReused, templates.MailAppAllowed, templates.MailPasswordChanged, templates.MailPasswordExposed,
	templates.MailAdminReset,
	templates.MailRolesChanged, templates.MailUserDisabled, templates.MailAdminsChanged, templates.MailAccountTwoStepOn, templates.MailAccountTwoStepOff,
	templates.MailInvitation, templates.MailSignUp, templates.MailTwoStepAnnounced, templates.MailPasswordReset, templates.MailUnlock,
	templates.MailDeviceWait, templates.MailMemberWaits, templates.MailMemberUnkeyed, templates.MailMemberReplaced, templates.MailNotMe, templates.MailDeviceAsked, templates.MailResetAsked, templates.MailDeviceApproved, templates.MailDeviceRefused,
	templates.MailAddressAsked, templates.MailAddressConfirm, templates.MailAddressTaken, templates.MailAddressChanged,
	templates.MailDataAsked, templates.MailErased, templates.MailMemberLeft,
}

const noonTomorrow = "2026-11-23T13:32:00Z"

var invitationLink = "https://id.example.com/invitation?token=" + linkToken

var resetLink = "https://id.example.com/reset-password?token=" + linkToken

// withoutLinks are messages with nothing to answer.
var withoutLinks = []templates.MailKind{
	templates.MailAddressTaken, templates.MailErased, templates.MailMemberLeft, templates.MailNotMe,
	templates.MailRolesChanged, templates.MailUserDisabled, templates.MailAdminsChanged, templates.MailAccountTwoStepOn, templates.MailAccountTwoStepOff,
}

// aboutLinks are the messages that are nothing without their link.
var aboutLinks = []templates.MailKind{templates.MailInvitation, templates.MailSignUp, templates.MailPasswordReset, templates.MailUnlock, templates.MailAddressConfirm}

func mailData() templates.MailData {
	return templates.MailData{
		templates.DataIssuer: "https://id.example.com", templates.DataService: "Stile", templates.DataAccount: "Example Support",
		templates.DataAt: "2026-11-22T13:32:00Z", templates.DataZone: "Europe/Brussels",
		templates.DataBrowser: "Firefox, Windows", templates.DataNetwork: "203.0.113.7",
		templates.DataCode: "123456", templates.DataLabel: "KT", templates.DataUntil: "2026-11-22T13:42:00Z",
		templates.DataLeft: "9", templates.DataClient: "Grafana", templates.DataBy: "Ada Admin",
		templates.DataUser: "Pat Doe", templates.DataAddress: "pat@example.com",
	}
}

// TestMails holds every message in every language against its golden file.
func TestMails(t *testing.T) {
	set := load(t)
	for _, kind := range mailKinds {
		for _, l := range locale.Supported {
			data := mailData()
			switch kind {
			case templates.MailDeviceWait, templates.MailMemberWaits:
				data[templates.DataFrom], data[templates.DataLink] = noonTomorrow, "https://id.example.com/not-me?token="+linkToken
			case templates.MailPasswordChanged, templates.MailMemberUnkeyed, templates.MailMemberReplaced:
				data[templates.DataLink] = "https://id.example.com/account/security"
			case templates.MailDeviceAsked, templates.MailResetAsked:
				data[templates.DataLink] = "https://id.example.com/admin/requests"
			case templates.MailPasswordReset, templates.MailUnlock, templates.MailAddressConfirm:
				data[templates.DataLink] = resetLink
			case templates.MailBrowserTrusted:
				data[templates.DataUntil] = "2026-12-06T13:32:00Z"
			case templates.MailInvitation, templates.MailSignUp:
				data[templates.DataLink], data[templates.DataUntil] = invitationLink, "2026-11-29T13:32:00Z"
			}
			m, err := set.Mail(kind, set.Printer(l), data)
			if err != nil {
				t.Errorf("%s in %s: %v", kind, l, err)
				continue
			}
			name := "mail." + string(kind) + "." + string(l)
			compare(t, name+".txt", []byte("Subject: "+m.Subject+"\n\n"+m.Text))
			compare(t, name+".html", []byte(m.HTML))
		}
	}
}

func TestMailOfTheCode(t *testing.T) {
	set := load(t)
	for _, l := range locale.Supported {
		m, err := set.Mail(templates.MailEmailCode, set.Printer(l), mailData())
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(m.Text, "\n"), "\n")
		if lines[0] != "123456" {
			t.Errorf("%s: first line is %q", l, lines[0])
		}
		if last := lines[len(lines)-1]; last != "@id.example.com #123456" {
			t.Errorf("%s: last line is %q", l, last)
		}
		if n := len(regexp.MustCompile(`(?m)^\d{6}\r?$`).FindAllString(m.Text, -1)); n != 1 {
			t.Errorf("%s: the code stands alone on %d lines", l, n)
		}
		if !strings.Contains(m.Subject, "Email Verification") || strings.Contains(m.Subject, "123456") {
			t.Errorf("%s: subject is %q", l, m.Subject)
		}
		for _, want := range []string{"KT", "14:42", "Firefox, Windows", "203.0.113.7", "Example Support"} {
			if !strings.Contains(m.Text, want) || !strings.Contains(m.HTML, want) {
				t.Errorf("%s: no %q in both parts", l, want)
			}
		}
		if strings.Contains(m.Text, "://") && l != "" && strings.Contains(m.HTML, "<a ") {
			t.Errorf("%s: the message with the code has a link", l)
		}
	}
}

func TestNoticesHaveAtMostOneLink(t *testing.T) {
	set := load(t)
	for _, link := range []string{"", "https://id.example.com/account/security"} {
		for _, kind := range mailKinds {
			if link == "" && slices.Contains(aboutLinks, kind) {
				continue
			}
			data := mailData()
			data[templates.DataLink], data[templates.DataFrom] = link, noonTomorrow
			m, err := set.Mail(kind, set.Printer(locale.English), data)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			if link != "" && kind != templates.MailEmailCode && kind != templates.MailTwoStepAnnounced && !slices.Contains(withoutLinks, kind) {
				want = 1
			}
			if n := strings.Count(m.HTML, "<a "); n != want {
				t.Errorf("%s with link %q: %d links", kind, link, n)
			}
			if want == 1 && !strings.Contains(m.Text, "\n"+link+"\n") {
				t.Errorf("%s: the link is not on a line of its own", kind)
			}
		}
	}
}

// TestBothPartsSayTheSame compares the words of the text with those of the HTML.
func TestBothPartsSayTheSame(t *testing.T) {
	set := load(t)
	for _, kind := range mailKinds {
		data := mailData()
		data[templates.DataFrom] = noonTomorrow
		if slices.Contains(aboutLinks, kind) {
			data[templates.DataLink] = invitationLink
		}
		m, err := set.Mail(kind, set.Printer(locale.French), data)
		if err != nil {
			t.Fatal(err)
		}
		root, err := html.Parse(strings.NewReader(m.HTML))
		if err != nil {
			t.Fatal(err)
		}
		said := " " + text(root) + " "
		for _, line := range strings.Split(m.Text, "\n") {
			line = strings.Join(strings.Fields(line), " ")
			if line != "" && line != "--" && !strings.HasPrefix(line, "@") && !strings.Contains(said, line) {
				t.Errorf("%s: only the text says %q", kind, line)
			}
		}
		if strings.Contains(m.HTML, "<img") || strings.Contains(m.HTML, "url(") || strings.Contains(m.HTML, "<link") || strings.Contains(m.HTML, "<script") {
			t.Errorf("%s: the HTML loads something", kind)
		}
	}
}

// TestJ05_NamesInMailsAreInert: a name is no header, no link and no advertisement (J06).
func TestJ06_NamesInMailsAreInert(t *testing.T) {
	set := load(t)
	for name, want := range map[string]string{
		"Acme":                                 "Acme",
		"Acme Inc.":                            "Acme Inc.",
		"Müller & Söhne":                       "Müller & Söhne",
		"Win\r\nBcc: all@example.com":          "Win Bcc: all@…",
		"buy at https://evil.example/x?y now":  "buy at … now",
		"www.evil.test":                        "…",
		"evil.example":                         "…",
		"пример.рф":                            "…",
		"a\u202Eb\u200Bc\u2066d\u0000e":        "abcde",
		strings.Repeat("x", 100):               strings.Repeat("x", 63) + "…",
		"<b>bold</b>":                          "<b>bold</b>",
		"  spread \t out  ":                    "spread out",
		"javascript:alert(1)":                  "javascript:alert(1)",
		"mailto:a@b.example, data://x/y click": "mailto:a@…, … click",
	} {
		data := mailData()
		data[templates.DataAccount] = name
		m, err := set.Mail(templates.MailEmailCode, set.Printer(locale.English), data)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(m.Text, "Nobody from "+want+" will ask") {
			t.Errorf("%q is shown otherwise than %q:\n%s", name, want, m.Text)
		}
		if strings.Contains(m.HTML, "<b>") {
			t.Errorf("%q is markup", name)
		}
		if strings.ContainsAny(m.Subject, "\r\n") {
			t.Errorf("subject of two lines: %q", m.Subject)
		}
	}
}

// Who invites, and for which account, is read by a stranger.
func TestJ06_NamesInInvitationsAreInert(t *testing.T) {
	set := load(t)
	data := mailData()
	data[templates.DataLink] = invitationLink
	data[templates.DataAccount] = "Prizes at https://evil.example/x"
	data[templates.DataBy] = "See www.evil.test or ftp://evil.example now"
	for _, tag := range locale.Supported {
		m, err := set.Mail(templates.MailInvitation, set.Printer(tag), data)
		if err != nil {
			t.Fatal(err)
		}
		for _, said := range []string{m.Subject, m.Text, m.HTML} {
			if strings.Contains(said, "evil") {
				t.Errorf("%s: %s", tag, said)
			}
		}
		if !strings.Contains(m.Text, "See … or … now") || !strings.Contains(m.Text, "Prizes at …") {
			t.Errorf("%s: who invites is not named: %s", tag, m.Text)
		}
	}
}

func TestMailWithoutItsData(t *testing.T) {
	set := load(t)
	needs := map[templates.MailKind][]string{
		templates.MailEmailCode:              {"issuer", "at", "code", "label", "until"},
		templates.MailRecoveryCodeUsed:       {"issuer", "at", "left"},
		templates.MailAppAllowed:             {"client"},
		templates.MailGrantReused:            {"client"},
		templates.MailAuthenticatorConnected: {"issuer", "at"},
		templates.MailInvitation:             {"link", "until"},
		templates.MailPasswordReset:          {"issuer", "link", "until"},
		templates.MailUnlock:                 {"link", "until"},
	}
	for kind, names := range needs {
		for _, name := range names {
			data := maps.Clone(mailData())
			data[templates.DataLink] = invitationLink
			delete(data, name)
			if _, err := set.Mail(kind, set.Printer(locale.English), data); err == nil || !strings.Contains(err.Error(), `"`+name+`"`) {
				t.Errorf("%s without %s: %v, want an error that names it", kind, name, err)
			}
			if name == "code" || name == "label" || name == "client" {
				continue
			}
			data[name] = "nonsense"
			if _, err := set.Mail(kind, set.Printer(locale.English), data); err == nil || strings.Contains(err.Error(), "nonsense") {
				t.Errorf("%s with a broken %s: %v, want an error that tells no data", kind, name, err)
			}
		}
	}
	if _, err := set.Mail("birthday", set.Printer(locale.English), mailData()); err == nil {
		t.Error("an unknown kind was written")
	}
}

func TestRecoverySheet(t *testing.T) {
	set := load(t)
	var b strings.Builder
	done := templates.Done{Codes: codes, Address: address, MadeAt: now}
	if err := set.RecoverySheet(&b, frame(set.Printer(locale.German), done), done); err != nil {
		t.Fatal(err)
	}
	compare(t, "recovery-codes.de.txt", []byte(b.String()))
	for _, c := range codes {
		if !strings.Contains(b.String(), "[ ] "+c+"\n") {
			t.Errorf("no %s", c)
		}
	}
}
