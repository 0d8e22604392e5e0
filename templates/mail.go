package templates

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stile/locale"
)

// EmailVerification stands in the subject of the message with the code, in
// every language, so that people's tools find it.
const EmailVerification = "Email Verification"

// MailKind is the kind of a message.
type MailKind string

// Kinds of messages. Beside the data named here, each takes the data that
// every message has; see MailData.
const (
	MailEmailCode              MailKind = "email-code"              // DataCode, DataLabel, DataUntil
	MailAuthenticatorConnected MailKind = "authenticator-connected" // the first authenticator
	MailAuthenticatorReplaced  MailKind = "authenticator-replaced"  //
	MailAuthenticatorSuspended MailKind = "authenticator-suspended" // too many wrong codes
	MailRecoveryCodeUsed       MailKind = "recovery-code-used"      // DataLeft
	MailRecoveryCodesMade      MailKind = "recovery-codes-made"     //
	MailPasskeyAdded           MailKind = "passkey-added"           //
	MailPasskeyRemoved         MailKind = "passkey-removed"         //
	MailNewBrowser             MailKind = "new-browser"             // a sign-in in a browser where this user had not completed one
	MailBrowserTrusted         MailKind = "browser-trusted"         // DataUntil
	MailGrantReused            MailKind = "grant-reused"            // DataClient
	MailAppAllowed             MailKind = "app-allowed"             // DataClient
	MailPasswordChanged        MailKind = "password-changed"        //
	MailPasswordExposed        MailKind = "password-exposed"        // somebody has it who lacks the second factor
	MailPasswordReset          MailKind = "password-reset"          // DataLink, DataUntil
	MailUnlock                 MailKind = "unlock"                  // DataLink, DataUntil: sign in in another browser
	MailAddressAsked           MailKind = "address-asked"           // somebody signed in asks for another address
	MailAddressConfirm         MailKind = "address-confirm"         // to the new address: DataLink, DataUntil
	MailAddressTaken           MailKind = "address-taken"           // to an address that somebody else asked for
	MailAddressChanged         MailKind = "address-changed"         // to the new address and the old one
	MailDataAsked              MailKind = "data-asked"              // an export of one's own data
	MailErased                 MailKind = "erased"                  // by the user's own wish
	MailMemberLeft             MailKind = "member-left"             // to admins: DataUser, DataAddress
	MailTwoStepOn              MailKind = "two-step-on"             // by the user's own wish
	MailTwoStepOff             MailKind = "two-step-off"            //
	MailDeviceWait             MailKind = "device-wait"             // DataFrom: a wait for another device has begun, and goes on
	MailMemberWaits            MailKind = "member-waits"            // the same to admins: DataUser, DataAddress, DataFrom
	MailNotMe                  MailKind = "not-me"                  // to admins: DataUser, DataAddress
	MailMemberReplaced         MailKind = "member-replaced"         // to admins, of a replacement without the old authenticator: DataUser, DataAddress
	MailMemberUnkeyed          MailKind = "member-unkeyed"          // to admins, of a passkey that was removed without its use: DataUser, DataAddress
	MailAdminReset             MailKind = "admin-reset"             // an admin removed the authenticators
	MailTwoStepAnnounced       MailKind = "two-step-announced"      // DataAccount, DataFrom
	MailInvitation             MailKind = "invitation"              // DataAccount, DataBy, DataLink, DataUntil
	MailSignUp                 MailKind = "sign-up"                 // DataAccount, DataLink, DataUntil
	MailDeviceAsked            MailKind = "device-asked"            // to admins: DataUser, DataAddress, DataLabel, DataUntil
	MailResetAsked             MailKind = "reset-asked"             // to admins: DataUser, DataAddress, DataBy, DataUntil
	MailDeviceApproved         MailKind = "device-approved"         // DataLabel
	MailDeviceRefused          MailKind = "device-refused"          // DataLabel
	MailRolesChanged           MailKind = "roles-changed"           // DataBy, DataAccount
	MailUserDisabled           MailKind = "user-disabled"           // DataBy, DataAccount
	MailAdminsChanged          MailKind = "admins-changed"          // to admins: DataUser, DataBy, DataAccount
	MailAccountTwoStepOn       MailKind = "account-two-step-on"     // to admins: DataBy, DataAccount
	MailAccountTwoStepOff      MailKind = "account-two-step-off"    // to admins: DataBy, DataAccount
)

