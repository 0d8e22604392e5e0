package templates_test

import (
	"fmt"
	"html/template"
	"strings"
	"testing"
	"time"

	"github.com/skip2/go-qrcode"

	"stile/locale"
	"stile/templates"
)

// now is the moment at which every sample page is made.
var now = time.Date(2026, 11, 22, 13, 32, 0, 0, time.UTC)

var brussels = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		panic(err)
	}
	return zone
}()

// sample is a page as somebody may meet it.
type sample struct {
	name  string // of the golden file
	frame func(*templates.Frame)
	page  templates.Page
}

func frame(p locale.Printer, page templates.Page) templates.Frame {
	f := templates.Frame{
		Printer: p, Zone: brussels, Now: now,
		Client: templates.Client{Name: "Acme Console", Home: "https://console.example/", Host: "console.example"},
		Action: "/login/" + page.Name(), Request: strings.Repeat("c2VhbGVk", 125), CSRF: strings.Repeat("dG9rZW4", 6),
		Reference: "7f3k9q2m",
	}
	f.Step, f.Of = templates.EnrolmentStep(page.Name(), true)
	for _, l := range locale.Supported {
		f.Languages = append(f.Languages, templates.LanguageLink{
			Tag: string(l), Name: l.Name(), Href: f.Action + "?lang=" + string(l) + "&r=" + f.Request, Current: l == p.Lang(),
		})
	}
	return f
}

const (
	key     = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	uri     = "otpauth://totp/Stile:agent%40example.com?secret=" + key + "&issuer=Stile&algorithm=SHA1&digits=6&period=30"
	address = "agent@example.com"
	masked  = "a•••@example.com"
)

// qr draws a code as the pages get it.
func qr(t testing.TB) (path string, size int) {
	code, err := qrcode.New(uri, qrcode.Medium)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for y, row := range code.Bitmap() {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if n := x - from; n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from, y, n, n)
			}
		}
	}
	return b.String(), len(code.Bitmap())
}

func problem(field, key string, args locale.Args) func(*templates.Frame) {
	return func(f *templates.Frame) { f.Errors = []templates.FieldError{{Field: field, Key: key, Args: args}} }
}

func noticed(key string, args locale.Args) func(*templates.Frame) {
	return func(f *templates.Frame) { f.Notices = []templates.Notice{{Key: key, Args: args}} }
}

func alone(f *templates.Frame) { f.Client = templates.Client{} }

var linkToken = "stm_" + strings.Repeat("x", 43)

var codes = []string{
	"k7wq-3mfx-9d2h-pz4t", "b5rn-8ckv-2jxg-wq6m", "t9hd-4zpf-7k3c-xn8b", "m2vj-6qgw-5r9t-dk4h", "x8cz-7bnf-3w6k-jp5r",
	"g4tk-9mhv-8d2q-cz7w", "p6jx-5rwb-4n9f-tk3g", "d3qm-2hzc-6v8j-bw7x", "w7fn-4kgr-9p5t-mh2c", "z5bv-8xjd-3q7k-rn6f",
}

