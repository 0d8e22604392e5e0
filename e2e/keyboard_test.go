package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var update = flag.Bool("update", false, "rewrite the recorded focus order")

// focusOrder is where the order of the focus on each screen is recorded.
const focusOrder = "testdata/focus-order.txt"

// Somebody who has only a keyboard enrols, with Tab, Enter and Space. The focus
// goes through each screen in the recorded order, and is always to be seen.
func TestFirstSignInByKeyboard(t *testing.T) {
	t.Parallel()
	s := startWithClock(t, "")
	rp := s.console(t)
	who := s.newPerson(t, s.newAccount(t, "required"))
	c := startChrome(t, desktop)
	k := &keyboard{chrome: c}

	c.open(rp.Begin().URL)
	k.look("sign-in")
	k.to("email")
	k.write(who.Email)
	k.to("password")
	k.write(who.Password)
	k.to("Sign in")
	k.press(k.enter)
	k.look("two-step-introduction")
	k.to("Continue")
	k.press(k.enter)
	k.look("verify-email")
	k.to("code")
	k.write(s.codeByMail(t, who.Email, 0))
	k.press(k.enter) // in the field: sends the form with its first button
	k.look("install-app")
	k.to("Continue")
	k.press(k.space)
	k.look("connect-device")
	app := s.newAuthenticator(t, c.key())
	k.to("Continue")
	k.press(k.enter)
	k.look("setup-code")
	k.to("code")
	k.write("000000")
	k.press(k.enter)
	c.screen("setup-code")
	do(c, "wait for the summary to have the focus", chromedp.WaitReady(chromedp.CSS(".summary:focus")))
	k.to("That is not the code the app shows now. Wait for the next code, then enter it.")
	k.enter()
	do(c, "follow the link to the field", chromedp.WaitReady(chromedp.CSS(`[name="code"]:focus`)))
	k.write(app.Code())
	k.press(k.enter)
	k.look("done")
	k.to("kept")
	k.space()
	k.to("Continue to Acme Console")
	k.press(k.enter)
	k.look("enter-code")
	k.to("code")
	k.write(app.Code())
	k.to("Continue")
	k.press(k.enter)
	c.screen("client")
	k.compare()
}

// keyboard uses a browser without a mouse, and records where the focus goes.
type keyboard struct {
	*chrome
	seen bytes.Buffer
}

// focus names the element that has the focus; empty is none.
func (k *keyboard) focus() string {
	k.t.Helper()
	return evaluate[string](k.chrome, `(e => !e || e === document.body ? "" :
		e.name && e.type !== "submit" ? e.name : (e.textContent || e.value).trim().replace(/\s+/g, " "))(document.activeElement)`)
}

// tab goes to the next element.
func (k *keyboard) tab() {
	k.t.Helper()
	do(k.chrome, "press Tab", chromedp.KeyEvent(kb.Tab))
}

// to goes on with Tab until an element has the focus.
func (k *keyboard) to(name string) {
	k.t.Helper()
	var met []string
	for range 60 {
		if k.focus() == name {
			return
		}
		k.tab()
		met = append(met, k.focus())
	}
	k.fail("go to "+name+" with Tab", fmt.Errorf("the focus came to %q", met))
}

func (k *keyboard) write(text string) {
	k.t.Helper()
	do(k.chrome, "type", chromedp.KeyEvent(text))
}

// enter and space press these keys as a real keyboard does: what the page does
// at the press swallows the character. (chromedp sends the character anyway.)
func (k *keyboard) enter() { k.t.Helper(); k.key("Enter", "Enter", "\r", 13) }
func (k *keyboard) space() { k.t.Helper(); k.key(" ", "Space", " ", 32) }

func (k *keyboard) key(key, code, text string, number int64) {
	k.t.Helper()
	press := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Code: code, Text: text, WindowsVirtualKeyCode: number}
	send(k.chrome, input.DispatchKeyEvent, press)
	press.Type, press.Text = input.DispatchKeyEventTypeKeyUp, ""
	send(k.chrome, input.DispatchKeyEvent, press)
}

// press presses a key that loads another page.
func (k *keyboard) press(key func()) {
	k.t.Helper()
	k.leave("press a key", chromedp.Func(func(context.Context, *chromedp.Target) error {
		key()
		return nil
	}))
}

// look comes to a screen and goes once through all that can have the focus, from
// the top or from the field that has the focus at the beginning.
func (k *keyboard) look(screen string) {
	k.t.Helper()
	k.screen(screen)
	fmt.Fprintf(&k.seen, "%s\n", screen)
	if evaluate[bool](k.chrome, `!!document.querySelector("[autofocus]")`) {
		do(k.chrome, "wait for the focus", chromedp.WaitReady(chromedp.CSS("[autofocus]:focus")))
	} else {
		k.tab()
	}
	for first := k.focus(); ; {
		at := k.focus()
		if hidden := evaluate[bool](k.chrome, `(e => { const s = getComputedStyle(e); return s.outlineStyle === "none" && s.boxShadow === "none" })(document.activeElement)`); hidden {
			k.t.Errorf("%s: nothing shows that %q has the focus", screen, at)
		}
		fmt.Fprintf(&k.seen, "\t%s\n", at)
		k.tab()
		if next := k.focus(); next == "" || next == first {
			break
		}
	}
}

// compare holds the order of the focus against the recorded one.
func (k *keyboard) compare() {
	k.t.Helper()
	if *update {
		if err := os.WriteFile(focusOrder, k.seen.Bytes(), 0o644); err != nil {
			k.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(focusOrder)
	if err != nil {
		k.t.Fatal(err)
	}
	if !bytes.Equal(want, k.seen.Bytes()) {
		k.t.Errorf("the focus went\n%swant\n%s(go test ./e2e -run Keyboard -update records it)", k.seen.String(), strings.TrimSpace(string(want)))
	}
}
