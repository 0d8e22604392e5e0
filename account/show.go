package account

import (
	"encoding/json"
	"net/url"

	"stile/templates"
	"stile/web"
)

// show answers with a page of My Account.
func (v *visit) show(status int, page templates.AccountPage, problems ...templates.FieldError) error {
	options := append(v.options(), web.Problems(problems...), web.Framed(v.frame))
	if v.at.get == nil {
		options = append(options, web.WithoutSwitch()) // it would lead to a page that there is not
	}
	return v.Kit.Page(v.w, v.r, status, page, options...)
}

// options are what all answers have: the user's language and time zone.
func (v *visit) options() []web.PageOption {
	u, a := v.person.User, v.person.Account
	return []web.PageOption{web.Languages(u.Language), web.DefaultLanguage(a.Language), web.Zone(u.TimeZone, a.TimeZone)}
}

// frame fills in what surrounds the pages.
func (v *visit) frame(f *templates.Frame) {
	f.Area = &templates.AreaFrame{
		Account: v.person.Account.Name, Address: v.person.User.Email,
		SignOut: v.Kit.FormToken(v.w, v.r, routeName(signOutPath)),
	}
	for _, s := range templates.AccountSections() {
		f.Area.Sections = append(f.Area.Sections, s.Section)
	}
	if until := v.person.User.CooldownUntil; until != nil && until.After(v.Now()) {
		f.Area.Cooldown = *until
	}
	var notice string
	if v.Kit.Note(v.r, &notice, v.person.User.ID) {
		if n, ok := templates.AccountNotice(notice); ok {
			f.Notices = append(f.Notices, n)
		}
	}
}

// done goes on to a page after something was done, with what to say there: a
// name of [templates.AccountNotice], or nothing.
func (v *visit) done(path, notice string) error {
	path = web.WithLanguage(v.r, path)
	if notice != "" {
		var err error
		if path, err = v.Kit.WithNote(v.r, path, notice, v.person.User.ID); err != nil {
			return err
		}
	}
	return v.Kit.Redirect(v.w, v.r, path)
}

// Names of what pages say, see [templates.AccountNotice].
const (
	noticeConfirmed = "confirmed"
	noticeOn        = "on"
	noticeOff       = "off"
	noticeReplaced  = "replaced"
	noticeConnected = "connected"
	noticeEnded     = "ended"
	noticeAlready   = "already"
	noticeOthers    = "others"
	noticeSaved     = "saved"
	noticePassword  = "password"
	noticeAddress   = "address"

	noticeForgotten    = "forgotten"
	noticeForgottenAll = "forgotten-all"

	noticePasskeyAdded   = "passkey-added"
	noticePasskeyRemoved = "passkey-removed"
	noticePasskeyRenamed = "passkey-renamed"
)

// returning is what a sign-in that was begun here carries along: what to say
// when it has come back, and if that is so only if something happened in it,
// what was so before.
type returning struct {
	Notice string `json:"notice,omitempty"`
	Device string `json:"device,omitempty"` // the app that was to be replaced
	Token  string `json:"token,omitempty"`  // of the link that led here
	Add    bool   `json:"add,omitempty"`    // a passkey was to be added, the first one
}

func (b returning) payload() json.RawMessage {
	text, _ := json.Marshal(b) // two words always encode
	return text
}

// returned is where a sign-in that was begun here ends: the same page, under
// its own address.
func (v *visit) returned() error {
	req, err := v.SignIns.OpenRequest(v.r.Context(), v.fields.Get(templates.FieldRequest))
	var back returning
	if err != nil || json.Unmarshal(req.Payload, &back) != nil || req.Return != v.r.URL.Path {
		return v.done(v.r.URL.Path, "")
	}
	if req.Ask.Subject != v.person.User.ID {
		back.Notice, back.Add = "", false
	}
	to := v.r.URL.Path
	if back.Token != "" { // the page of a link, as the message has it
		to += "?" + url.Values{templates.FieldToken: {back.Token}}.Encode()
	}
	switch back.Notice {
	case noticeReplaced, noticeConnected:
		if app := v.person.TOTP; app == nil || app.ID == back.Device {
			back.Notice = ""
		}
	case noticeOn:
		if !v.person.User.Enhanced {
			back.Notice = ""
		}
	}
	if back.Add && v.person.Passkeys > 0 { // made on the way, as the second step
		to, back.Notice = home, noticePasskeyAdded
	}
	return v.done(to, back.Notice)
}