func samples(t testing.TB) []sample {
	path, size := qr(t)
	later := now.Add(10 * time.Minute)
	connect := templates.ConnectDevice{
		QRPath: path, QRSize: size, URI: template.URL(uri), Key: key, Issuer: "Stile", Address: address,
		ValidUntil: now.Add(30 * time.Minute), Back: "/login/install-app?r=x",
	}
	onPhone := connect
	onPhone.Phone = true
	done := templates.Done{Codes: codes, Address: address, MadeAt: now, Download: "/login/recovery-codes?r=x"}
	reminder := done
	reminder.Reminder = true
	code := templates.EnterCode{Address: address, Recovery: "/login/recovery-code?r=x"}
	spent, stepUp, again, lasting := code, code, code, code
	spent.Reason, stepUp.Reason, again.Reason = templates.CodeSetupSpent, templates.CodeStepUp, templates.CodeAgain
	lasting.Reason, lasting.Recovery = templates.CodeLasting, ""
	wrong := code
	wrong.CheckClock = true
	developer := &templates.DeveloperDetails{
		Error: "invalid_request", Description: "redirect_uri is not registered for this client", Parameter: "redirect_uri",
		Sent: "https://console.example/callback/", Registered: []string{"https://console.example/callback"},
	}
	asked := &templates.Passkey{
		Options:   `{"allowCredentials":[],"challenge":"` + strings.Repeat("Y2g", 14) + `","rpId":"id.example.com","timeout":300000,"userVerification":"required"}`,
		Challenge: strings.Repeat("c2VhbGVk", 20),
	}
	invitation := templates.Invitation{Account: "Example Support", Address: address, Until: now.Add(7 * 24 * time.Hour), Token: linkToken}
	known := invitation
	known.SignIn = "/login/sign-in?r=x"
	own, ownKnown := invitation, known
	own.Own, ownKnown.Own = true, true
	ask := func(s templates.AskState) templates.AskAdmin {
		return templates.AskAdmin{
			State: s, Account: "Example Support", Label: "KT", AskedAt: now.Add(-time.Minute), DecidedAt: now, ValidUntil: now.Add(59 * time.Minute),
			Admins: []string{"Kim Jansen", "Robin Dubois"}, Check: "/login/ask-admin?r=x",
			Recovery: "/login/recovery-code?r=x", Back: "/login/enter-code?r=x",
		}
	}
	many := ask(templates.AskWaiting)
	many.Admins = append(many.Admins, "Ada", "Bo", "Cy", "Di", "Ed")
	wait := templates.DeviceWait{
		Account: "Example Support", Masked: masked, Opens: now.Add(24 * time.Hour), Admins: []string{"Kim Jansen", "Robin Dubois"},
		Recovery: "/login/recovery-code?r=x", Back: "/login/enter-code?r=x",
	}
	runs := wait
	runs.Opens, runs.Since, runs.From, runs.Until = time.Time{}, now.Add(-time.Hour), now.Add(23*time.Hour), now.Add(71*time.Hour)
	until := func(f *templates.Frame) { f.Until, f.MoreTime = now.Add(20*time.Minute), true }
	all := []sample{
		{"select-account", nil, templates.SelectAccount{Choices: []templates.AccountChoice{
			{ID: "s1", User: "Mia Member", Address: address, Account: "Example Support"}, {ID: "s2", Address: "other@example.com", Account: "Example Sales"},
		}}},
		{"sign-in", nil, templates.SignIn{}},
		{"sign-in.wrong", problem("email", templates.ErrMismatch, nil), templates.SignIn{Address: address}},
		{"sign-in.again", until, templates.SignIn{Address: address, Again: true, Forgot: "/login/forgot-password"}},
		{"sign-in.passkey", nil, templates.SignIn{Passkey: asked}},
		{"sign-in.passkey-refused", problem(templates.FieldPasskey, templates.ErrPasskeyRefused, nil), templates.SignIn{Passkey: asked}},
		{"enter-code.trust", nil, templates.EnterCode{Address: address, Recovery: "/login/recovery-code?r=x", TrustDays: 14}},
		{"enter-code.trust.wrong", problem(templates.FieldCode, templates.ErrCodeWrong, nil), templates.EnterCode{Address: address, TrustDays: 1, Trust: true}},
		{"enter-code.my-account", alone, templates.EnterCode{Reason: templates.CodeMyAccount, Address: address}},
		{"enter-code.new-device", alone, templates.EnterCode{Reason: templates.CodeNewDevice, Address: address}},
		{"enter-code.passkey", nil, templates.EnterCode{Address: address, Recovery: "/login/recovery-code?r=x", Passkey: asked}},
		{"enter-code.only-passkey", nil, templates.EnterCode{Address: address, Passkey: asked, OnlyPasskey: true, NoNewDevice: true}},
		{"enter-code.only-passkey.trust", nil, templates.EnterCode{Address: address, Passkey: asked, OnlyPasskey: true, NoNewDevice: true, TrustDays: 14}},
		{"sign-in.address", alone, templates.SignIn{Stage: templates.AddressOnly}},
		{"sign-in.password", nil, templates.SignIn{Stage: templates.PasswordOnly, Address: address}},
		{"two-step-introduction", nil, templates.TwoStepIntroduction{Reason: templates.IntroAccount, Account: "Example Support", Masked: masked}},
		{"two-step-introduction.passkey", nil, templates.TwoStepIntroduction{Reason: templates.IntroAccount, Account: "Example Support", Masked: masked, Passkey: true}},
		{"make-passkey", nil, templates.MakePasskey{Ask: *asked}},
		{"two-step-introduction.own", nil, templates.TwoStepIntroduction{Reason: templates.IntroOwn, Masked: masked}},
		{"two-step-introduction.client", nil, templates.TwoStepIntroduction{Reason: templates.IntroClient, Masked: masked}},
		{"two-step-introduction.my-account", alone, templates.TwoStepIntroduction{Reason: templates.IntroMyAccount, Masked: masked, Declinable: true, Passkey: true}},
		{"two-step-introduction.replace", nil, templates.TwoStepIntroduction{Reason: templates.IntroReplace, Masked: masked}},
		{"two-step-introduction.suspended", nil, templates.TwoStepIntroduction{Reason: templates.IntroSuspended, Masked: masked}},
		{"two-step-introduction.recovery", nil, templates.TwoStepIntroduction{Reason: templates.IntroRecovery, CodesLeft: 9, Declinable: true}},
		{"two-step-introduction.last", nil, templates.TwoStepIntroduction{Reason: templates.IntroRecovery, Declinable: true}},
		{"verify-email", nil, templates.VerifyEmail{Masked: masked, Label: "KT", ValidUntil: later, Account: "Example Support"}},
		{"verify-email.guard", nil, templates.VerifyEmail{Guard: true, Masked: masked, Label: "KT", ValidUntil: later, Account: "Example Support", Recovery: "/login/recovery-code?r=x"}},
		{"verify-email.again", noticed(templates.NoticeSentAgain, locale.Args{"At": now}), templates.VerifyEmail{Masked: masked, Label: "KT", ValidUntil: later, Account: "Example Support"}},
		{"verify-email.wait", problem(templates.DoSendAgain, templates.ErrSendAgainWait, locale.Args{"Until": later}), templates.VerifyEmail{Masked: masked, Label: "KT"}},
		{"verify-email.wrong", problem(templates.FieldCode, templates.ErrEmailCodeWrong, nil), templates.VerifyEmail{Masked: masked, Label: "KT", ValidUntil: later, Account: "Example Support"}},
		{"install-app", noticed(templates.NoticeEmailVerified, nil), templates.InstallApp{Back: "/login/two-step-introduction?r=x"}},
		{"install-app.ios", nil, templates.InstallApp{System: "ios"}},
		{"connect-device", nil, connect},
		{"connect-device.phone", noticed(templates.NoticeKeyReplaced, nil), onPhone},
		{"setup-code", nil, templates.SetupCode{Issuer: "Stile", Address: address, Back: "/login/connect-device?r=x"}},
		{"setup-code.wrong", problem(templates.FieldCode, templates.ErrCodeWrong, nil), templates.SetupCode{Issuer: "Stile", Address: address, CheckClock: true, OlderEntries: true, Back: "/login/connect-device?r=x"}},
		{"done", nil, done},
		{"done.shown", nil, templates.Done{Address: address, Replaced: true}},
		{"done.passkey", nil, templates.Done{Address: address, Passkey: true}},
		{"done.passkey.on-demand", alone, templates.Done{Address: address, Passkey: true, OnDemand: true}},
		{"done.on-demand", alone, templates.Done{Address: address, OnDemand: true}},
		{"done.reminder", nil, reminder},
		{"enter-code", nil, code},
		{"enter-code.spent", nil, spent},
		{"enter-code.step-up", nil, stepUp},
		{"enter-code.fresh", nil, again},
		{"enter-code.lasting", nil, lasting},
		{"enter-code.wrong", problem(templates.FieldCode, templates.ErrCodeWrong, nil), wrong},
		{"enter-code.paused", problem(templates.FieldCode, templates.ErrTooManyUntil, locale.Args{"Until": now.Add(24 * time.Hour)}), code},
		{"recovery-code", nil, templates.RecoveryCode{Replaceable: true, Back: "/login/enter-code?r=x"}},
		{"recovery-code.wrong", problem(templates.FieldRecovery, templates.ErrRecoveryWrong, nil), templates.RecoveryCode{Back: "/login/enter-code?r=x"}},
		{"recovery-code.none", nil, templates.RecoveryCode{None: true, Replaceable: true, Account: "Example Support", Back: "/login/enter-code?r=x"}},
		{"recovery-code.device", nil, templates.RecoveryCode{NewDevice: true, Replaceable: true, Back: "/login/enter-code?r=x"}},
		{"recovery-code.required", nil, templates.RecoveryCode{NewDevice: true, Account: "Example Support", Back: "/login/enter-code?r=x"}},
		{"ask-admin", nil, ask(templates.AskNot)},
		{"ask-admin.waiting", until, ask(templates.AskWaiting)},
		{"ask-admin.many", until, many},
		{"ask-admin.approved", until, ask(templates.AskApproved)},
		{"ask-admin.refused", nil, ask(templates.AskRefused)},
		{"ask-admin.over", nil, ask(templates.AskOver)},
		{"ask-admin.nobody", nil, templates.AskAdmin{State: templates.AskNobody, Account: "Example Support", Recovery: "/login/recovery-code?r=x"}},
		{"ask-admin.operator", nil, templates.AskAdmin{State: templates.AskNobody, Account: "Example Support", Back: "/login/enter-code?r=x"}},
		{"ask-admin.wait", nil, templates.AskAdmin{State: templates.AskNobody, Account: "Example Support", Wait: "/login/device-wait?r=x", Back: "/login/enter-code?r=x"}},
		{"device-wait", nil, wait},
		{"device-wait.runs", nil, runs},
		{"device-wait.stopped", nil, templates.DeviceWait{Stopped: now.Add(20 * time.Hour), Account: "Example Support", Back: "/login/enter-code?r=x"}},
		{"device-wait.address", nil, templates.DeviceWait{NewAddress: now.Add(5 * 24 * time.Hour), Account: "Example Support", Recovery: "/login/recovery-code?r=x"}},
		{"device-wait.only-admin", nil, templates.DeviceWait{OnlyAdmin: true, Opens: now.Add(3 * 24 * time.Hour), Account: "Example Support", Masked: masked, Back: "/login/enter-code?r=x"}},
		{"check-up", nil, templates.CheckUp{Masked: masked, App: now.Add(-40 * 24 * time.Hour), Passkeys: []string{"Kim Jansen", "Ada"}, Recovery: 9}},
		{"check-up.only-one", nil, templates.CheckUp{Masked: masked, App: now.Add(-40 * 24 * time.Hour), OnlyOne: true}},
		{"consent", func(f *templates.Frame) {
			f.Client = templates.Client{Name: "Grafana", Host: "grafana.example", Privacy: "https://grafana.example/privacy", Terms: "https://grafana.example/terms"}
		}, templates.Consent{Address: address, Scopes: []string{"openid", "profile", "email", "offline_access", "dashboards.read"}, SwitchUser: true}},
		{"consent.more", nil, templates.Consent{Address: address, Scopes: []string{"offline_access"}, Known: []string{"openid"}}},
		{"invitation", alone, invitation},
		{"invitation.known", alone, known},
		{"invitation.own", alone, own},
		{"invitation.known.own", alone, ownKnown},
		{"new-password", alone, templates.NewPassword{Address: address, Min: 15, Token: linkToken}},
		{"new-password.common", func(f *templates.Frame) {
			alone(f)
			problem(templates.FieldNewPassword, templates.ErrNewPasswordCommon, nil)(f)
		}, templates.NewPassword{Address: address, Min: 8, Token: linkToken}},
		{"new-password.short", func(f *templates.Frame) {
			alone(f)
			problem(templates.FieldNewPassword, templates.ErrNewPasswordShort, locale.Args{"Min": 15})(f)
		}, templates.NewPassword{Address: address, Min: 15, Token: linkToken}},
		{"new-password.exposed", nil, templates.NewPassword{Address: address, Min: 8, Exposed: true}},
		{"forgot-password", nil, templates.ForgotPassword{Address: address, Back: "/login/sign-in?r=x"}},
		{"forgot-password.form", problem(templates.FieldEmail, templates.ErrAddressForm, nil), templates.ForgotPassword{Address: "agent", Back: "/account"}},
		{"forgot-password.sent", nil, templates.ForgotPassword{Sent: true, Back: "/login/sign-in?r=x"}},
		{"sign-up", nil, templates.SignUp{Address: address, Back: "/login/sign-in?r=x"}},
		{"sign-up.domain", problem(templates.FieldEmail, templates.ErrSignUpDomain, nil), templates.SignUp{Address: address, Back: "/account"}},
		{"sign-up.closed", problem(templates.FieldEmail, templates.ErrSignUpClosed, nil), templates.SignUp{Address: address, Back: "/account"}},
		{"sign-up-sent", nil, templates.SignUpSent{Back: "/login/sign-in?r=x"}},
		{"sign-in.sign-up", nil, templates.SignIn{Forgot: "/forgot-password?r=x", SignUp: "/sign-up?r=x"}},
		{"message-link.reset", alone, templates.MessageLink{Purpose: templates.LinkReset, Address: address, Token: linkToken}},
		{"message-link.unlock", alone, templates.MessageLink{Purpose: templates.LinkUnlock, Address: address, Token: linkToken}},
		{"sign-in.open-link", problem(templates.FieldPassword, templates.ErrOpenLink, nil), templates.SignIn{Address: address, Forgot: "/forgot-password?r=x"}},
		{"sign-in.paused", problem(templates.FieldPassword, templates.ErrSignInTooMany, locale.Args{"Until": now.Add(time.Hour)}), templates.SignIn{Address: address, Forgot: "/forgot-password?r=x"}},
		{"error.sent-link", alone, templates.ErrorPage{Kind: templates.ErrorSentLink, At: now, Start: "/forgot-password"}},
		{"sign-in.password-set", func(f *templates.Frame) { alone(f); noticed(templates.NoticePasswordSet, nil)(f) }, templates.SignIn{Address: address}},
		{"welcome", alone, templates.Welcome{Account: "Example Support"}},
		{"welcome.admin", alone, templates.Welcome{Account: "Example Support", Admin: true}},
		{"not-me", alone, templates.NotMe{Address: address, Token: "stm_x"}},
		{"not-me-done", alone, templates.NotMeDone{}},
		{"not-me-done.admin", alone, templates.NotMeDone{User: "Ada Lovelace"}},
		{"not-me-done.device", alone, templates.NotMeDone{Device: true}},
		{"error.link", alone, templates.ErrorPage{Kind: templates.ErrorLink, At: now}},
		{"error.invitation", alone, templates.ErrorPage{Kind: templates.ErrorInvitation, At: now, Account: "Example Support"}},
		{"sign-out", nil, templates.SignOut{Addresses: []string{address, "second@example.com"}, Apps: []string{"Acme Console", "Grafana"}, Hidden: []templates.FormField{{Name: "state", Value: "af0ifjsldkj"}}}},
		{"sign-out.alone", alone, templates.SignOut{}},
		{"signed-out", nil, templates.SignedOut{Continue: "com.example.app:/signed-out?state=x", Unreached: []string{"Grafana"}}},
		{"signed-out.alone", alone, templates.SignedOut{}},
		{"signed-out.erased", alone, templates.SignedOut{Erased: true}},
		{"finished", nil, templates.Finished{Open: "https://console.example/"}},
		{"finished.native", nil, templates.Finished{Open: "com.example.app:/callback?code=x", Close: true}},
		{"form-post", nil, templates.FormPost{Action: "https://console.example/callback", Fields: []templates.FormField{{Name: "code", Value: "abc"}, {Name: "state", Value: "x"}}}},
		{"error.not-found", alone, templates.ErrorPage{Kind: templates.ErrorNotFound, At: now}},
		{"error.redirect-uri", nil, templates.ErrorPage{Kind: templates.ErrorRedirectURI, At: now, Developer: developer}},
		{"error.over", nil, templates.ErrorPage{Kind: templates.ErrorOver, At: now, Start: "https://console.example/"}},
		{"error.unavailable", alone, templates.ErrorPage{Kind: templates.ErrorUnavailable, At: now, RetryAt: later}},
		{"error.switched-off", alone, templates.ErrorPage{Kind: templates.ErrorSwitchedOff, At: now, Account: "Example Support"}},
	}
	return all
}
