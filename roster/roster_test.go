package roster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// list is one with these lines under the header.
func list(lines ...string) string { return Header + "\n" + strings.Join(lines, "\n") + "\n" }

func TestReadRows(t *testing.T) {
	rows, err := Read(strings.NewReader("\ufeff" + list(
		`Ann@Example.com, Ann Agent ,member;admin,"Console; A\;B ;Console",fr,Europe/Paris`,
		`bob@example.com,"Bob ""B"", Jr",,,,`,
		``,
		`carl@example.com,Carl,,-,,`,
		`'+tag@example.com,'-Dan,,'=Product,pt-BR,`,
	)))
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{2, "ann@example.com", "Ann Agent", []string{"member", "admin"}, []string{"Console", "A;B"}, "fr", "Europe/Paris"},
		{3, "bob@example.com", `Bob "B", Jr`, nil, nil, "", ""},
		{5, "carl@example.com", "Carl", nil, []string{}, "", ""},
		{6, "+tag@example.com", "-Dan", nil, []string{"=Product"}, "pt-BR", ""},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("rows\n%#v\nwant\n%#v", rows, want)
	}
	if rows, err := Read(strings.NewReader(Header + "\r\n")); err != nil || len(rows) != 0 {
		t.Errorf("a list of nobody: %v, %v", rows, err)
	}
}

func TestN07_FaultsAreToldByLine(t *testing.T) {
	good := "ann@example.com,Ann,,,,"
	for name, c := range map[string]struct{ text, says string }{
		"empty":         {"", "line 1: the list is empty: its first line is " + Header},
		"no header":     {good + "\n", `line 1: the first line is "ann@example.com,Ann,,,,": it has to be ` + Header},
		"other columns": {"email,name\n" + good, `line 1: the first line is "email,name": it has to be`},
		"semicolons":    {strings.ReplaceAll(list(good), ",", ";"), "line 1: the first line is"},
		"UTF-16":        {"\xff\xfee\x00m\x00a\x00i\x00l\x00", "line 1: the list is UTF-16: save it as CSV in UTF-8"},
		"Latin-1":       {list("ann@example.com,Ren\xe9e,,,,"), "line 2: name: not UTF-8"},
		"Latin-1 head":  {"\xe9mail,name\n", "line 1: the list is not UTF-8"},
		"few cells":     {list(good, "bob@example.com,Bob"), "line 3: 2 cells instead of 6"},
		"many cells":    {list(good + ",,"), "line 2: 8 cells instead of 6"},
		"no address":    {list(",Ann,,,,"), "line 2: email: e-mail address: "},
		"no name":       {list("ann@example.com, ,,,,"), "line 2: name: it is missing"},
		"language":      {list("ann@example.com,Ann,,,tlh,"), `line 2: language: "tlh": use one of [en fr it de es pt nl]`},
		"no role":       {list("ann@example.com,Ann,-,,,"), "line 2: roles: nobody is without one"},
		"twice":         {list(good, "bob@example.com,Bob,,,,", "ANN@example.com,Ann,,,,"), `line 4: email: "ann@example.com" stands in line 2 already`},
		"control":       {list("ann@example.com,\"An\nn\",,,,"), "line 2: name: a line break"},
		"null":          {list("ann@example.com,A\x00n,,,,"), "line 2: name: a line break or another control character"},
		"open quote":    {list(good, `bob@example.com,"Bob,,,,`, good), "line 3: a quote that does not end"},
		"stray quote":   {list(`ann@example.com,A"nn,,,,`), "line 2: a quote that does not end, or stands in the middle"},
		"long cell":     {list("ann@example.com," + strings.Repeat("n", maxCell+1) + ",,,,"), "line 2: name: longer than 65536 bytes"},
		"many products": {list("ann@example.com,Ann,," + strings.Repeat("a;b;c;d;", 20) + numbers(501) + ",,"), "line 2: products: more than 500"},
	} {
		rows, err := Read(strings.NewReader(c.text))
		if rows != nil || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
		if !errors.As(err, new(LineError)) {
			t.Errorf("%s: no line in %v", name, err)
		}
	}
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d;", i)
	}
	return b.String()
}

func TestN07_OneHundredFaultsAreTold(t *testing.T) {
	lines := make([]string, MaxErrors+5)
	for i := range lines {
		lines[i] = "nobody,,,,," // two faults each
	}
	_, err := Read(strings.NewReader(list(lines...)))
	var e *Errors
	if !errors.As(err, &e) || len(e.Lines) != MaxErrors || e.More != MaxErrors+10 {
		t.Fatalf("%d lines, %d more", len(e.Lines), e.More)
	}
	if text := err.Error(); strings.Count(text, "\n") != MaxErrors || !strings.HasSuffix(text, "and 110 more") {
		t.Errorf("text ends %q", text[len(text)-40:])
	}
}

