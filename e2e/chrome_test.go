package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// artifacts is where the pictures go that people look at afterwards.
const artifacts = "../artifacts"

// size is a viewport in CSS pixels.
type size struct {
	name          string
	width, height int64
	mobile        bool
}

var (
	desktop = size{"desktop", 1280, 900, false}
	phone   = size{"phone", 390, 844, true}
	narrow  = size{"narrow", 320, 640, true} // WCAG 2.2, 1.4.10
)

// chrome is a Chromium with one tab.
type chrome struct {
	t    *testing.T
	ctx  context.Context
	size size
}

// patience is how long a page may take.
const patience = 40 * time.Second

// browser is the one Chromium of all tests; each test has a profile of its own in it.
var browser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func launchBrowser() {
	path, err := exec.LookPath("chromium")
	if err != nil {
		browser.err = errors.New("no Chromium: run make setup, or install the package chromium")
		return
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.Flag("lang", "en"))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	browser.ctx, browser.stop = ctx, func() { cancel(); cancelAlloc() }
	browser.err = chromedp.Do(ctx)
}

// stopBrowser ends the Chromium of all tests, if one was started.
func stopBrowser() {
	if browser.stop != nil {
		browser.stop()
	}
}

// startChrome opens a tab of a fresh profile: no cookies, no history.
func startChrome(t *testing.T, s size) *chrome {
	t.Helper()
	browser.once.Do(launchBrowser)
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	c := &chrome{t: t, ctx: ctx, size: s}
	c.begin()
	return c
}

// otherTab opens another tab of the same profile.
func (c *chrome) otherTab() *chrome {
	c.t.Helper()
	ctx, cancel := chromedp.NewContext(c.ctx)
	c.t.Cleanup(cancel)
	tab := &chrome{t: c.t, ctx: ctx, size: c.size}
	tab.begin()
	return tab
}

func (c *chrome) begin() {
	c.t.Helper()
	if err := chromedp.Do(c.ctx); err != nil {
		c.t.Fatalf("open a tab: %v", err)
	}
	c.resize(c.size)
	send(c, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
}

// resize makes the viewport that of another device.
func (c *chrome) resize(s size) {
	c.t.Helper()
	c.size = s
	send(c, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: s.width, Height: s.height, DeviceScaleFactor: 1, Mobile: s.mobile})
	send(c, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: s.mobile})
}

// send sends a command of the browser's protocol.
func send[P, R any](c *chrome, command cdp.Command[P, R], params P) {
	c.t.Helper()
	if _, err := chromedp.Call(c.ctx, command, params); err != nil {
		c.t.Fatal(err)
	}
}

// do runs an action and returns its value; if it fails, the test ends with
// what the page shows.
func do[T any](c *chrome, what string, action chromedp.Action[T]) T {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		c.fail(what, err)
	}
	return v
}

func (c *chrome) fail(what string, err error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, 5*time.Second)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	c.t.Fatalf("%s: %v\nat %s:\n%s", what, err, at, text)
}

// open loads a page.
func (c *chrome) open(url string) {
	c.t.Helper()
	do(c, "open "+url, chromedp.Navigate(url))
}

// reload loads the page again.
func (c *chrome) reload() {
	c.t.Helper()
	do(c, "reload", chromedp.Reload())
}

// back goes back in the browser's history.
func (c *chrome) back() {
	c.t.Helper()
	do(c, "go back", chromedp.NavigateBack())
}

// screen waits until the page is the named screen.
func (c *chrome) screen(name string) {
	c.t.Helper()
	do(c, "wait for screen "+name, chromedp.WaitReady(chromedp.CSS(`body[data-screen="`+name+`"]`)))
}

// fill types into a field, over what is in it.
func (c *chrome) fill(name, value string) {
	c.t.Helper()
	selector := `[name="` + name + `"]`
	do(c, "fill in "+name, chromedp.Steps(
		chromedp.WaitVisible(chromedp.CSS(selector)),
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).select()", selector)),
		chromedp.SendKeys(chromedp.CSS(selector), value)))
}

// submit presses the first button of the main form.
func (c *chrome) submit() {
	c.t.Helper()
	c.leave("submit", chromedp.Click(chromedp.CSS(`main form button`)))
}

