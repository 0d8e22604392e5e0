package welcome_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"stile/audit"
	"stile/factor"
	"stile/limit"
	"stile/stiletest"
	"stile/storage"
	"stile/templates"
)

func TestInvitationToFirstSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	link := w.invite(w.sales, iris)
	p := expect(t, b.Open(link), "invitation", 200)
	says(t, p, "Example Sales invites you to sign in with iris@example.com")
	says(t, p, "29 November 2026")
	p = expect(t, b.Submit(nil), "new-password", 200)
	says(t, p, "At least 15 characters")
	if p.Field(templates.FieldEmail) != iris || !strings.Contains(p.Body, `autocomplete="new-password"`) || strings.Contains(p.Body, "minlength") {
		t.Errorf("password managers find no way: %s", p.Body)
	}
	if p.URL.RawQuery != "" || len(p.Links("/invitation")) > 0 {
		t.Errorf("the token is still in a URL: %s, %v", p.URL, p.Links("/"))
	}
	p = expect(t, choose(b, "Ein paar Wörter, gut"), "sign-in", 200)
	says(t, p, "Your password is set.")
	if p.Field(templates.FieldEmail) != iris {
		t.Error("the address is not filled in")
	}
	if len(b.Cookies(w.url)) != 1 { // the one that forms hold on to
		t.Errorf("signed in by the link: %v", b.Cookies(w.url))
	}
	p = expect(t, b.Submit(map[string]string{templates.FieldPassword: "wrong wrong wrong wrong"}), "sign-in", 422)
	if strings.Contains(p.Text(), "is set") {
		t.Error("the notice stays beside the problem")
	}
	p = expect(t, b.Submit(map[string]string{templates.FieldPassword: "Ein paar Wörter, gut"}), "welcome", 200)
	says(t, p, "Your account at Example Sales is ready.")
	person, err := w.db.PersonByEmail(t.Context(), iris)
	must(t, err)
	if person.User.EmailVerifiedAt == nil || person.Account.ID != w.sales.ID || person.User.Name != "Iris Bernhardsdottir" {
		t.Errorf("user = %+v", person.User)
	}
	lines, err := w.db.Events(t.Context(), storage.EventFilter{Kind: audit.InvitationAccepted})
	must(t, err)
	if len(lines) != 1 || lines[0].Actor.ID != person.User.ID || !strings.Contains(lines[0].Actor.UserAgent, "Firefox") || lines[0].Actor.RequestID == "" {
		t.Errorf("events = %+v", lines)
	}
	if token := link[strings.Index(link, "=")+1:]; strings.Contains(w.log.String(), token) || strings.Contains(w.log.String(), "Wörter") {
		t.Error("the log holds the token or the password")
	}
}

// Whoever may enter the Admin Center is shown the way, and nobody else.
func TestWelcomeLeadsToTheAdminCenterWhoMayEnter(t *testing.T) {
	w := newWorld(t)
	for role, leads := range map[string]bool{storage.RoleMember: false, storage.RoleAuditor: true, storage.RoleAdmin: true} {
		b := w.browser()
		w.toForm(b, w.invite(w.sales, role+"@example.com", func(i *storage.Invitation) { i.Roles = slices.Compact([]string{storage.RoleMember, role}) }))
		choose(b, "Ein paar Wörter, gut")
		p := expect(t, b.Submit(map[string]string{templates.FieldPassword: "Ein paar Wörter, gut"}), "welcome", 200)
		if got := len(p.Links("/admin")) > 0; got != leads {
			t.Errorf("%s: a way to the Admin Center: %v", role, got)
		}
	}
}

// The link gives a password, and nothing more: who is covered enrols.
func TestL02_InvitationSignsNobodyIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := w.toForm(b, w.invite(w.support, iris))
	says(t, p, "At least 8 characters")
	expect(t, choose(b, "correct horse"), "sign-in", 200)
	expect(t, w.browser().Open(w.url+"/welcome"), "sign-in", 200)
	expect(t, b.Open(w.url+"/welcome"), "sign-in", 200)
	expect(t, b.Submit(map[string]string{templates.FieldEmail: iris, templates.FieldPassword: "correct horse"}), "two-step-introduction", 200)
	expect(t, b.Open(w.url+"/welcome"), "sign-in", 200) // another request: nothing was finished
}