// Deniable tells whether a message of this kind tells of something that its
// reader may want to take back.
func (k MailKind) Deniable() bool {
	switch k {
	case MailAuthenticatorConnected, MailAuthenticatorReplaced, MailMemberReplaced, MailMemberUnkeyed, MailDeviceWait, MailMemberWaits, MailRecoveryCodeUsed, MailRecoveryCodesMade,
		MailPasskeyAdded, MailPasskeyRemoved, MailNewBrowser, MailBrowserTrusted, MailPasswordChanged, MailTwoStepOn, MailTwoStepOff, MailAppAllowed,
		MailAddressAsked, MailAddressChanged, MailDataAsked:
		return true
	default:
		return false
	}
}

// Security tells whether a message of this kind tells a user of something about
// his own sign-in, so that whoever had the address until lately has to hear it.
func (k MailKind) Security() bool {
	switch k {
	case MailAuthenticatorSuspended, MailGrantReused, MailPasswordExposed, MailAdminReset, MailRolesChanged, MailUserDisabled, MailErased,
		MailDeviceApproved, MailDeviceRefused:
		return true
	case MailMemberReplaced, MailMemberWaits:
		return false // they tell of somebody else
	default:
		return k.Deniable()
	}
}

// MailData is what a message is made of, flat, as the outbox stores it. Names
// that people chose are cut at 64 characters and made inert.
type MailData = map[string]string

// Names in MailData. Those without a remark are for every message.
const (
	DataIssuer  = "issuer"  // URL of the installation; required
	DataService = "service" // its display name; empty is DefaultService
	DataAccount = "account" // name of the user's organisation; may be missing
	DataAt      = "at"      // when it happened, RFC 3339; required
	DataZone    = "zone"    // name of the time zone in which times are told; missing is UTC
	DataBrowser = "browser" // "Firefox, Windows": names only, since words have a language; may be missing
	DataNetwork = "network" // address or rough place that it came from; may be missing
	DataLink    = "link"    // page at the issuer where a press says "this wasn't me"; may be missing, and the code has none

	DataCode   = "code"   // MailEmailCode: the six digits
	DataLabel  = "label"  // the request's two letters
	DataUntil  = "until"  // until when it works, RFC 3339
	DataLeft   = "left"   // MailRecoveryCodeUsed: number of codes left
	DataClient = "client" // name of the client
	DataFrom   = "from"   // RFC 3339; MailTwoStepAnnounced: missing: from now on
	DataBy     = "by"     // name of whoever invites or asks; MailInvitation: empty for the service's

	DataUser    = "user"    // name of the user whom it is about
	DataAddress = "address" // the user's address
)

// notice is what one kind of message says, and what it can't be without.
type notice struct {
	subject, text string // keys
	needs         []string
}

