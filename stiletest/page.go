package stiletest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Page is what a browser shows.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
	root   *html.Node
}

func (p *Page) String() string {
	return fmt.Sprintf("page %s (status %d, screen %q):\n%s", p.URL, p.Status, p.Screen(), p.Text())
}

// Screen returns the data-screen of the page.
func (p *Page) Screen() string {
	for _, body := range p.all("body") {
		return attr(body, "data-screen")
	}
	return ""
}

// Text returns the words of the page's main part, or of all of it.
func (p *Page) Text() string {
	if p.root == nil {
		return ""
	}
	for _, main := range p.all("main") {
		return textOf(main)
	}
	return textOf(p.root)
}

// Links returns the targets of the page's links that begin with a prefix.
func (p *Page) Links(prefix string) []string {
	var found []string
	for _, a := range p.all("a") {
		if strings.HasPrefix(attr(a, "href"), prefix) {
			found = append(found, attr(a, "href"))
		}
	}
	return found
}

// Texts returns the words of each element of a kind.
func (p *Page) Texts(element string) []string {
	var found []string
	for _, n := range p.all(element) {
		found = append(found, textOf(n))
	}
	return found
}

// Unguarded names the headers that a page outside of a sign-in lacks.
func (p *Page) Unguarded() (faults []string) {
	for name, want := range map[string]string{
		"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := p.Header.Get(name); got != want {
			faults = append(faults, fmt.Sprintf("%s: %q, want %q", name, got, want))
		}
	}
	if csp := p.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		faults = append(faults, fmt.Sprintf("policy %q", csp))
	}
	return faults
}

// Field returns the value of a named field of the main form.
func (p *Page) Field(name string) string { return p.fields(p.mainForm()).Get(name) }

// Fields returns what the main form would send if nothing were typed.
func (p *Page) Fields() url.Values { return p.fields(p.mainForm()) }

// Action returns the URL to which the main form is sent.
func (p *Page) Action() string { return p.resolve(attr(p.mainForm(), "action")) }

// PasskeyForm returns the form that asks the browser for a passkey: where it is
// sent, the options that it asks with (empty: the page has none), and what it
// would send without an answer.
func (p *Page) PasskeyForm() (action, options string, fields url.Values) {
	for _, form := range p.all("form") {
		if has(form, "data-passkey") {
			return p.resolve(attr(form, "action")), attr(form, "data-options"), p.fields(form)
		}
	}
	return "", "", nil
}

// mainForm is the first form in the main part that posts.
func (p *Page) mainForm() *html.Node {
	for _, main := range p.all("main") {
		for _, form := range within(main, "form") {
			return form
		}
	}
	return nil
}

func (p *Page) fields(form *html.Node) url.Values {
	values := url.Values{}
	for _, input := range within(form, "input") {
		switch attr(input, "type") {
		case "checkbox", "radio":
			if !has(input, "checked") {
				continue
			}
		case "submit", "button":
			continue
		}
		if name := attr(input, "name"); name != "" {
			values.Add(name, strings.ReplaceAll(attr(input, "value"), "\n", "\r\n")) // HTML, 4.10.22.4
		}
	}
	for _, text := range within(form, "textarea") {
		values.Add(attr(text, "name"), strings.TrimSpace(textOf(text)))
	}
	for _, list := range within(form, "select") {
		options := within(list, "option")
		i := max(0, slices.IndexFunc(options, func(o *html.Node) bool { return has(o, "selected") }))
		values.Add(attr(list, "name"), attr(options[i], "value"))
	}
	return values
}

func (p *Page) resolve(ref string) string {
	u, err := p.URL.Parse(ref)
	if err != nil {
		return ref
	}
	return u.String()
}

func (p *Page) all(element string) []*html.Node { return within(p.root, element) }

func within(n *html.Node, element string) []*html.Node {
	var found []*html.Node
	if n == nil {
		return nil
	}
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == element {
			found = append(found, d)
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func textOf(n *html.Node) string {
	var words []string
	if n.Type == html.TextNode {
		words = strings.Fields(n.Data)
	}
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			words = append(words, strings.Fields(d.Data)...)
		}
	}
	return strings.Join(words, " ")
}
