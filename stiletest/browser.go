// Package stiletest starts Stile for tests and talks to it from outside: a
// browser without JavaScript, a relying party on an ordinary client library,
// a clock that tests move, and the mail that was sent.
package stiletest

import (
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// maxRedirects is how many redirects a browser follows in a row.
const maxRedirects = 20

// maxBusy is how often somebody tries again who is told that the server is busy.
const maxBusy = 20

// Browser is a browser without JavaScript: it keeps cookies, follows
// redirects, reads forms and submits them. It fails the test when a page does
// not have what is asked for.
type Browser struct {
	t      testing.TB
	client *http.Client
	// Header is sent with each request, such as Accept-Language.
	Header http.Header
	// Apps are the beginnings of addresses that open an app on this device
	// instead of being requested. Private schemes always do.
	Apps []string
	// Visited holds each answer that the browser got, redirects included.
	Visited []Answer
	// Impatient stays with an answer that says to come back in a moment.
	Impatient bool
	// Again, unless nil, changes a form that is sent again after such an answer.
	Again func(form url.Values)

	page *Page
}

// Answer is one answer of a server: whose, and with which status and headers.
type Answer struct {
	Method, URL string
	Status      int
	Header      http.Header
}

// NewBrowser returns a browser with an empty cookie jar.
func NewBrowser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{t: t, Header: http.Header{}}
	b.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b
}

// Transport sends the browser's requests through another transport, such as
// one that switches between replicas.
func (b *Browser) Transport(rt http.RoundTripper) *Browser {
	b.client.Transport = rt
	return b
}

// Cookies returns the cookies that the browser would send to a URL.
func (b *Browser) Cookies(address string) []*http.Cookie {
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.client.Jar.Cookies(u)
}

// Open loads a page.
func (b *Browser) Open(address string) *Page {
	b.t.Helper()
	return b.send(http.MethodGet, address, nil)
}

// Page returns the page that is shown.
func (b *Browser) Page() *Page {
	b.t.Helper()
	if b.page == nil {
		b.t.Fatal("the browser has not opened a page")
	}
	return b.page
}

// Submit fills the main form of the page in and sends it with its first button.
func (b *Browser) Submit(values map[string]string) *Page {
	b.t.Helper()
	form := b.Page().mainForm()
	if form == nil {
		b.t.Fatalf("no form in %s", b.page)
	}
	return b.submit(form, nil, values)
}

// Press sends the form whose button has this text, or follows the link with it.
func (b *Browser) Press(text string) *Page {
	b.t.Helper()
	p := b.Page()
	for _, form := range p.all("form") {
		for _, button := range within(form, "button") {
			if textOf(button) == text {
				return b.submit(form, button, nil)
			}
		}
	}
	for _, a := range p.all("a") {
		if textOf(a) == text {
			return b.Open(p.resolve(attr(a, "href")))
		}
	}
	b.t.Fatalf("nothing called %q in %s", text, p)
	return nil
}

// Send submits values as a form to a URL, as a program without a page would.
func (b *Browser) Send(address string, values url.Values) *Page {
	b.t.Helper()
	return b.send(http.MethodPost, address, values)
}

// Upload submits the main form of the page with a file in one of its fields.
func (b *Browser) Upload(field string, file []byte, values map[string]string) *Page {
	b.t.Helper()
	fields := b.Page().Fields()
	for name, value := range values {
		fields.Set(name, value)
	}
	return b.SendFile(b.Page().Action(), fields, field, file)
}

// SendFile submits values and a file as a form to a URL, as a program without a
// page would.
func (b *Browser) SendFile(address string, values url.Values, field string, file []byte) *Page {
	b.t.Helper()
	kind, text := Multipart(values, field, file)
	return b.sendBody(http.MethodPost, address, body{kind, text}, nil)
}