// Whoever sits at the browser of somebody else isn't taken for him.
func TestL02_InvitationInAnotherUsersBrowser(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.Open(w.url + "/welcome")
	expect(t, b.Submit(map[string]string{templates.FieldEmail: elsif, templates.FieldPassword: password}), "welcome", 200)
	w.toForm(b, w.invite(w.sales, iris))
	p := expect(t, choose(b, "a long enough password"), "sign-in", 200)
	expect(t, b.Submit(map[string]string{templates.FieldEmail: elsif, templates.FieldPassword: password}), "sign-in", 422)
	b.Open(p.URL.String())
	expect(t, b.Submit(map[string]string{templates.FieldPassword: "a long enough password"}), "welcome", 200)
}

func TestI07_ScannerSpendsNothing(t *testing.T) {
	w := newWorld(t)
	link := w.invite(w.sales, iris)
	before := w.db.Statements()
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet, http.MethodOptions, http.MethodPut, http.MethodDelete} {
		r, err := http.NewRequestWithContext(t.Context(), method, link, nil)
		must(t, err)
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		_ = res.Body.Close()
		if method == http.MethodGet && (res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'")) {
			t.Errorf("%s: %d %v", method, res.StatusCode, res.Header)
		}
	}
	if w.db.Statements() == before {
		t.Error("the link was not looked up")
	}
	w.nobody(iris)
	if _, err := w.invitationOf(link); err != nil {
		t.Errorf("the link is spent: %v", err)
	}
	b := w.browser()
	page := b.Open(link)
	for _, loads := range []string{`src="http`, `href="http`, "url("} {
		if strings.Contains(page.Body, loads) {
			t.Errorf("the page loads something: %s", loads)
		}
	}
	w.toForm(b, link)
	w.toForm(b, link) // the button spends nothing either
	expect(t, choose(b, "a long enough password"), "sign-in", 200)
}

func TestI07_LinkThatDoesNotWork(t *testing.T) {
	w := newWorld(t)
	good := "a long enough password"
	gone := func(what, link string, open *stiletest.Browser, account string) {
		t.Helper()
		p := expect(t, w.browser().Open(link), "error", 410)
		says(t, p, "This link was used or is too old.")
		if named := strings.Contains(p.Text(), "An admin of "+account); account != "" && !named {
			t.Errorf("%s: not said whom to ask: %s", what, p)
		}
		if open != nil { // the form was open already
			expect(t, choose(open, good), "error", 410)
		}
	}
	opened := func(link string) *stiletest.Browser {
		b := w.browser()
		w.toForm(b, link)
		return b
	}
	for _, token := range []string{"", "?token=", "?token=abc", "?token=stm_" + strings.Repeat("x", 43), "?token=sta_" + strings.Repeat("x", 43), "?token=" + strings.Repeat("x", 8000)} {
		gone("nonsense", w.url+"/invitation"+token, nil, "")
	}

	first := w.invite(w.sales, iris)
	early := opened(first)
	w.wait(time.Minute) // so soon after, nothing is sent
	second := w.invite(w.sales, iris)
	gone("replaced by a newer one", first, early, "")

	b, twin := opened(second), opened(second)
	expect(t, choose(b, good), "sign-in", 200)
	gone("used", second, twin, "Example Sales")

	withdrawn := w.invite(w.sales, "other@example.com")
	early = opened(withdrawn)
	i, err := w.invitationOf(withdrawn)
	must(t, err)
	must(t, w.db.WithdrawInvitation(t.Context(), w.sales.ID, i.ID, audit.System))
	gone("withdrawn", withdrawn, early, "")

	late := w.invite(w.sales, "late@example.com")
	w.wait(7*24*time.Hour - time.Minute)
	early = opened(late)
	w.wait(time.Minute)
	gone("over", late, early, "Example Sales")
	w.nobody("other@example.com")
	w.nobody("late@example.com")
}