// press presses the button or link with a text.
func (c *chrome) press(text string) {
	c.t.Helper()
	c.leave("press "+text, chromedp.Click(fmt.Sprintf(`//*[self::a or self::button][normalize-space()=%q]`, text)))
}

// leave does what loads another page, and waits for that page. Whoever is told
// that the server is busy sends the form again.
func (c *chrome) leave(what string, action chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, action)
	for err == nil && answer != nil && answer.Status == http.StatusServiceUnavailable {
		answer, err = chromedp.RunResponse(ctx, chromedp.Reload())
	}
	if err != nil {
		c.fail(what, err)
	}
}

// text returns the words of the first element that a selector finds.
func (c *chrome) text(selector string) string {
	c.t.Helper()
	return strings.TrimSpace(evaluate[string](c, fmt.Sprintf("document.querySelector(%q).innerText", selector)))
}

// evaluate returns the value of an expression of JavaScript in the page, also
// where the page's own scripts are turned off.
func evaluate[T any](c *chrome, expression string) T {
	c.t.Helper()
	return do(c, "evaluate "+expression, chromedp.Evaluate[T](expression))
}

// attribute returns an attribute of the first element that a selector finds.
func (c *chrome) attribute(selector, name string) string {
	c.t.Helper()
	return do(c, "read "+name+" of "+selector, chromedp.AttributeValue(chromedp.CSS(selector), name)).Value
}

// location returns the URL of the page.
func (c *chrome) location() string {
	c.t.Helper()
	return do(c, "read the address", chromedp.Location())
}

// picture keeps a picture of the page, in light and dark.
func (c *chrome) picture(name string) {
	c.t.Helper()
	for _, scheme := range []string{"dark", "light"} {
		c.scheme(scheme)
		c.keep(name, scheme)
	}
}

// scheme makes the browser prefer a colour scheme.
func (c *chrome) scheme(name string) {
	c.t.Helper()
	send(c, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
}

func (c *chrome) keep(name, scheme string) {
	c.t.Helper()
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		c.t.Fatal(err)
	}
	png := do(c, "take a picture", chromedp.FullScreenshot(100))
	file := filepath.Join(artifacts, fmt.Sprintf("%s-%s-%s.png", name, c.size.name, scheme))
	if err := os.WriteFile(file, png, 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// axe is the checker, read once.
var axe = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("no axe-core: run make setup")
	}
	return string(text), err
})

// accessible runs axe on the page and reports each violation.
func (c *chrome) accessible() {
	c.t.Helper()
	script, err := axe()
	if err != nil {
		c.t.Fatal(err)
	}
	do(c, "load axe", chromedp.Evaluate[chromedp.Void](script+"\n;undefined"))
	result := do(c, "run axe", chromedp.Evaluate[string](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html)}))))`, chromedp.EvalAwaitPromise))
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(result), &violations); err != nil {
		c.t.Fatal(err)
	}
	for _, v := range violations {
		c.t.Errorf("%s (%s): axe %s: %s: %v", c.location(), c.size.name, v.ID, v.Help, v.Nodes)
	}
}

// withoutScripts turns the scripts of pages off.
func (c *chrome) withoutScripts() {
	c.t.Helper()
	send(c, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// withScripts turns them on again.
func (c *chrome) withScripts() {
	c.t.Helper()
	send(c, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
}

// elementPicture writes a picture of one element to a file and returns its path.
func (c *chrome) elementPicture(selector string) string {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "element.png")
	if err := os.WriteFile(file, do(c, "take a picture of "+selector, chromedp.Screenshot(chromedp.CSS(selector))), 0o644); err != nil {
		c.t.Fatal(err)
	}
	return file
}

// redirects collects where answers have sent the browser to, private schemes
// among them, which no page ever shows.
func (c *chrome) redirects() func() []string {
	c.t.Helper()
	var mu sync.Mutex
	var seen []string
	err := chromedp.Listen(c.ctx, func(ev any) {
		if e, ok := ev.(*network.EventResponseReceivedExtraInfo); ok {
			for name, value := range e.Headers {
				if strings.EqualFold(name, "Location") {
					mu.Lock()
					seen = append(seen, fmt.Sprint(value))
					mu.Unlock()
				}
			}
		}
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

// awaited returns what a promise in the page comes to.
func awaited(c *chrome, expression string) string {
	c.t.Helper()
	return do(c, "wait for a promise", chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
}
