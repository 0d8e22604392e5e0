package templates_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stile/locale"
	"stile/templates"
)

func TestStaticFilesAreNamedByTheirContent(t *testing.T) {
	set := load(t)
	for name, kind := range map[string]string{
		"stile.css": "text/css; charset=utf-8", "stile.js": "text/javascript; charset=utf-8", "favicon.svg": "image/svg+xml",
	} {
		path := set.StaticURL(name)
		f, ok := set.Static(strings.TrimPrefix(path, templates.StaticPath))
		if !ok || f.Type != kind || len(f.Body) == 0 || path != templates.StaticPath+f.Name {
			t.Errorf("%s at %q: %v, type %q, %d bytes", name, path, ok, f.Type, len(f.Body))
		}
		hash := strings.Trim(f.ETag, `"`)
		if len(hash) < 8 || !strings.Contains(f.Name, hash) || f.ETag != `"`+hash+`"` {
			t.Errorf("%s: name %q, ETag %s", name, f.Name, f.ETag)
		}
	}
	for _, name := range []string{"stile.css", "", "..", "../set.go", "nothing.css"} {
		if _, ok := set.Static(name); ok {
			t.Errorf("Static(%q) found something", name)
		}
	}
}

func TestOwnFilesTakeThePlaceOfTheBuiltInOnes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, body string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("static/stile.css", "body { color: rebeccapurple; }")
	write("locale/en.json", `{"signin.title": "Come in"}`)
	write("finished.html", `{{define "main"}}<p>own</p>{{end}}`)
	set, err := templates.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := set.Static(strings.TrimPrefix(set.StaticURL("stile.css"), templates.StaticPath)); string(f.Body) != "body{color:rebeccapurple}" {
		t.Errorf("style sheet is %q", f.Body)
	}
	if set.StaticURL("stile.js") != load(t).StaticURL("stile.js") {
		t.Error("a file that was not replaced has changed")
	}
	for page, want := range map[templates.Page]string{templates.SignIn{}: "<h1>Come in</h1>", templates.Finished{}: "<p>own</p>"} {
		var b bytes.Buffer
		if err := set.Execute(&b, frame(set.Printer(locale.English), page), page); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %v, no %q", page.Name(), err, want)
		}
	}
	write("sign-in.html", `{{define "main"}}{{.Broken`)
	if _, err := templates.Load(dir); err == nil || !strings.Contains(err.Error(), "sign-in.html") {
		t.Errorf("broken page: %v, want an error that names it", err)
	}
	if _, err := templates.Load(filepath.Join(dir, "nowhere")); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("missing folder: %v, want an error that names it", err)
	}
}

func TestEnrolmentStep(t *testing.T) {
	for _, c := range []struct {
		screen    string
		withEmail bool
		step, of  int
	}{
		{"two-step-introduction", true, 1, 6},
		{"verify-email", true, 2, 6},
		{"install-app", true, 3, 6},
		{"connect-device", true, 4, 6},
		{"setup-code", true, 5, 6},
		{"done", true, 6, 6},
		{"enter-code", true, 0, 0},
		{"two-step-introduction", false, 1, 5},
		{"verify-email", false, 0, 0},
		{"install-app", false, 2, 5},
		{"done", false, 5, 5},
	} {
		if step, of := templates.EnrolmentStep(c.screen, c.withEmail); step != c.step || of != c.of {
			t.Errorf("%s (e-mail: %v) is step %d of %d, want %d of %d", c.screen, c.withEmail, step, of, c.step, c.of)
		}
	}
}

func TestTitleSaysWhatThePageIsFirst(t *testing.T) {
	set := load(t)
	wrong := templates.VerifyEmail{Masked: masked}
	f := frame(set.Printer(locale.English), wrong)
	f.Errors = []templates.FieldError{{Field: "code", Key: templates.ErrCodeForm}}
	var b bytes.Buffer
	if err := set.Execute(&b, f, wrong); err != nil {
		t.Fatal(err)
	}
	want := "<title>Error: Step 2 of 6: Verify your e-mail – Acme Console – Stile</title>"
	if !strings.Contains(b.String(), want) {
		t.Errorf("no %q", want)
	}
}

func TestTimesAreToldInTheZoneOfThePage(t *testing.T) {
	set := load(t)
	page := templates.VerifyEmail{ValidUntil: now.Add(20 * time.Hour), Masked: masked}
	f := frame(set.Printer(locale.English), page)
	var b bytes.Buffer
	if err := set.Execute(&b, f, page); err != nil {
		t.Fatal(err)
	}
	want := `The code works until <time datetime="2026-11-23T09:32:00Z">10:32 CET on 23 November 2026</time>.`
	if !strings.Contains(b.String(), want) {
		t.Errorf("no %q", want)
	}
}

func TestEverySentenceOfAFormHasItsPlaceholders(t *testing.T) {
	set := load(t)
	for _, l := range locale.Supported {
		f := frame(set.Printer(l), templates.EnterCode{})
		for _, s := range goStrings(t, ".") {
			switch {
			case strings.HasPrefix(s, "error.") && keyForm.MatchString(s) && s != "error.html":
				f.Errors = append(f.Errors, templates.FieldError{Field: "code", Key: s, Args: locale.Args{"Until": now, "Min": 8, "Max": 256, "Most": 8}})
			case strings.HasPrefix(s, "notice."):
				args := locale.Args{"At": now}
				if s == templates.NoticeRecoveryUsed {
					args = locale.Args{"N": 3}
				}
				f.Notices = append(f.Notices, templates.Notice{Key: s, Args: args})
			}
		}
		if len(f.Errors) < 20 || len(f.Notices) < 7 {
			t.Fatalf("only %d errors and %d notices", len(f.Errors), len(f.Notices))
		}
		var b bytes.Buffer
		if err := set.Execute(&b, f, templates.EnterCode{}); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"no value", "error.", "notice.", "\uE000"} {
			if strings.Contains(text(parsePage(t, b.Bytes()).Node), bad) {
				t.Errorf("%s: page holds %q", l, bad)
			}
		}
	}
}

// TestFormPostScript: the hash that the policy names is that of the script in
// the page.
func TestFormPostScript(t *testing.T) {
	set := load(t)
	page := templates.FormPost{Action: "https://client.example/callback", Fields: []templates.FormField{{Name: "code", Value: "x"}}}
	var b bytes.Buffer
	if err := set.Execute(&b, frame(set.Printer(locale.English), page), page); err != nil {
		t.Fatal(err)
	}
	script := ""
	for _, n := range parsePage(t, b.Bytes()).all("script") {
		if n.FirstChild != nil {
			script += n.FirstChild.Data
		}
	}
	if got := templates.ScriptHash(script); got != templates.FormPostScriptHash {
		t.Errorf("script %q has the hash %s, the policy names %s", script, got, templates.FormPostScriptHash)
	}
}

func BenchmarkExecute(b *testing.B) {
	set := load(b)
	page := templates.EnterCode{Address: address, Recovery: "/login/recovery-code"}
	f := frame(set.Printer(locale.German), page)
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := set.Execute(&out, f, page); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := templates.Load(""); err != nil {
			b.Fatal(err)
		}
	}
}
