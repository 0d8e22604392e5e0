package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"stile/seal"
	"stile/storage"
	"stile/templates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func options(t testing.TB, url string) Options {
	t.Helper()
	set, err := templates.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		URL: url, From: "Stile <no-reply@id.example.com>", ReplyTo: "help@example.com", Issuer: "https://id.example.com",
		Templates: set, Now: func() time.Time { return noon },
	}
}

func newSMTP(t *testing.T, o Options) *SMTP {
	t.Helper()
	s, err := NewSMTP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const secretCode = "482913"

func message(to string) storage.Mail {
	return storage.Mail{ID: "m-1", Kind: string(templates.MailEmailCode), To: to, Lang: "fr", Attempts: 1, Data: map[string]string{
		templates.DataCode: secretCode, templates.DataLabel: "KT", templates.DataAt: noon.Format(time.RFC3339),
		templates.DataUntil: noon.Add(10 * time.Minute).Format(time.RFC3339),
	}}
}

func TestHeadersAndParts(t *testing.T) {
	sink := &sink{}
	s := newSMTP(t, options(t, "smtp://"+sink.start(t, nil, false)))
	if err := s.Send(t.Context(), message("ann@example.com")); err != nil {
		t.Fatal(err)
	}
	got, err := netmail.ReadMessage(strings.NewReader(sink.messages()[0]))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": `"Stile" <no-reply@id.example.com>`, "To": "<ann@example.com>", "Reply-To": "<help@example.com>",
		"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "Content-Language": "fr",
		"Message-Id": "<m-1@id.example.com>", "Date": "Sun, 22 Nov 2026 12:00:00 +0000",
		"List-Unsubscribe": "", "User-Agent": "", "X-Mailer": "", "Cc": "", "Bcc": "",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if strings.Contains(got.Header.Get("Subject"), secretCode) {
		t.Error("the subject holds the code")
	}
	if kind := got.Header.Get("Content-Type"); !strings.HasPrefix(kind, "multipart/alternative") {
		t.Errorf("Content-Type %s", kind)
	}
	body := sink.messages()[0]
	if text, html := strings.Index(body, "text/plain"), strings.Index(body, "text/html"); text < 0 || html < text {
		t.Errorf("text stands at %d, HTML at %d", text, html)
	}
	if fmt.Sprint(sink.rcpt, sink.from) != "[ann@example.com] [no-reply@id.example.com]" {
		t.Errorf("envelope %v %v", sink.rcpt, sink.from)
	}
}

func TestJ06_OneRecipientAndNoAddedHeader(t *testing.T) {
	sink := &sink{}
	s := newSMTP(t, options(t, "smtp://"+sink.start(t, nil, false)))
	for _, to := range []string{
		"", "ann", "ann@example.com, bob@example.com", "ann@example.com;bob@example.com", "Ann <ann@example.com>", "<ann@example.com>",
		"ann@example.com\r\nBcc: bob@example.com", "ann@example.com\n", "ann@\u202eexample.com", "ann\u200b@example.com", "ann@example.com (x)", `"a b"@example.com`, "ann@example.com\x00",
	} {
		var refused RefusedError
		if err := s.Send(t.Context(), message(to)); !errors.As(err, &refused) || refused.Code != 0 {
			t.Errorf("%q: %v", to, err)
		} else if strings.Contains(err.Error(), "example") {
			t.Errorf("the error shows the address: %v", err)
		}
	}
	if n := len(sink.messages()); n != 0 {
		t.Errorf("%d messages left", n)
	}
	if got := inert("a\r\nBcc: x\u202e\u200b\u2066b\x00"); got != "a  Bcc: xb" {
		t.Errorf("inert: %q", got)
	}
}

func TestTLS(t *testing.T) {
	server, client := certificate(t)
	for name, c := range map[string]struct {
		url     string
		server  *tls.Config
		direct  bool
		client  *tls.Config
		want    string // part of the error
		secured bool
	}{
		"STARTTLS":                  {"smtp://sink.test:587", server, false, client, "", true},
		"smtps":                     {"smtps://sink.test", server, true, client, "", true},
		"no STARTTLS is refused":    {"smtp://sink.test:587", nil, false, client, "STARTTLS", false},
		"wrong name is refused":     {"smtp://sink.test:587", server, false, &tls.Config{RootCAs: client.RootCAs, ServerName: "other.test", MinVersion: tls.VersionTLS12}, "certificate", false},
		"unknown signer is refused": {"smtps://sink.test", server, true, nil, "certificate", false},
		"this machine without":      {"smtp://localhost", nil, false, nil, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			sink := &sink{}
			o := options(t, c.url)
			o.at, o.tls = sink.start(t, c.server, c.direct), c.client
			err := newSMTP(t, o).Send(t.Context(), message("ann@example.com"))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || len(sink.messages()) != 0 {
					t.Errorf("got %v and %d messages, want an error about %s", err, len(sink.messages()), c.want)
				}
				return
			}
			if err != nil || len(sink.secured) != 1 || sink.secured[0] != c.secured {
				t.Errorf("%v, in TLS: %v", err, sink.secured)
			}
		})
	}
}