var notices = map[MailKind]notice{
	MailEmailCode:              {"mail.email_code.subject", "", []string{DataCode, DataLabel, DataUntil}},
	MailAuthenticatorConnected: {"mail.connected.subject", "mail.connected.text", nil},
	MailAuthenticatorReplaced:  {"mail.replaced.subject", "mail.replaced.text", nil},
	MailAuthenticatorSuspended: {"mail.suspended.subject", "mail.suspended.text", nil},
	MailRecoveryCodeUsed:       {"mail.recovery_used.subject", "mail.recovery_used.text", []string{DataLeft}},
	MailRecoveryCodesMade:      {"mail.recovery_made.subject", "mail.recovery_made.text", nil},
	MailPasskeyAdded:           {"mail.passkey_added.subject", "mail.passkey_added.text", nil},
	MailPasskeyRemoved:         {"mail.passkey_removed.subject", "mail.passkey_removed.text", nil},
	MailNewBrowser:             {"mail.new_browser.subject", "mail.new_browser.text", nil},
	MailBrowserTrusted:         {"mail.browser_trusted.subject", "mail.browser_trusted.text", []string{DataUntil}},
	MailGrantReused:            {"mail.reused.subject", "mail.reused.text", []string{DataClient}},
	MailAppAllowed:             {"mail.allowed.subject", "mail.allowed.text", []string{DataClient}},
	MailPasswordChanged:        {"mail.password.subject", "mail.password.text", nil},
	MailPasswordExposed:        {"mail.exposed.subject", "mail.exposed.text", nil},
	MailPasswordReset:          {"mail.password_reset.subject", "mail.password_reset.text", []string{DataLink, DataUntil}},
	MailUnlock:                 {"mail.unlock.subject", "mail.unlock.text", []string{DataLink, DataUntil}},
	MailAddressAsked:           {"mail.address_asked.subject", "mail.address_asked.text", nil},
	MailAddressConfirm:         {"mail.address_confirm.subject", "mail.address_confirm.text", []string{DataLink, DataUntil}},
	MailAddressTaken:           {"mail.address_taken.subject", "mail.address_taken.text", nil},
	MailAddressChanged:         {"mail.address_changed.subject", "mail.address_changed.text", nil},
	MailDataAsked:              {"mail.data_asked.subject", "mail.data_asked.text", nil},
	MailErased:                 {"mail.erased.subject", "mail.erased.text", nil},
	MailMemberLeft:             {"mail.member_left.subject", "mail.member_left.text", []string{DataUser, DataAddress}},
	MailTwoStepOn:              {"mail.two_step_on.subject", "mail.two_step_on.text", nil},
	MailTwoStepOff:             {"mail.two_step_off.subject", "mail.two_step_off.text", nil},
	MailDeviceWait:             {"mail.device_wait.subject", "mail.device_wait.text", []string{DataFrom}},
	MailMemberWaits:            {"mail.member_waits.subject", "mail.member_waits.text", []string{DataUser, DataAddress, DataFrom}},
	MailNotMe:                  {"mail.not_me.subject", "mail.not_me.text", []string{DataUser, DataAddress}},
	MailMemberReplaced:         {"mail.member_replaced.subject", "mail.member_replaced.text", []string{DataUser, DataAddress}},
	MailMemberUnkeyed:          {"mail.member_unkeyed.subject", "mail.member_unkeyed.text", []string{DataUser, DataAddress}},
	MailAdminReset:             {"mail.reset.subject", "mail.reset.text", nil},
	MailTwoStepAnnounced:       {"mail.two_step.subject", "mail.two_step.now", []string{DataAccount}},
	MailInvitation:             {"mail.invitation.subject", "mail.invitation.text", []string{DataAccount, DataLink, DataUntil}},
	MailSignUp:                 {"mail.sign_up.subject", "mail.sign_up.text", []string{DataAccount, DataLink, DataUntil}},
	MailDeviceAsked:            {"mail.device_asked.subject", "mail.device_asked.text", []string{DataUser, DataAddress, DataLabel, DataUntil}},
	MailResetAsked:             {"mail.reset_asked.subject", "mail.reset_asked.text", []string{DataUser, DataAddress, DataBy, DataUntil}},
	MailDeviceApproved:         {"mail.device_approved.subject", "mail.device_approved.text", []string{DataLabel}},
	MailDeviceRefused:          {"mail.device_refused.subject", "mail.device_refused.text", []string{DataLabel}},
	MailRolesChanged:           {"mail.roles_changed.subject", "mail.roles_changed.text", []string{DataBy, DataAccount}},
	MailUserDisabled:           {"mail.user_disabled.subject", "mail.user_disabled.text", []string{DataBy, DataAccount}},
	MailAdminsChanged:          {"mail.admins_changed.subject", "mail.admins_changed.text", []string{DataUser, DataBy, DataAccount}},
	MailAccountTwoStepOn:       {"mail.account_on.subject", "mail.account_on.text", []string{DataBy, DataAccount}},
	MailAccountTwoStepOff:      {"mail.account_off.subject", "mail.account_off.text", []string{DataBy, DataAccount}},
}

// Message is one rendered mail.
type Message struct {
	Subject string // one line, without the code
	Text    string // plain text, lines end in "\n"
	HTML    string
}