// Multipart returns the body of a form with a file, and its media type.
func Multipart(values url.Values, field string, file []byte) (kind, text string) {
	var b strings.Builder // takes everything
	w := multipart.NewWriter(&b)
	for name := range values {
		if name != field {
			_ = w.WriteField(name, values.Get(name))
		}
	}
	if part, err := w.CreateFormFile(field, "list.csv"); err == nil {
		_, _ = part.Write(file)
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

// submit sends a form with a button: its first one if none is given.
func (b *Browser) submit(form, button *html.Node, values map[string]string) *Page {
	b.t.Helper()
	fields := b.page.fields(form)
	if button == nil {
		if buttons := within(form, "button"); len(buttons) > 0 {
			button = buttons[0]
		}
	}
	if name := attr(button, "name"); name != "" {
		fields.Add(name, attr(button, "value"))
	}
	for name, value := range values {
		if !slices.ContainsFunc(slices.Concat(within(form, "input"), within(form, "select"), within(form, "textarea")), func(n *html.Node) bool { return attr(n, "name") == name }) {
			b.t.Fatalf("no field %q in the form of %s", name, b.page)
		}
		fields.Set(name, value)
	}
	target := b.page.resolve(attr(form, "action"))
	if strings.EqualFold(attr(form, "method"), "post") {
		return b.send(http.MethodPost, target, fields)
	}
	return b.Open(strings.SplitN(target, "?", 2)[0] + "?" + fields.Encode())
}

// send sends a request and follows where its answer leads. Whoever is told to
// come back in a moment does so, unless impatient.
func (b *Browser) send(method, address string, form url.Values) *Page {
	b.t.Helper()
	return b.sendBody(method, address, body{"application/x-www-form-urlencoded", form.Encode()}, form)
}

// body is what a POST carries.
type body struct{ kind, text string }

// sendBody is send for what was made of a form; nil for what has none.
func (b *Browser) sendBody(method, address string, content body, form url.Values) *Page {
	b.t.Helper()
	page := b.sendOnce(method, address, content)
	for range maxBusy {
		wait, err := strconv.Atoi(page.Header.Get("Retry-After"))
		if b.Impatient || page.Status != http.StatusServiceUnavailable || err != nil {
			break
		}
		<-time.After(time.Duration(wait) * time.Second)
		if b.Again != nil && form != nil {
			b.Again(form)
			content.text = form.Encode()
		}
		page = b.sendOnce(method, address, content)
	}
	return page
}

func (b *Browser) sendOnce(method, address string, content body) *Page {
	b.t.Helper()
	for range maxRedirects {
		u, err := url.Parse(address)
		if err != nil {
			b.t.Fatalf("address %q: %v", address, err)
		}
		if u.Scheme != "http" && u.Scheme != "https" || slices.ContainsFunc(b.Apps, func(begin string) bool { return strings.HasPrefix(address, begin) }) {
			b.page = &Page{URL: u, root: new(html.Node)}
			return b.page
		}
		var sent io.Reader
		if method == http.MethodPost {
			sent = strings.NewReader(content.text)
		}
		r, err := http.NewRequest(method, address, sent)
		if err != nil {
			b.t.Fatal(err)
		}
		for k, v := range b.Header {
			r.Header[k] = v
		}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", content.kind)
		}
		resp, err := b.client.Do(r)
		if err != nil {
			b.t.Fatalf("%s %s: %v", method, address, err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			b.t.Fatal(err)
		}
		b.Visited = append(b.Visited, Answer{method, address, resp.StatusCode, resp.Header})
		if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
			next, err := u.Parse(to)
			if err != nil {
				b.t.Fatalf("redirect to %q: %v", to, err)
			}
			if resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect {
				method = http.MethodGet
			}
			address = next.String()
			continue
		}
		root, err := html.Parse(strings.NewReader(string(text)))
		if err != nil {
			b.t.Fatal(err)
		}
		b.page = &Page{URL: u, Status: resp.StatusCode, Header: resp.Header, Body: string(text), root: root}
		return b.page
	}
	b.t.Fatalf("more than %d redirects, the last to %s", maxRedirects, address)
	return nil
}