// endless is a list without an end.
type endless struct {
	head io.Reader
	line func(n int) string
	n    int
	rest string
}

func (e *endless) Read(p []byte) (int, error) {
	if n, err := e.head.Read(p); err == nil {
		return n, nil
	}
	if e.rest == "" {
		e.n++
		e.rest = e.line(e.n)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// TestN07_ListsAreBounded: lists that never end are read to a bound, in memory
// that has one too.
func TestN07_ListsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		line func(n int) string
		says string
	}{
		"rows":   {func(n int) string { return fmt.Sprintf("u%d@example.com,User,,,,\n", n) }, "line 10002: more than 10000 users"},
		"faults": {func(int) string { return "nobody\n" }, "line 10002"},
		"quote":  {func(n int) string { return strings.Repeat(`"`, 1/n) + strings.Repeat("x\n", 99) }, "longer than 8 MB"},
		"cell":   {func(int) string { return strings.Repeat("x", 999) }, "longer than 8 MB"},
		"blank":  {func(int) string { return strings.Repeat("\n", 999) }, "longer than 8 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rows, err := Read(&endless{head: strings.NewReader(Header + "\n"), line: c.line})
			runtime.ReadMemStats(&after)
			if rows != nil || err == nil {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			if name != "faults" && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 100 {
				t.Errorf("%d MB", used)
			}
		})
	}
}

func TestReadFailsAsItsReaderDoes(t *testing.T) {
	gone := errors.New("gone")
	for _, head := range []string{"", "email", Header + "\n", list("ann@example.com,Ann,,,,"), list(`ann@example.com,"An`)} {
		rows, err := Read(io.MultiReader(strings.NewReader(head), failing{gone}))
		if rows != nil || !errors.Is(err, gone) {
			t.Errorf("after %q: %v, %v", head, rows, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestN07_FormulaCellsAreNeutralised(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", " =1": "' =1",
		"＝1": "'＝1", "'=1": "''=1", "''": "''", "O'Brien": "O'Brien", "'tis": "'tis", "Ann": "Ann", "": "", "a=b": "a=b",
	} {
		if got := Neutral(cell); got != want {
			t.Errorf("Neutral(%q) = %q, want %q", cell, got, want)
		}
		if got := Plain(want); got != cell {
			t.Errorf("Plain(%q) = %q, want %q", want, got, cell)
		}
	}
	var out bytes.Buffer
	w := NewWriter(&out)
	if err := w.Write(Row{Email: "+a@example.com", Name: `=HYPERLINK("http://evil.example")`, Roles: []string{"member"}, Products: []string{"-x", "a;b"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := list(`'+a@example.com,"'=HYPERLINK(""http://evil.example"")",member,'-x;a\;b,,`); out.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", &out, want)
	}
}

func TestAnEmptyListHasItsHeader(t *testing.T) {
	var out bytes.Buffer
	if err := NewWriter(&out).Flush(); err != nil || out.String() != Header+"\n" {
		t.Errorf("%q, %v", &out, err)
	}
}

// FuzzImport: whatever is read is what was meant, and goes out and comes in
// again the same, without a cell that a spreadsheet calculates.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		list("ann@example.com,Ann,member;admin,Console,fr,Europe/Paris"), list(`a@b.de,"A, ""B""",,a\;b\\;c,,`),
		list("'=x@b.de,'=cmd|' /C calc'!A0,,-,,"), list("a@b.de,''=x,,\\-,,"), "\ufeff" + list("a@b.de,é,,,,"),
		list("a@b.de,A,-,;;\\,,"), Header, "", "\xff\xfe", strings.ReplaceAll(list("a@b.de,A,,,,"), "\n", "\r\n"), list("a@b.de,\"A", "x"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := Read(strings.NewReader(text))
		if err != nil {
			if rows != nil {
				t.Fatal("rows and an error")
			}
			return
		}
		var out bytes.Buffer
		w := NewWriter(&out)
		for _, r := range rows {
			for _, cell := range []string{r.Email, r.Name, joined(r.Roles), joined(r.Products), r.Language, r.TimeZone} {
				if n := Neutral(cell); n != "" && strings.ContainsAny(n[:1], formula[:7]) || Plain(n) != cell {
					t.Fatalf("cell %q goes out as %q", cell, n)
				}
			}
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&out)
		if err != nil || len(again) != len(rows) {
			t.Fatalf("%d rows of %d, %v", len(again), len(rows), err)
		}
		for i := range rows {
			rows[i].Line = again[i].Line
		}
		if !reflect.DeepEqual(rows, again) {
			t.Fatalf("%#v became %#v", rows, again)
		}
	})
}