// letter is what the templates of a message see.
type letter struct {
	locale.Printer
	Lang                              string
	Subject, Happened, Service, Owner string
	What                              string // to do with the link
	Mine, NotMine                     string // for whoever did it, and whoever did not; NotMine comes before the link
	Issuer, Host, Link                string
	Code, Label, Until, Warning       string
	Facts                             []fact
	Address, MadeAt                   string // recovery sheet
	Codes                             []string
}

// fact is one line of "when, where, with what".
type fact struct{ Label, Value string }

// Mail makes a message in the language of p. Missing required data is an error
// that names it.
func (s *Set) Mail(kind MailKind, p locale.Printer, data MailData) (Message, error) {
	n, ok := notices[kind]
	if !ok {
		return Message{}, fmt.Errorf("templates: no mail %q", kind)
	}
	l, err := newLetter(kind, n, p, data)
	if err != nil {
		return Message{}, err
	}
	body := "notice"
	if l.NotMine == "" {
		body = "told"
	}
	if slices.Contains([]MailKind{MailEmailCode, MailInvitation, MailTwoStepAnnounced}, kind) {
		body = string(kind)
	} else if l.What != "" {
		body = "link"
	} else if l.Warning != "" {
		body = "asked"
	}
	var text, html strings.Builder
	if err := s.text.ExecuteTemplate(&text, body, l); err != nil {
		return Message{}, fmt.Errorf("templates: mail %q: %w", kind, err)
	}
	if err := s.html.ExecuteTemplate(&html, body, l); err != nil {
		return Message{}, fmt.Errorf("templates: mail %q: %w", kind, err)
	}
	return Message{Subject: l.Subject, Text: text.String(), HTML: html.String()}, nil
}

func newLetter(kind MailKind, n notice, p locale.Printer, data MailData) (*letter, error) {
	for _, need := range append([]string{DataIssuer, DataAt}, n.needs...) {
		if data[need] == "" {
			return nil, fmt.Errorf("templates: mail %q without %q", kind, need)
		}
	}
	issuer, err := url.Parse(data[DataIssuer])
	if err != nil || issuer.Hostname() == "" {
		return nil, fmt.Errorf("templates: mail %q: the issuer is no URL", kind)
	}
	zone := time.UTC
	if z, err := time.LoadLocation(data[DataZone]); err == nil {
		zone = z
	}
	at, err := time.Parse(time.RFC3339, data[DataAt])
	if err != nil {
		return nil, fmt.Errorf("templates: mail %q: %q is no time", kind, DataAt)
	}
	l := &letter{
		Printer: p, Lang: string(p.Lang()),
		Subject: p.T(n.subject, "Fixed", EmailVerification),
		Service: orElse(oneLine(data[DataService]), DefaultService),
		Issuer:  data[DataIssuer], Host: issuer.Hostname(), Link: data[DataLink],
		Code: data[DataCode], Label: inert(data[DataLabel]),
		Facts: facts(p, at.In(zone), data), Warning: warning(kind, p),
	}
	l.Owner = orElse(inert(data[DataAccount]), l.Service)
	if slices.Contains(n.needs, DataUntil) {
		until, err := time.Parse(time.RFC3339, data[DataUntil])
		if err != nil {
			return nil, fmt.Errorf("templates: mail %q: %q is no time", kind, DataUntil)
		}
		l.Until = p.Moment(until.In(zone), at)
	}
	l.answer(kind, data)
	return l, l.tell(kind, n, zone, data)
}

