package templates_test

import (
	"bytes"
	"html/template"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"stile/locale"
	"stile/templates"
)

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'{{.CSRF}}${7*7}javascript:alert(3)`

// TestH04_MarkupInNamesIsShownAsText puts markup into everything that comes
// from outside, and compares the elements of the page with those of a harmless one.
func TestH04_MarkupInNamesIsShownAsText(t *testing.T) {
	set := load(t)
	pages := func(s string) []templates.Page {
		return []templates.Page{
			templates.SignIn{Address: s, Forgot: "/forgot"},
			templates.SignIn{Stage: templates.PasswordOnly, Address: s},
			templates.ForgotPassword{Address: s, Back: "/" + s},
			templates.SignUp{Address: s, Back: "/" + s},
			templates.SignUpSent{Back: "/" + s},
			templates.MessageLink{Address: s, Token: s},
			templates.NewPassword{Address: s, Token: s, Exposed: true},
			templates.TwoStepIntroduction{Account: s, Masked: s},
			templates.TwoStepIntroduction{Reason: templates.IntroClient, Masked: s},
			templates.VerifyEmail{Masked: s, Label: s, Account: s, ValidUntil: now},
			templates.InstallApp{System: s, Back: "/" + s},
			templates.ConnectDevice{QRPath: s, QRSize: 57, URI: template.URL("otpauth://totp/x"), Key: s, Issuer: s, Address: s},
			templates.SetupCode{Issuer: s, Address: s},
			templates.Done{Codes: []string{s}, Address: s, Download: "/" + s},
			templates.EnterCode{Address: s, Reason: templates.CodeStepUp, Recovery: "/" + s},
			templates.RecoveryCode{None: true, Account: s},
			templates.AskAdmin{Account: s, Admins: []string{s}},
			templates.AskAdmin{State: templates.AskWaiting, Account: s, Label: s, Admins: []string{s}, Check: "/" + s},
			templates.CheckUp{Masked: s, Passkeys: []string{s}},
			templates.DeviceWait{Account: s, Masked: s, Admins: []string{s}, OnlyAdmin: true, Recovery: "/" + s},
			templates.AskAdmin{State: templates.AskRefused, Label: s, Admins: []string{s}},
			templates.Consent{Address: s, Scopes: []string{s}},
			templates.SignOut{Addresses: []string{s, s}, Apps: []string{s}, Hidden: []templates.FormField{{Name: s, Value: s}}},
			templates.SignedOut{Unreached: []string{s}},
			templates.FormPost{Action: "https://client.example/" + s, Fields: []templates.FormField{{Name: s, Value: s}}},
			templates.ErrorPage{Kind: templates.ErrorKind(s), Account: s, Start: "/" + s, At: now, Developer: &templates.DeveloperDetails{
				Error: s, Description: s, Parameter: s, Sent: s, Registered: []string{s},
			}},
		}
	}
	elements := func(s string, i int) (map[string]int, string) {
		page := pages(s)[i]
		f := frame(set.Printer(locale.English), page)
		f.Client = templates.Client{Name: s, Host: s, Home: "/" + s, Privacy: "/" + s, Terms: "/" + s}
		f.Service, f.Reference, f.Request, f.CSRF, f.Help, f.Privacy = s, s, s, s, "/"+s, "/"+s
		f.Errors = []templates.FieldError{{Field: "email", Key: templates.ErrTooManyUntil, Args: locale.Args{"Until": s}}}
		f.Notices = []templates.Notice{{Key: templates.NoticeSentAgain, Args: locale.Args{"At": s}}}
		var b bytes.Buffer
		if err := set.Execute(&b, f, page); err != nil {
			t.Fatal(err)
		}
		root, err := html.Parse(&b)
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for n := range root.Descendants() {
			if n.Type == html.ElementNode {
				count[n.Data]++
				for _, a := range n.Attr {
					count[n.Data+" "+a.Key]++
				}
			}
		}
		return count, text(root)
	}
	for i, p := range pages("x") {
		want, _ := elements("harmless", i)
		got, said := elements(hostile, i)
		for what, n := range got {
			if p.Name() == "connect-device" && (what == "path fill" || what == "span") {
				continue // another key has other groups
			}
			if want[what] != n {
				t.Errorf("%s: %d × <%s> instead of %d", p.Name(), n, what, want[what])
			}
		}
		if !strings.Contains(said, "<script>alert(1)</script>") {
			t.Errorf("%s: the markup is not shown as text", p.Name())
		}
	}
}

// TestH05_LinksWithAForeignSchemeLeadNowhere: only the types that say so may
// leave http behind.
func TestH05_LinksWithAForeignSchemeLeadNowhere(t *testing.T) {
	set := load(t)
	page := templates.ErrorPage{Kind: templates.ErrorOver, At: now, Start: "javascript:alert(1)"}
	f := frame(set.Printer(locale.English), page)
	f.Help = "javascript:alert(1)"
	var b bytes.Buffer
	if err := set.Execute(&b, f, page); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "javascript:") {
		t.Error("a link runs a script")
	}
}

// TestExecuteWritesOnceOrNever: half a page is worse than none.
func TestExecuteWritesOnceOrNever(t *testing.T) {
	set := load(t)
	var w countingWriter
	if err := set.Execute(&w, frame(set.Printer(locale.English), templates.Done{}), templates.Done{Codes: codes}); err != nil || w != 1 {
		t.Errorf("%d writes, %v", w, err)
	}
	for _, c := range []struct {
		frame templates.Frame
		page  templates.Page
	}{
		{templates.Frame{}, templates.SignIn{}},
		{frame(set.Printer(locale.English), templates.SignIn{}), stranger{}},
	} {
		w = 0
		if err := set.Execute(&w, c.frame, c.page); err == nil || w != 0 {
			t.Errorf("%T: %v after %d writes, want an error and none", c.page, err, w)
		}
	}
}

type countingWriter int

func (w *countingWriter) Write(p []byte) (int, error) { *w++; return len(p), nil }

type stranger struct{}

func (stranger) Name() string { return "sign-in" }
