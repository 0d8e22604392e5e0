package login_test

import (
	"net/http"
	"regexp"
	"testing"
)

func TestStaticFilesAreKeptForEver(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := b.Open(w.begin())
	found := regexp.MustCompile(`"(/static/[^"]+)"`).FindAllStringSubmatch(p.Body, -1)
	if len(found) < 2 {
		t.Fatalf("the page loads %v", found)
	}
	for _, f := range found {
		p := b.Open(w.url + f[1])
		if p.Status != http.StatusOK || p.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || p.Body == "" ||
			p.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: status %d, %v", f[1], p.Status, p.Header)
		}
		b.Header.Set("If-None-Match", p.Header.Get("ETag"))
		if p := b.Open(w.url + f[1]); p.Status != http.StatusNotModified || p.Body != "" {
			t.Errorf("%s again: status %d", f[1], p.Status)
		}
		b.Header.Del("If-None-Match")
	}
	expect(t, b.Open(w.url+"/static/../handler.go"), "error", 404)
	expect(t, b.Open(w.url+"/static/"), "error", 404)
}