// tell writes what happened.
func (l *letter) tell(kind MailKind, n notice, zone *time.Location, data MailData) error {
	p := l.Printer
	switch kind {
	case MailEmailCode:
		l.Link = ""
	case MailInvitation:
		l.Happened = p.T(n.text, "By", orElse(inert(data[DataBy]), l.Service), "Account", l.Owner)
		return l.leadsToUs(kind)
	case MailPasswordReset, MailUnlock, MailAddressConfirm, MailSignUp:
		what := map[MailKind]string{
			MailPasswordReset: "mail.link.what", MailUnlock: "mail.unlock.what", MailAddressConfirm: "mail.address_confirm.what", MailSignUp: "mail.sign_up.what",
		}[kind]
		l.Happened, l.What = p.T(n.text, "Account", l.Owner), p.T(what, "Until", l.Until)
		return l.leadsToUs(kind)
	case MailRecoveryCodeUsed:
		left, err := strconv.Atoi(data[DataLeft])
		if err != nil {
			return fmt.Errorf("templates: mail %q: %q is no number", kind, DataLeft)
		}
		l.Happened = p.N(n.text, left)
	case MailTwoStepAnnounced:
		l.Happened = p.T(n.text, "Account", l.Owner)
		if from, err := time.Parse(time.RFC3339, data[DataFrom]); err == nil {
			l.Happened = p.T("mail.two_step.from", "Account", l.Owner, "From", p.Time(from.In(zone)))
		}
	case MailDeviceWait, MailMemberWaits:
		from, err := time.Parse(time.RFC3339, data[DataFrom])
		if err != nil {
			return fmt.Errorf("templates: mail %q: %q is no time", kind, DataFrom)
		}
		l.Happened = p.T(n.text, "User", inert(data[DataUser]), "Address", oneLine(data[DataAddress]), "From", p.Time(from.In(zone)))
	default:
		l.Happened = p.T(n.text, "Client", inert(data[DataClient]), "User", inert(data[DataUser]), "Address", oneLine(data[DataAddress]),
			"Label", l.Label, "Until", l.Until, "By", inert(data[DataBy]), "Account", l.Owner)
	}
	return nil
}

// answer says what its reader has to do about a notice, if anything.
func (l *letter) answer(kind MailKind, data MailData) {
	p := l.Printer
	switch kind {
	case MailAddressTaken, MailErased, MailMemberLeft, MailNotMe, MailAdminsChanged, MailRolesChanged, MailUserDisabled,
		MailAccountTwoStepOn, MailAccountTwoStepOff:
		return // it was certainly somebody else, or nothing is left to do
	case MailMemberReplaced, MailMemberUnkeyed, MailMemberWaits:
		l.Mine, l.NotMine = p.T("mail.member.ask", "User", inert(data[DataUser])), p.T("mail.member.not_them")
		return
	case MailDeviceApproved: // whoever asked has to go on
	default:
		l.Mine = p.T("mail.mine")
	}
	l.NotMine = p.T("mail.not_mine")
	if l.Link != "" {
		l.NotMine = p.T("mail.not_mine_link")
	}
}

// warning is what somebody should think of who is asked to approve.
func warning(kind MailKind, p locale.Printer) string {
	key, asks := map[MailKind]string{MailDeviceAsked: "mail.device_asked.warning", MailResetAsked: "mail.reset_asked.warning"}[kind]
	if !asks {
		return ""
	}
	return p.T(key)
}

// leadsToUs refuses a message whose link is no page of the issuer.
func (l *letter) leadsToUs(kind MailKind) error {
	if !strings.HasPrefix(l.Link, strings.TrimSuffix(l.Issuer, "/")+"/") {
		return fmt.Errorf("templates: mail %q: %q is no page of the issuer", kind, DataLink)
	}
	return nil
}

func facts(p locale.Printer, at time.Time, data MailData) []fact {
	all := []fact{{p.T("mail.when"), p.Time(at)}}
	for _, f := range []fact{
		{p.T("mail.browser"), data[DataBrowser]}, {p.T("mail.network"), data[DataNetwork]}, {p.T("mail.account"), data[DataAccount]},
	} {
		if value := inert(f.Value); value != "" {
			all = append(all, fact{f.Label, value})
		}
	}
	return all
}

// RecoverySheet writes the recovery codes of a page as a text file to keep
// (text/plain, UTF-8). Only Printer, Zone and Service of the frame are needed.
func (s *Set) RecoverySheet(w io.Writer, f Frame, d Done) error {
	v := view{Frame: f, Page: d, set: s}
	l := &letter{
		Printer: f.Printer, Service: oneLine(v.ServiceName()), Address: oneLine(d.Address),
		MadeAt: f.Printer.Time(d.MadeAt.In(v.zone())), Codes: d.Codes,
	}
	if err := s.text.ExecuteTemplate(w, "recovery-codes", l); err != nil {
		return fmt.Errorf("templates: recovery codes: %w", err)
	}
	return nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
