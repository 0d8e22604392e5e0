package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
)

// servePages serves the pages as the tests of the templates keep them, with what
// they need. It returns the URL that their names follow.
func servePages(t *testing.T) string {
	mux := http.NewServeMux()
	mux.Handle("/static/", http.FileServer(http.Dir("../templates")))
	mux.Handle("/", http.FileServer(http.Dir("../templates/testdata/golden")))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// No table of My Account is wider than the window or leaves the card, in any
// language, with the longest names that people may give.
func TestMyAccountFitsEveryWindow(t *testing.T) {
	t.Parallel()
	pages := servePages(t)
	c := startChrome(t, narrow)
	for _, page := range []string{"account.passkeys", "account.trusted", "account-sessions", "account-activity"} {
		for _, l := range languages {
			name := page + "." + l.tag + ".html"
			c.open(pages + name)
			if page != "account-activity" { // there, the times are first in the row
				evaluate[int](c, `document.querySelectorAll("tbody th").forEach((th, i) => { (th.querySelector("span") || th).textContent = "W".repeat(64); }), 0`)
			}
			for _, width := range []int64{320, 390, 641, 768, 769, 1024, 1120, 1280} {
				c.resize(size{"", width, 900, false})
				if over := evaluate[int](c, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
					t.Errorf("%s is %d pixels wider than a window of %d", name, over, width)
				}
				if out := evaluate[string](c, `(() => {
					const main = document.querySelector("main"), edge = main.getBoundingClientRect().right - parseFloat(getComputedStyle(main).paddingRight);
					const over = e => Math.round(e.getBoundingClientRect().right - edge);
					return [...main.querySelectorAll("*")].filter(e => !e.closest(".hidden") && over(e) > 0).map(e => e.tagName + " by " + over(e)).join(", ");
				})()`); out != "" {
					t.Errorf("%s at %d stands out of the card: %s", name, width, out)
				}
			}
		}
	}
}

// On paper, recovery codes stand alone, wherever they were made.
func TestRecoveryCodesOnPaper(t *testing.T) {
	t.Parallel()
	pages := servePages(t)
	c := startChrome(t, desktop)
	send(c, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	for _, page := range []string{"done.en.html", "account-recovery-codes.en.html"} {
		c.open(pages + page)
		sheet, all := c.text(".sheet"), c.text("body")
		if all != sheet || !strings.Contains(sheet, "agent@example.com") {
			t.Errorf("%s prints\n%s\nwhere the sheet is\n%s", page, all, sheet)
		}
		if left := evaluate[float64](c, `document.querySelector(".sheet").getBoundingClientRect().left`); left < 50 || left > 100 {
			t.Errorf("%s leaves a margin of %v pixels", page, left)
		}
	}
}

// A page tells its times in one zone: the browser's, or the server's where one of
// them has a date.
func TestOnePageOneTimeZone(t *testing.T) {
	t.Parallel()
	stamp := time.Now().UTC().Format(time.RFC3339)
	mux := http.NewServeMux()
	mux.Handle("/static/", http.FileServer(http.Dir("../templates")))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><script src="/static/stile.js" defer></script><body data-zone-guessed><p>until <time datetime="%s">10:00 UTC</time></p>`, stamp)
		if r.URL.Path == "/dated" {
			fmt.Fprintf(w, `<p>from <time datetime="%s">10:00 UTC on 30 November 2026</time></p>`, stamp)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	c := startChrome(t, desktop)
	send(c, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"})
	c.open(server.URL + "/")
	if text := c.text("body"); !strings.Contains(text, "GMT+9") {
		t.Errorf("a page of today isn't told in the browser's zone: %s", text)
	}
	c.open(server.URL + "/dated")
	if text := c.text("body"); strings.Count(text, "10:00 UTC") != 2 {
		t.Errorf("a page has two zones: %s", text)
	}
}