func TestI05_NewPasswords(t *testing.T) {
	w := newWorld(t)
	_, err := w.db.CreateProduct(t.Context(), storage.Product{AccountID: w.sales.ID, Name: "Wonderful Console"}, audit.System)
	must(t, err)
	b := w.browser()
	link := w.invite(w.sales, iris)
	for password, words := range map[string]string{
		"":                                 "Choose a password",
		"fourteen chars":                   "Use at least 15 characters",
		"full\u00a0width１":                 "Use at least 15 characters",
		"passwordpassword":                 "lists of common passwords",
		"irisbernhardsdottir":              "made of your name",
		"Example-Sales 2026":               "made of your name",
		"Wonderful Console 1":              "made of your name",
		"Gatehouse Service":                "made of your name",
		"iris@example.com":                 "made of your name",
		"a long enough\x00 password":       "not a character",
		"a long enough\xff password":       "",
		strings.Repeat("xy9 ", 65):         "Use at most 256 characters",
		strings.Repeat("ä", 257):           "Use at most 256 characters",
		strings.Repeat("\U0001f600!", 200): "Use at most 256 characters",
	} {
		w.toForm(b, link)
		if words == "" { // broken UTF-8 is no form
			expect(t, choose(b, password), "error", 400)
			continue
		}
		p := expect(t, choose(b, password), "new-password", 422)
		says(t, p, words)
		if password != "" && password != iris && strings.Contains(p.Body, `value="`+password) {
			t.Errorf("the page gives %q back", password)
		}
	}
	w.nobody(iris)
	// After all that the link is still good; spaces count, and 256 are not too many.
	w.toForm(b, link)
	long := " " + strings.Repeat("ä!", 127) + " "
	expect(t, choose(b, long), "sign-in", 200)
	expect(t, b.Submit(map[string]string{templates.FieldPassword: strings.TrimSpace(long)}), "sign-in", 422)
	expect(t, b.Submit(map[string]string{templates.FieldPassword: long}), "welcome", 200)
}

// Where a second factor is asked of holders of a product, it is theirs that counts.
func TestLengthFollowsThePolicy(t *testing.T) {
	w := newWorld(t)
	covered, err := w.db.CreateProduct(t.Context(), storage.Product{AccountID: w.support.ID, Name: "Desk"}, audit.System)
	must(t, err)
	other, err := w.db.CreateProduct(t.Context(), storage.Product{AccountID: w.support.ID, Name: "Phone"}, audit.System)
	must(t, err)
	_, err = w.db.UpdatePolicy(t.Context(), w.support.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.Products = []string{covered.ID}
		return s.Policy, nil
	}, audit.System)
	must(t, err)
	for product, words := range map[string]string{covered.ID: "At least 8", other.ID: "At least 15"} {
		link := w.invite(w.support, iris, func(i *storage.Invitation) { i.Products = []string{product} })
		says(t, w.toForm(w.browser(), link), words)
		w.wait(time.Minute) // sooner, nothing is sent
	}
	// A switch that holds from tomorrow on asks for nothing today.
	for _, on := range []bool{false, true} {
		_, err = w.db.UpdatePolicy(t.Context(), w.support.ID, func(s storage.AccountState) (storage.Policy, error) {
			s.Policy.TwoStep, s.Policy.Products, s.Policy.From = on, nil, w.now().Add(24*time.Hour)
			return s.Policy, nil
		}, audit.System)
		must(t, err)
	}
	link := w.invite(w.support, iris)
	says(t, w.toForm(w.browser(), link), "At least 15")
	w.wait(25 * time.Hour)
	says(t, w.toForm(w.browser(), link), "At least 8")
}

func TestI01_InvitedAddressHasAnAccount(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	link := w.invite(w.support, elsif)
	p := expect(t, b.Open(link), "invitation", 200)
	says(t, p, "You have an account already")
	if len(p.Texts("form")) > 1 { // the language switch
		t.Errorf("there is a form to go on: %s", p)
	}
	for _, name := range []string{"Example Sales", "Elsif"} {
		if strings.Contains(p.Text(), name) {
			t.Errorf("the page tells of %s", name)
		}
	}
	// Somebody gets the address while the form is open.
	early := w.browser()
	w.toForm(early, w.invite(w.support, iris))
	_, err := w.db.CreateUser(t.Context(), storage.User{AccountID: w.sales.ID, Email: iris, Name: "Iris"}, audit.System)
	must(t, err)
	says(t, expect(t, choose(early, "a long enough password"), "invitation", 200), "You have an account already")

	expect(t, b.Open(w.url+p.Links("/login/")[0]), "sign-in", 200)
	if b.Page().Field(templates.FieldEmail) != elsif {
		t.Error("the address is not filled in")
	}
	expect(t, b.Submit(map[string]string{templates.FieldPassword: password}), "welcome", 200)
}

