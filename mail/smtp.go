package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"stile/seal"
	"stile/storage"
	"stile/templates"
)

// Options say how [SMTP] sends.
type Options struct {
	URL       string // smtp://host:587 (STARTTLS) or smtps://host:465
	From      string // an address, with or without a name
	ReplyTo   string // the same; empty for none
	User      string // empty for a server that asks for none
	Password  seal.Secret
	Issuer    string // URL of the installation
	Templates *templates.Set
	Now       func() time.Time

	// Of tests, whose servers are on this machine and whose certificates nobody signed.
	tls *tls.Config
	at  string // address to connect to instead of the one in URL
}

// Times for one conversation with a mail server, and how long a connection is
// kept for the next message.
const (
	patience = 15 * time.Second
	keep     = 20 * time.Second
	maxIdle  = 4
)

// SMTP hands messages to a mail server (RFC 5321). On smtp:// it insists on
// STARTTLS unless the server is on this machine. It keeps connections for a
// short while, and is safe for concurrent use.
type SMTP struct {
	composer
	options []gomail.Option
	server  string
	tls     *tls.Config
	direct  bool   // TLS from the first byte (smtps)
	at      string // see Options

	mu     sync.Mutex
	idle   []connection
	closed bool
}

type connection struct {
	client *gomail.Client
	raw    net.Conn
	used   time.Time
	again  bool // served a message before
}

// NewSMTP returns a sender. It makes no connection yet.
func NewSMTP(o Options) (*SMTP, error) {
	c, err := newComposer(o)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("mail.smtp: write smtp://host:587 or smtps://host:465")
	}
	s := &SMTP{composer: c, server: u.Hostname(), direct: u.Scheme == "smtps", at: o.at}
	port, loopback := 587, onThisMachine(s.server)
	s.tls = &tls.Config{ServerName: s.server, MinVersion: tls.VersionTLS12}
	if o.tls != nil {
		s.tls = o.tls
	}
	s.options = []gomail.Option{
		gomail.WithHELO(c.host), gomail.WithTimeout(patience), gomail.WithTLSConfig(s.tls),
		// A dead connection shows at MAIL FROM just as well as at a NOOP before it.
		gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	switch {
	case s.direct:
		port = 465
		s.options = append(s.options, gomail.WithSSL())
	case u.Scheme == "smtp" && loopback:
		port = 25
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.NoTLS))
	case u.Scheme == "smtp":
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		return nil, errors.New("mail.smtp: write smtp://host:587 or smtps://host:465")
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return nil, fmt.Errorf("mail.smtp: port %q is not a number", p)
		}
	}
	s.options = append(s.options, gomail.WithPort(port))
	if o.User != "" {
		s.options = append(s.options, gomail.WithUsername(o.User), gomail.WithPassword(o.Password.Reveal()), authentication(u.Scheme == "smtp" && loopback))
	}
	return s, nil
}

// authentication chooses among the mechanisms that the server offers. The
// password itself travels only inside TLS, or inside this machine.
func authentication(inside bool) gomail.Option {
	if inside {
		return gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc)
	}
	return gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin)
}

func onThisMachine(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// Send renders the message and hands it over. The server's acceptance is the
// end of it: what goes wrong behind that (QUIT, RSET) fails nothing, or the
// message would be sent twice.
func (s *SMTP) Send(ctx context.Context, m storage.Mail) error {
	msg, err := s.compose(m)
	if err != nil {
		return err
	}
	for {
		c, err := s.take(ctx)
		if err != nil {
			return fmt.Errorf("mail server %s: %w", s.server, err)
		}
		err = transmit(ctx, c, msg)
		if err == nil {
			s.give(c)
			return nil
		}
		hangUp(c)
		if c.again && stale(err) && ctx.Err() == nil {
			continue // the server had closed the connection meanwhile
		}
		return verdict(s.server, err)
	}
}

// transmit sends over one connection and gives up when ctx ends, which the
// library would not.
func transmit(ctx context.Context, c connection, msg *gomail.Msg) error {
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() })
	err := c.client.Send(msg)
	stop()
	if msg.IsDelivered() {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// verdict tells what the server's answer means, without its text: servers
// quote the address, some the message.
func verdict(host string, err error) error {
	var sent *gomail.SendError
	if !errors.As(err, &sent) {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("mail server %s: %w", host, err)
		}
		return fmt.Errorf("mail server %s: the message was not accepted", host)
	}
	code := sent.ErrorCode()
	about := sent.Reason == gomail.ErrSMTPRcptTo || sent.Reason == gomail.ErrSMTPData || sent.Reason == gomail.ErrSMTPDataClose
	if about && code >= 500 && code < 600 {
		return RefusedError{Code: code, Reason: sent.Reason.String()}
	}
	if code == 0 {
		return fmt.Errorf("mail server %s: %s: no answer", host, sent.Reason)
	}
	return fmt.Errorf("mail server %s: %s: reply %d", host, sent.Reason, code)
}

// stale tells whether a connection failed before the server said anything.
func stale(err error) bool {
	var sent *gomail.SendError
	return errors.As(err, &sent) && (sent.Reason == gomail.ErrConnCheck || sent.Reason == gomail.ErrSMTPMailFrom && (sent.ErrorCode() == 0 || sent.ErrorCode() == 421))
}

// take returns an idle connection, or makes one.
func (s *SMTP) take(ctx context.Context) (connection, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return connection{}, net.ErrClosed
	}
	for len(s.idle) > 0 {
		c := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if s.now().Sub(c.used) < keep {
			s.mu.Unlock()
			return c, nil
		}
		go hangUp(c)
	}
	s.mu.Unlock()
	return s.dial(ctx)
}

// dial connects and signs in at the mail server.
func (s *SMTP) dial(ctx context.Context) (connection, error) {
	var c connection
	options := append(slices.Clone(s.options), gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		if s.at != "" {
			address = s.at
		}
		var err error
		if s.direct {
			c.raw, err = (&tls.Dialer{Config: s.tls}).DialContext(ctx, network, address)
		} else {
			c.raw, err = new(net.Dialer).DialContext(ctx, network, address)
		}
		return c.raw, err
	}))
	var err error
	if c.client, err = gomail.NewClient(s.server, options...); err != nil {
		return connection{}, err
	}
	if err = c.client.DialWithContext(ctx); err != nil {
		if c.raw != nil { // the library leaves it open when the server refuses us
			_ = c.raw.Close()
		}
		return connection{}, err
	}
	return c, nil
}

// give keeps a connection for the next message.
func (s *SMTP) give(c connection) {
	c.used, c.again = s.now(), true
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.idle) >= maxIdle {
		go hangUp(c)
		return
	}
	s.idle = append(s.idle, c)
}

// Rest closes the connections that wait for another message. A worker calls it
// when the outbox is empty: mail servers dislike connections that do nothing.
func (s *SMTP) Rest() {
	s.mu.Lock()
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, c := range idle {
		hangUp(c)
	}
}

// Close ends the connections; later messages fail.
func (s *SMTP) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Rest()
	return nil
}

// hangUp says QUIT. Whether the server hears it matters to nobody.
func hangUp(c connection) {
	enough := time.AfterFunc(time.Second, func() { _ = c.raw.Close() })
	_ = c.client.Close()
	enough.Stop()
	_ = c.raw.Close()
}
