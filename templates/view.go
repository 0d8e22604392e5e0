package templates

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// view is what a template sees: the frame, the page, and the few questions
// below. Methods are exported because templates call them.
type view struct {
	Frame
	Page Page
	set  *Set
}

// T is a text without marked placeholders; N is one in the plural form of n.
func (v *view) T(key string, args ...any) string        { return v.Printer.T(key, args...) }
func (v *view) N(key string, n int, args ...any) string { return v.Printer.N(key, n, args...) }

func (v *view) Lang() string { return string(v.Printer.Lang()) }
func (v *view) Name(s string) any {
	return name(s)
}

func (v *view) Screen() string { return v.Page.Name() }

// Static is the path of a static file.
func (v *view) Static(name string) string { return v.set.StaticURL(name) }

// ServiceName is the display name of the installation.
func (v *view) ServiceName() string {
	if v.Service == "" {
		return DefaultService
	}
	return v.Service
}

// Heading is the h1.
func (v *view) Heading() []Segment {
	h := v.Page.(titled).heading(&v.Frame) // Execute has looked
	return v.Text(h.key, h.args...)
}

// Title is the window's title: what the page is first, where it is last.
func (v *view) Title() string {
	title := plain(v.Heading())
	if v.Of > 0 {
		title = v.T("title.step", "Step", v.Step, "Of", v.Of, "Title", title)
	}
	if len(v.Errors) > 0 {
		title = v.T("title.error", "Title", title)
	}
	if v.Client.Name != "" {
		title += " – " + v.Client.Name
	}
	if a, ok := areaOf(v.Page); ok {
		title += " – " + v.T(a.title)
	}
	return title + " – " + v.ServiceName()
}

// Confirmed are the sentences on top of the page.
func (v *view) Confirmed() []Notice {
	if p, ok := v.Page.(SignIn); ok && p.Again {
		return append([]Notice{{Key: "signin.again"}}, v.Notices...)
	}
	return v.Notices
}

func (v *view) zone() *time.Location {
	if v.Zone == nil {
		return time.UTC
	}
	return v.Zone
}

// Stamp is a time for machines.
func (v *view) Stamp(t time.Time) string { return stamp(t) }

// Time is a time with its date, in the zone of the page.
func (v *view) Time(t time.Time) []Segment {
	return []Segment{{Kind: "time", Text: v.Printer.Time(t.In(v.zone())), Stamp: stamp(t)}}
}

// UTC is a time with its date in UTC, as logs tell it.
func (v *view) UTC(t time.Time) []Segment {
	return []Segment{{Kind: "time", Text: v.Printer.Time(t.UTC()), Stamp: stamp(t)}}
}

// CodeSubject is the subject of the mail with the code.
func (v *view) CodeSubject() []Segment {
	return v.Text("mail.email_code.subject", "Fixed", foreign(EmailVerification))
}

// field is what a page says about one of its fields.
type field struct {
	Field     string
	Described string // ids for aria-describedby
	Problems  [][]Segment
	Prefix    string // for screen readers, before a problem
	Focus     bool
	Hint      string // of a code field
}

// languageSwitch is the form that chooses a language. It is a form, which
// changes nothing and is sent by GET, because seven links would hold the sealed
// request seven times.
type languageSwitch struct {
	Action    string
	Fields    []FormField
	Languages []LanguageLink
}

// Switch makes the language switch of the links that the frame has, which
// differ in the language only.
func (v *view) Switch() *languageSwitch {
	if len(v.Languages) == 0 {
		return nil
	}
	if _, ok := v.Page.(FormPost); ok { // its forms may lead to the client only
		return nil
	}
	u, err := url.Parse(v.Languages[0].Href)
	if err != nil {
		return nil
	}
	s := &languageSwitch{Action: u.EscapedPath(), Languages: v.Languages}
	query := u.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if name != FieldLang {
			s.Fields = append(s.Fields, FormField{name, query.Get(name)})
		}
	}
	return s
}

// At returns what is said about a field: the problems with it, and the ids of
// these and of the hints.
func (v *view) At(name string, hints ...string) field {
	f := field{Field: name, Prefix: v.T("errors.prefix")}
	for _, e := range v.Errors {
		if e.Field == name {
			f.Problems = append(f.Problems, v.Said(e.Key, e.Args))
		}
	}
	if len(f.Problems) > 0 {
		hints = append(hints, name+"-problem")
	}
	f.Described = strings.Join(hints, " ")
	switch v.Page.(type) {
	case VerifyEmail, SetupCode, EnterCode: // screens of one field
		f.Focus = len(v.Errors) == 0
		f.Hint = v.T("code.hint")
	case NewPassword, AccountPassword, ForgotPassword, SignUp:
		f.Focus = len(v.Errors) == 0
	}
	return f
}

// other is a form beside the main one.
type other struct {
	*view
	Do, Label, Described string
}

// Other is the form of one more action; key is the text of its button.
func (v *view) Other(do, key string) other {
	return other{v, do, v.T(key), strings.TrimSpace(v.At(do).Described)}
}

// Groups cuts a key into groups of four.
func (v *view) Groups(key string) []string {
	var groups []string
	for len(key) > 4 {
		groups = append(groups, key[:4])
		key = key[4:]
	}
	return append(groups, key)
}

// Scope says what a scope gives, as a sentence.
func (v *view) Scope(scope string) []Segment {
	switch scope {
	case "openid":
		return v.Text("scope.openid")
	case "profile":
		return v.Text("scope.profile")
	case "email":
		return v.Text("scope.email")
	case "offline_access":
		return v.Text("scope.offline_access")
	case "stile.read":
		return v.Text("scope.stile_read")
	case "stile.users":
		return v.Text("scope.stile_users")
	case "stile.policy":
		return v.Text("scope.stile_policy")
	case "stile.clients":
		return v.Text("scope.stile_clients")
	}
	return v.Text("scope.other", "Scope", name(scope))
}

// Apps are examples of authenticator apps for a system.
func (v *view) Apps(system string) []App { return appsFor(system) }
