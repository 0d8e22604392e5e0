package templates_test

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"stile/locale"
	"stile/templates"
)

// doc is a page as a browser reads it.
type doc struct {
	*html.Node
	ids map[string]*html.Node
}

func parsePage(t *testing.T, body []byte) doc {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	d := doc{root, map[string]*html.Node{}}
	for _, n := range d.all("") {
		if id := attr(n, "id"); id != "" {
			if d.ids[id] != nil {
				t.Errorf("id %q is given twice", id)
			}
			d.ids[id] = n
		}
	}
	return d
}

// all elements of a name below the document; all elements for "".
func (d doc) all(name string) []*html.Node { return within(d.Node, name) }

func within(root *html.Node, name string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (name == "" || n.Data == name) {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func eachPage(t *testing.T, do func(t *testing.T, s sample, lang locale.Lang, body []byte, d doc)) {
	set := load(t)
	for _, s := range samples(t) {
		for _, l := range locale.Supported {
			t.Run(s.name+"/"+string(l), func(t *testing.T) {
				body := render(t, set, set.Printer(l), s)
				do(t, s, l, body, parsePage(t, body))
			})
		}
	}
}

func TestFrameOfEveryPage(t *testing.T) {
	eachPage(t, func(t *testing.T, s sample, lang locale.Lang, body []byte, d doc) {
		if got := attr(d.all("html")[0], "lang"); got != string(lang) {
			t.Errorf("lang is %q", got)
		}
		if got := attr(d.all("body")[0], "data-screen"); got != s.page.Name() {
			t.Errorf("data-screen is %q", got)
		}
		for _, name := range []string{"h1", "main", "header", "footer", "title"} {
			if n := len(d.all(name)); n != 1 {
				t.Errorf("%d elements %s", n, name)
			}
		}
		h1, title := text(d.all("h1")[0]), text(d.all("title")[0])
		if !strings.Contains(title, h1) || !strings.HasSuffix(title, " – Stile") {
			t.Errorf("title %q does not hold the heading %q", title, h1)
		}
		for _, bad := range []string{"ZgotmplZ", "<no value>", "%!", "\uE000", "\uE001"} {
			if bytes.Contains(body, []byte(bad)) {
				t.Errorf("page holds %q", bad)
			}
		}
		for _, n := range d.all("") {
			checkNode(t, d, n, s.page.Name())
		}
	})
}

// checkNode holds one element against the Content-Security-Policy (no inline
// style or script, nothing from elsewhere) and the rules of forms.
func checkNode(t *testing.T, d doc, n *html.Node, screen string) {
	t.Helper()
	for _, a := range n.Attr {
		if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
			t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
		}
		if a.Key == "tabindex" && a.Val != "-1" {
			t.Errorf("tabindex %s", a.Val)
		}
		if a.Key == "aria-describedby" || a.Key == "aria-labelledby" || a.Key == "aria-controls" || a.Key == "for" || a.Key == "data-copy" {
			for _, id := range strings.Fields(a.Val) {
				if d.ids[id] == nil {
					t.Errorf("%s names %q, which is not there", a.Key, id)
				}
			}
		}
		if a.Key == "src" && !strings.HasPrefix(a.Val, "/static/") || a.Key == "href" && n.Data == "link" && !strings.HasPrefix(a.Val, "/static/") {
			t.Errorf("<%s> loads %q", n.Data, a.Val)
		}
		if a.Key == "href" && strings.HasPrefix(a.Val, "#") && d.ids[a.Val[1:]] == nil {
			t.Errorf("link to %q, which is not there", a.Val)
		}
	}
	switch n.Data {
	case "style", "base", "iframe", "object", "img":
		t.Errorf("page holds <%s>", n.Data)
	case "script":
		if n.FirstChild != nil && screen != "form-post" {
			t.Error("page holds a script of its own")
		}
	case "input":
		kind := attr(n, "type")
		if has(n, "pattern") || has(n, "maxlength") || has(n, "placeholder") || has(n, "required") {
			t.Errorf("field %s stands in the way of a paste, or speaks in the browser's language", attr(n, "name"))
		}
		if kind != "hidden" && kind != "button" && attr(n, "aria-hidden") == "" && !slices.ContainsFunc(d.all("label"), func(l *html.Node) bool { return attr(l, "for") == attr(n, "id") }) {
			t.Errorf("field %s has no label", attr(n, "name"))
		}
	}
}

// noForm are the screens that ask nothing.
var noForm = []string{
	"signed-out", "finished", "error", "recovery-code.none", "invitation.known", "invitation.known.own", "sign-up-sent", "welcome", "not-me-done",
	"forgot-password.sent",
	"ask-admin.waiting", "ask-admin.many", "ask-admin.nobody", "ask-admin.operator", "ask-admin.wait",
	"device-wait.runs", "device-wait.stopped", "device-wait.address",
}

func TestMainFormIsFirstAndSoIsItsButton(t *testing.T) {
	eachPage(t, func(t *testing.T, s sample, _ locale.Lang, _ []byte, d doc) {
		main := d.all("main")[0]
		forms := within(main, "form")
		if slices.Contains(noForm, s.page.Name()) || slices.Contains(noForm, s.name) {
			if len(forms) > 0 && attr(forms[0], "class") == "main" {
				t.Error("page has a main form")
			}
			return
		}
		if len(forms) == 0 || attr(forms[0], "class") != "main" {
			t.Fatal("the first form is not the main one")
		}
		for i, f := range forms {
			if attr(f, "method") != "post" || i > 0 && attr(f, "class") == "main" {
				t.Errorf("form %d: %v", i, f.Attr)
			}
			buttons := within(f, "button")
			if len(buttons) != 1 || attr(buttons[0], "type") != "submit" || text(buttons[0]) == "" {
				t.Errorf("form %d has %d buttons", i, len(buttons))
			}
			if s.page.Name() == "form-post" {
				continue
			}
			fields := url.Values{}
			for _, in := range within(f, "input") {
				fields.Add(attr(in, "name"), attr(in, "value"))
			}
			if fields.Get(templates.FieldCSRF) == "" || fields.Get(templates.FieldRequest) == "" {
				t.Errorf("form %d lacks what every form carries", i)
			}
			if i > 0 && fields.Get(templates.FieldDo) == "" {
				t.Errorf("form %d does not say what it does", i)
			}
		}
		if s.page.Name() != "form-post" && !has(forms[0], "novalidate") {
			t.Error("the browser would judge the form in its own words")
		}
	})
}

// TestFieldsHaveTheirTokens: what password managers go by, and what never
// changes between releases.
func TestFieldsHaveTheirTokens(t *testing.T) {
	set := load(t)
	want := map[string]map[string]string{
		"sign-in":          {"email": "username", "password": "current-password"},
		"sign-in.address":  {"email": "username"},
		"sign-in.password": {"email": "username", "password": "current-password"},
		"verify-email":     {"code": "one-time-code"},
		"setup-code":       {"code": "one-time-code"},
		"enter-code":       {"code": "one-time-code"},
		"recovery-code":    {"recovery": "off"},
	}
	for _, s := range samples(t) {
		fields, ok := want[s.name]
		if !ok {
			continue
		}
		d := parsePage(t, render(t, set, set.Printer(locale.English), s))
		got := map[string]string{}
		for _, in := range within(d.all("form")[0], "input") {
			if token := attr(in, "autocomplete"); token != "" {
				got[attr(in, "name")] = token
				if attr(in, "id") != attr(in, "name") {
					t.Errorf("%s: id %q of field %q", s.name, attr(in, "id"), attr(in, "name"))
				}
			}
		}
		if len(got) != len(fields) {
			t.Errorf("%s: fields %v, want %v", s.name, got, fields)
		}
		for name, token := range fields {
			if got[name] != token {
				t.Errorf("%s: field %s has the token %q, want %q", s.name, name, got[name], token)
			}
		}
	}
}

// TestActionsHaveTheirEnglishNames: people's tools press these.
func TestActionsHaveTheirEnglishNames(t *testing.T) {
	set := load(t)
	for name, want := range map[string][]string{
		"sign-in":               {"Sign in"},
		"sign-in.address":       {"Next"},
		"two-step-introduction": {"Continue", "Sign out"},
		"verify-email":          {"Continue", "Send the email again", "I can't use this address"},
		"install-app":           {"Continue", "Back"},
		"connect-device":        {"Continue", "Open in my authenticator app", "Start over with a new key"},
		"setup-code":            {"Continue", "Back to the QR code"},
		"done":                  {"Continue to Acme Console", "Download"},
		"enter-code":            {"Continue", "Use a recovery code", "Set up a new mobile device", "Sign in as someone else"},
		"recovery-code":         {"Continue", "Set up a new mobile device"},
		"ask-admin":             {"Ask an admin", "Use a recovery code", "Back to the code from the app"},
		"ask-admin.waiting":     {"Check again", "Use a recovery code", "Back to the code from the app"},
		"ask-admin.approved":    {"Continue"},
		"ask-admin.refused":     {"Ask again"},
		"consent":               {"Allow", "Don't allow"},
		"sign-out":              {"Sign out", "Stay signed in"},
		"finished":              {"Open Acme Console"},
		"error.over":            {"Start again"},
	} {
		i := slices.IndexFunc(samples(t), func(s sample) bool { return s.name == name })
		d := parsePage(t, render(t, set, set.Printer(locale.English), samples(t)[i]))
		var names []string
		for _, kind := range []string{"button", "a", "summary"} {
			for _, n := range within(d.all("main")[0], kind) {
				names = append(names, text(n))
			}
		}
		for _, w := range want {
			if !slices.Contains(names, w) {
				t.Errorf("%s: no %q among %q", name, w, names)
			}
		}
	}
}

func TestErrorsAreTiedToTheirField(t *testing.T) {
	eachPage(t, func(t *testing.T, s sample, _ locale.Lang, body []byte, d doc) {
		wrong := slices.DeleteFunc(d.all(""), func(n *html.Node) bool { return attr(n, "aria-invalid") != "true" && !has(n, "data-x") })
		summary := slices.DeleteFunc(d.all("div"), func(n *html.Node) bool { return attr(n, "class") != "summary" })
		if len(summary) == 0 {
			if len(wrong) > 0 {
				t.Error("a field is wrong, and no summary says so")
			}
			return
		}
		if attr(summary[0], "tabindex") != "-1" || !has(summary[0], "autofocus") || !strings.Contains(string(body), `role="alert"`) {
			t.Error("the summary does not take the focus")
		}
		if n := bytes.Count(body, []byte(" autofocus")); n != 1 {
			t.Errorf("%d elements want the focus", n)
		}
		link := within(summary[0], "a")[0]
		target := d.ids[attr(link, "href")[1:]]
		said := false
		for _, id := range strings.Fields(attr(target, "aria-describedby")) {
			said = said || strings.HasSuffix(text(d.ids[id]), text(link))
		}
		if !said {
			t.Errorf("%q does not stand at %s", text(link), attr(target, "id"))
		}
		if target.Data == "input" && attr(target, "aria-invalid") != "true" {
			t.Error("the field is not marked")
		}
		if attr(target, "type") == "password" && attr(target, "value") != "" || attr(target, "name") == "code" && attr(target, "value") != "" {
			t.Error("a secret came back")
		}
	})
}

// TestSize: at most 20 kB of HTML and CSS, at most 6 kB of script.
func TestSize(t *testing.T) {
	const most, mostScript = 20 << 10, 6 << 10
	set := load(t)
	size := func(name string) int {
		f, ok := set.Static(strings.TrimPrefix(set.StaticURL(name), templates.StaticPath))
		if !ok {
			t.Fatalf("no %s", name)
		}
		return len(f.Body)
	}
	if n := size("stile.js"); n > mostScript {
		t.Errorf("%d bytes of script", n)
	}
	css := size("stile.css")
	for _, s := range samples(t) {
		for _, l := range locale.Supported {
			if n := css + len(render(t, set, set.Printer(l), s)); n > most {
				t.Errorf("%s in %s: %d bytes, %d of them CSS", s.name, l, n, css)
			}
		}
	}
}

// TestPseudoLanguage: whatever people read went through the texts.
func TestPseudoLanguage(t *testing.T) {
	set, word := load(t), regexp.MustCompile(`\p{L}{3,}`)
	given := regexp.MustCompile(`Acme Console|Grafana|Example (Support|Sales)|Mia Member|other@example\.com|Stile|a•••@example\.com|agent@example\.com|grafana\.example|console\.example|` +
		`Kim Jansen|Robin Dubois|Ada|English|Français|Italiano|Deutsch|Español|Português|Nederlands|7f3k9q2m|Email Verification|KT|Google Play|App Store|dashboards\.read|https?://\S+|` +
		`[a-z0-9]{4}(-[a-z0-9]{4}){3}|JBSW|Y3DP|EHPK|3PXP|2FAS Auth|Aegis Authenticator|Ente Auth|FreeOTP|(Google|Microsoft) Authenticator|invalid_request|redirect_uri( is not registered for this client)?`)
	for _, s := range samples(t) {
		d := parsePage(t, render(t, set, locale.Pseudo(), s))
		for _, n := range d.all("script") {
			n.Parent.RemoveChild(n)
		}
		all := text(d.Node)
		for strings.Contains(all, "⟦") { // innermost first: sentences hold dates
			next := regexp.MustCompile(`⟦[^⟦⟧]*⟧`).ReplaceAllString(all, " ")
			if next == all {
				t.Fatalf("%s: brackets do not match in %q", s.name, all)
			}
			all = next
		}
		if rest := given.ReplaceAllString(all, " "); word.MatchString(rest) {
			t.Errorf("%s: not translated: %q", s.name, strings.Join(word.FindAllString(rest, -1), " "))
		}
	}
}
