// Package mail sends the messages that wait in the outbox.
//
// Whoever causes a message writes a row with the change it tells of (see
// [storage.Mail]); nobody waits for a mail server. A [Worker] takes the rows,
// renders them in their language and hands them to a [Sender], which is [SMTP]
// outside tests. Several workers, also in several processes, share one outbox:
// a row is leased to one of them at a time.
//
// A message holds a code. So nothing here logs or returns what it says or whom
// it is for: ids, kinds and the mail server's numbers only.
package mail

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"stile/locale"
	"stile/storage"
	"stile/templates"
)

// Sender hands one message to whoever delivers it. It fails with [RefusedError]
// if the message itself was refused; any other error means that it may go
// through later.
type Sender interface {
	Send(ctx context.Context, m storage.Mail) error
}

// RefusedError says that a message can't be sent, and won't be later: the
// address is no address, or the mail server refused it for good.
type RefusedError struct {
	Code   int    // of the mail server's reply (RFC 5321 section 4.2); 0 if it was not asked
	Reason string // without address and text
}

func (e RefusedError) Error() string {
	if e.Code == 0 {
		return "message refused: " + e.Reason
	}
	return fmt.Sprintf("message refused by the mail server: %s (reply %d)", e.Reason, e.Code)
}

// composer makes finished messages of outbox rows.
type composer struct {
	pages   *templates.Set
	issuer  string
	host    string // of the issuer; right side of Message-ID
	from    *netmail.Address
	replyTo *netmail.Address // nil for none
	now     func() time.Time
}

func newComposer(o Options) (composer, error) {
	c := composer{pages: o.Templates, issuer: o.Issuer, now: o.Now}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Hostname() == "" {
		return c, errors.New("mail: the issuer is not a URL")
	}
	c.host = u.Hostname()
	if c.from, err = netmail.ParseAddress(o.From); err != nil {
		return c, fmt.Errorf("mail.from: %w", err)
	}
	if o.ReplyTo != "" {
		if c.replyTo, err = netmail.ParseAddress(o.ReplyTo); err != nil {
			return c, fmt.Errorf("mail.reply_to: %w", err)
		}
	}
	return c, nil
}

// compose renders a message. Text first, then HTML with the same words
// (RFC 2046 section 5.1.4); the headers keep machines from answering
// (RFC 3834). Its id is made of the row's, so that a message that was sent
// twice, because a process died in between, is one message to mail programs.
func (c composer) compose(m storage.Mail) (*gomail.Msg, error) {
	to, err := recipient(m.To)
	if err != nil {
		return nil, err
	}
	lang := locale.Negotiate(m.Lang)
	data := map[string]string{templates.DataIssuer: c.issuer}
	for name, value := range m.Data {
		data[name] = value
	}
	page, err := c.pages.Mail(templates.MailKind(m.Kind), c.pages.Printer(lang), data)
	if err != nil {
		return nil, RefusedError{Reason: "it can't be written: " + err.Error()}
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(c.from)
	msg.ToMailAddress(to)
	if c.replyTo != nil {
		msg.ReplyToMailAddress(c.replyTo)
	}
	msg.Subject(inert(page.Subject))
	msg.SetDateWithValue(c.now())
	msg.SetMessageIDWithValue(m.ID + "@" + c.host)
	msg.SetGenHeader(gomail.HeaderContentLang, string(lang))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, page.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, page.HTML)
	return msg, nil
}

// recipient reads the one address that a message goes to. Lists, names,
// comments and characters that no address has are refused: the message would
// go elsewhere than the row says.
func recipient(text string) (*netmail.Address, error) {
	refused := RefusedError{Reason: "its address is not one plain address"}
	if text != inert(text) || strings.ContainsAny(text, ",;<>()\"\\ ") {
		return nil, refused
	}
	a, err := netmail.ParseAddress(text)
	if err != nil || a.Name != "" || a.Address != text {
		return nil, refused
	}
	return a, nil
}

// inert makes one line of text, without what turns its direction around or
// can't be seen.
func inert(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
}
