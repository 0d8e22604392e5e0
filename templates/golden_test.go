package templates_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"stile/locale"
	"stile/templates"
)

var (
	update  = flag.Bool("update", false, "write the golden files")
	preview = flag.String("preview", "", "write every page, and the static files, into this `folder` to look at")
)

func load(t testing.TB) *templates.Set {
	t.Helper()
	set, err := templates.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func render(t testing.TB, set *templates.Set, p locale.Printer, s sample) []byte {
	t.Helper()
	f := frame(p, s.page)
	if s.frame != nil {
		s.frame(&f)
	}
	var b bytes.Buffer
	if err := set.Execute(&b, f, s.page); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return b.Bytes()
}

// TestPages holds every page in every language against its golden file.
func TestPages(t *testing.T) {
	set := load(t)
	for _, s := range samples(t) {
		for _, l := range locale.Supported {
			compare(t, s.name+"."+string(l)+".html", withoutHashes(set, render(t, set, set.Printer(l), s)))
		}
	}
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%v; write it with -update, and look at it", err)
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look with -update and git diff", name)
	}
}

var statics = []string{"stile.css", "admin.css", "stile.js", "favicon.svg"}

// withoutHashes lets golden files outlive a change of the styles.
func withoutHashes(set *templates.Set, page []byte) []byte {
	for _, name := range statics {
		page = bytes.ReplaceAll(page, []byte(set.StaticURL(name)), []byte("/static/"+name))
	}
	return page
}

// TestPreview writes the pages to look at them in a browser.
func TestPreview(t *testing.T) {
	if *preview == "" {
		t.Skip("only with -preview")
	}
	set := load(t)
	write := func(name string, body []byte) {
		if err := os.WriteFile(filepath.Join(*preview, name), body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range statics {
		f, _ := set.Static(filepath.Base(set.StaticURL(name)))
		write(name, f.Body)
	}
	for _, s := range samples(t) {
		printers := map[string]locale.Printer{"xa": locale.Pseudo()}
		for _, l := range locale.Supported {
			printers[string(l)] = set.Printer(l)
		}
		for l, p := range printers {
			page := withoutHashes(set, render(t, set, p, s))
			write(s.name+"."+l+".html", bytes.ReplaceAll(page, []byte("/static/"), nil))
		}
	}
}