func TestH01_FormsOfLinksAreOurs(t *testing.T) {
	w := newWorld(t)
	w.restart(map[string]string{"sales.example": w.sales.ID})
	link := w.invite(w.sales, iris)
	b := w.browser()
	fields := w.toForm(b, link).Fields()
	fields.Set(templates.FieldNewPassword, "a long enough password")
	foreign := w.browser().Open(link).Field(templates.FieldCSRF)
	posts := 0
	must(t, w.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		must(t, err)
		methods, _ := route.GetMethods()
		if strings.HasPrefix(path, "/login") || !strings.Contains(strings.Join(methods, " "), http.MethodPost) {
			return nil
		}
		posts++
		for name, change := range map[string]func(url.Values, http.Header){
			"no token":      func(f url.Values, _ http.Header) { f.Del(templates.FieldCSRF) },
			"of another":    func(f url.Values, _ http.Header) { f.Set(templates.FieldCSRF, foreign) },
			"cross-site":    func(_ url.Values, h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") },
			"null origin":   func(_ url.Values, h http.Header) { h.Set("Origin", "null") },
			"other origin":  func(_ url.Values, h http.Header) { h.Set("Origin", "https://evil.example") },
			"of no browser": func(f url.Values, _ http.Header) { f.Set(templates.FieldCSRF, "") },
		} {
			form, header := url.Values{}, http.Header{}
			for k, v := range fields {
				form[k] = v
			}
			change(form, header)
			b.Header = header
			if p := b.Send(w.url+path, form); p.Status != http.StatusForbidden || p.Screen() != "error" {
				t.Errorf("%s, %s: %s", path, name, p)
			}
			w.nobody(iris)
		}
		return nil
	}))
	if posts != 6 {
		t.Errorf("%d pages take forms", posts)
	}
	b.Header = http.Header{}
	expect(t, b.Send(w.url+"/invitation", fields), "sign-in", 200)
}

func TestP01_ForgedHostAtALink(t *testing.T) {
	w := newWorld(t)
	link := w.invite(w.sales, iris)
	for _, header := range []string{"X-Forwarded-Host", "Forwarded"} {
		b := w.browser()
		b.Header.Set(header, "evil.example")
		if p := expect(t, b.Open(link), "invitation", 200); strings.Contains(p.Body, "evil.example") {
			t.Errorf("%s is in the page", header)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	must(t, err)
	r.Host = "evil.example"
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host: %d", res.StatusCode)
	}
}

func TestLinksAreBoundByNetwork(t *testing.T) {
	w := newWorld(t, func(_ *factor.PasswordOptions, f *limit.Figures) { f.Authorize.Allowed = 3 })
	b := w.browser()
	for range 3 {
		expect(t, b.Open(w.url+"/invitation?token=x"), "error", 410)
	}
	b.Impatient = true
	if p := expect(t, b.Open(w.url+"/invitation?token=x"), "error", 429); p.Header.Get("Retry-After") == "" {
		t.Error("not said when to try again")
	}
}

func TestLanguageOfAnInvitation(t *testing.T) {
	w := newWorld(t)
	link := w.invite(w.sales, iris, func(i *storage.Invitation) { i.Language = "de" })
	b := w.browser()
	b.Header.Set("Accept-Language", "fr")
	says(t, expect(t, b.Open(link), "invitation", 200), "Sie haben eine Einladung")
	says(t, expect(t, b.Open(link+"&lang=it"), "invitation", 200), "Un invito")
	says(t, expect(t, b.Submit(nil), "new-password", 200), "Scegliere una password")
	says(t, expect(t, choose(b, "short"), "new-password", 422), "almeno 15 caratteri")
	says(t, expect(t, choose(b, "a long enough password"), "sign-in", 200), "La password è impostata")
}