func TestAuthentication(t *testing.T) {
	server, client := certificate(t)
	for name, url := range map[string]string{"inside TLS": "smtp://sink.test:587", "on this machine": "smtp://localhost"} {
		for password, ok := range map[seal.Secret]bool{"open sesame": true, "wrong": false} {
			sink := &sink{}
			o := options(t, url)
			o.User, o.Password, o.tls = "bob", password, client
			o.at = sink.start(t, server, false)
			err := newSMTP(t, o).Send(t.Context(), message("ann@example.com"))
			if ok != (err == nil) || ok && sink.user != "bob" {
				t.Errorf("%s: %v as %q", name, err, sink.user)
			}
			if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, err), "wrong") {
				t.Errorf("the error shows the password: %v", err)
			}
		}
	}
}

func TestConnectionIsUsedAgain(t *testing.T) {
	sink := &sink{}
	s := newSMTP(t, options(t, "smtp://"+sink.start(t, nil, false)))
	for range 3 {
		if err := s.Send(t.Context(), message("ann@example.com")); err != nil {
			t.Fatal(err)
		}
	}
	if sink.connections != 1 {
		t.Errorf("%d connections for 3 messages", sink.connections)
	}
	s.Rest()
	if err := s.Send(t.Context(), message("ann@example.com")); err != nil || sink.connections != 2 {
		t.Errorf("%v, %d connections", err, sink.connections)
	}
}

func TestConnectionThatTheServerClosed(t *testing.T) {
	sink := &sink{drop: true}
	s := newSMTP(t, options(t, "smtp://"+sink.start(t, nil, false)))
	for i := range 3 {
		if err := s.Send(t.Context(), message("ann@example.com")); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if n := len(sink.messages()); n != 3 {
		t.Errorf("%d messages arrived, want 3", n)
	}
}

func TestQ07_AnswersOfTheServer(t *testing.T) {
	quote := func(code int) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "no ann@example.com, your message " + secretCode}
	}
	for name, c := range map[string]struct {
		sink    *sink
		refused bool
	}{
		"unknown mailbox": {&sink{refuse: func(string) error { return quote(550) }}, true},
		"greylisted":      {&sink{refuse: func(string) error { return quote(451) }}, false},
		"bad content":     {&sink{accept: func() error { return quote(554) }}, true},
		"disk full":       {&sink{accept: func() error { return quote(452) }}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := newSMTP(t, options(t, "smtp://"+c.sink.start(t, nil, false))).Send(t.Context(), message("ann@example.com"))
			var refused RefusedError
			if err == nil || errors.As(err, &refused) != c.refused {
				t.Errorf("got %v, refused for good: %v", err, c.refused)
			}
			if err != nil && (strings.Contains(err.Error(), "ann@") || strings.Contains(err.Error(), secretCode)) {
				t.Errorf("J07: the error quotes address or text: %v", err)
			}
		})
	}
}

func TestQ07_ServerThatIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	if err := newSMTP(t, options(t, "smtp://"+address)).Send(t.Context(), message("ann@example.com")); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

func TestQ07_ServerThatNeverAnswers(t *testing.T) {
	sink := &sink{silence: make(chan struct{})}
	defer close(sink.silence)
	s := newSMTP(t, options(t, "smtp://"+sink.start(t, nil, false)))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Send(ctx, message("ann@example.com")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
