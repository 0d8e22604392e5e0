package templates

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"sync"
	texttemplate "text/template"

	"stile/locale"
)

//go:embed *.html mail static
var builtIn embed.FS

// DefaultService is the display name where the installation has none.
const DefaultService = "Stile"

// Set holds the parsed pages and mails, the texts and the static files. It is
// safe for concurrent use.
type Set struct {
	texts  *locale.Bundle
	pages  map[string]*template.Template // by name of the screen
	text   *texttemplate.Template        // mails and the recovery sheet
	html   *template.Template            // mails
	static static
}

// screens are the pages that there are.
var screens = []Page{
	SelectAccount{},
	SignIn{},
	TwoStepIntroduction{},
	VerifyEmail{},
	InstallApp{},
	ConnectDevice{},
	SetupCode{},
	MakePasskey{},
	Done{},
	EnterCode{},
	RecoveryCode{},
	AskAdmin{},
	DeviceWait{},
	Consent{},
	Invitation{},
	NotMe{},
	NotMeDone{},
	NewPassword{},
	CheckUp{},
	ForgotPassword{},
	SignUp{},
	SignUpSent{},
	MessageLink{},
	Welcome{},
	SignOut{},
	SignedOut{},
	Finished{},
	FormPost{},
	ErrorPage{},
	AdminOverview{},
	AdminUsers{},
	AdminUser{},
	AdminInvite{},
	AdminInvitations{},
	AdminImport{},
	AdminLog{},
	AdminRequests{},
	AdminClients{},
	AdminConnect{},
	AdminClient{},
	AdminClientChange{},
	AdminClientUsers{},
	AdminSettings{},
	AdminReview{},
	AdminDeviceGroups{},
	AdminDeviceGroup{},
	AdminProducts{},
	AdminProduct{},
	AdminRefused{},
	Account{},
	AccountPassword{},
	AccountRecoveryCodes{},
	AccountPasskeyNew{},
	AccountPasskeyName{},
	AccountSessions{},
	AccountActivity{},
	AccountProfile{},
	AccountEmail{},
	AccountEmailConfirm{},
	AccountData{},
	AccountErase{},
	AccountRefused{},
}

// Load parses everything once. dir, unless empty, is a folder whose files take
// the place of the built-in ones of the same name ("layout.html",
// "static/stile.css"); those in its "locale" folder ("fr.json") change single
// texts. Errors name the file.
func Load(dir string) (*Set, error) {
	files := fs.FS(builtIn)
	var texts fs.FS
	if dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("templates: %s is no folder that can be read", dir)
		}
		own := os.DirFS(dir)
		files = overlay{own, builtIn}
		if sub, err := fs.Sub(own, "locale"); err == nil {
			texts = sub
		}
	}
	return load(files, texts)
}

func load(files, texts fs.FS) (*Set, error) {
	s := &Set{pages: make(map[string]*template.Template, len(screens))}
	var err error
	if s.texts, err = locale.Load(texts); err != nil {
		return nil, err
	}
	if s.static, err = loadStatic(files); err != nil {
		return nil, err
	}
	layout, err := template.ParseFS(files, "layout.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	for _, p := range screens {
		page, err := layout.Clone()
		if _, in := areaOf(p); in && err == nil { // another frame around the same parts
			page, err = page.ParseFS(files, "area-layout.html")
		}
		if err == nil {
			page, err = page.ParseFS(files, p.Name()+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		s.pages[p.Name()] = page
	}
	if s.text, err = texttemplate.ParseFS(files, "mail/*.txt"); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	if s.html, err = template.ParseFS(files, "mail/*.html"); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return s, nil
}

// Printer speaks a language with the texts of this set.
func (s *Set) Printer(l locale.Lang) locale.Printer { return s.texts.For(l) }

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Execute writes a page, all of it or nothing: a page that can't be finished is
// an error that names it, and w has seen none of it. Errors tell no data.
func (s *Set) Execute(w io.Writer, f Frame, p Page) error {
	t, ok := s.pages[p.Name()]
	if _, known := p.(titled); !ok || !known {
		return fmt.Errorf("templates: no page %q", p.Name())
	}
	if f.Printer == (locale.Printer{}) {
		return fmt.Errorf("templates: page %q without a language", p.Name())
	}
	if _, in := areaOf(p); in && f.Area == nil {
		f.Area = &AreaFrame{}
	}
	b := buffers.Get().(*bytes.Buffer)
	defer func() {
		clear(b.Bytes()) // pages hold keys and recovery codes
		b.Reset()
		buffers.Put(b)
	}()
	if err := t.ExecuteTemplate(b, "layout", &view{Frame: f, Page: p, set: s}); err != nil {
		return fmt.Errorf("templates: page %q: %w", p.Name(), err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// overlay finds a file in the first file system, or else in the second.
type overlay struct{ own, builtIn fs.FS }

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	f, err := o.own.Open(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		if info, err := f.Stat(); err == nil && !info.IsDir() {
			return f, nil
		}
		f.Close() // folders are listed as built in: a file of another name has no meaning
	}
	return o.builtIn.Open(name)
}
