package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	netsmtp "net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailHost leads to this machine and yet isn't a loopback name, on which TLS
// would be waived.
const mailHost = "0.0.0.0"

// What the mail server asks for.
const (
	mailUser     = "stile"
	mailPassword = "eleven grey geese"
)

// relay is a mail server that takes mail inside TLS, from who knows the
// password, and passes it on to a mailbox.
type relay struct {
	to  func() string // address of the mailbox's server
	url string

	mu      sync.Mutex
	present tls.Certificate // that it shows
	refused int             // messages without TLS
}

func startRelay(t testing.TB, scheme string, cert tls.Certificate) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	r := &relay{present: cert, url: scheme + "://" + net.JoinHostPort(mailHost, port)}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		shown := r.present
		return &shown, nil
	}}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &relaying{relay: r, conn: c}, nil }))
	server.Domain, server.TLSConfig = "mail.test", secure
	server.ErrorLog = silent{}
	if scheme == "smtps" {
		l = tls.NewListener(l, secure)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return r
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// show makes another certificate the one that the server shows.
func (r *relay) show(cert tls.Certificate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.present = cert
}

// relaying is one SMTP conversation.
type relaying struct {
	relay    *relay
	conn     *smtp.Conn
	known    bool
	from, to string
}

func (c *relaying) Reset()                   { c.from, c.to = "", "" }
func (c *relaying) Logout() error            { return nil }
func (c *relaying) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *relaying) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if c.known = user == mailUser && password == mailPassword; !c.known {
			return errors.New("wrong user or password")
		}
		return nil
	}), nil
}

func (c *relaying) Mail(from string, _ *smtp.MailOptions) error {
	if _, inside := c.conn.TLSConnectionState(); !inside || !c.known {
		c.relay.mu.Lock()
		defer c.relay.mu.Unlock()
		c.relay.refused++
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "TLS and a password first"}
	}
	c.from = from
	return nil
}

func (c *relaying) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.to = to
	return nil
}

func (c *relaying) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return netsmtp.SendMail(c.relay.to(), nil, c.from, []string{c.to}, text)
}

// certificate makes a certificate of the mail server that signs itself, and
// returns it with the file in which others find it.
func certificate(t testing.TB) (cert tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, IPAddresses: []net.IP{net.ParseIP(mailHost)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "mail.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// Mail leaves through a server that speaks TLS, by either way, and through no
// server that can't show who it is.
func TestMailServers(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"smtp", "smtps"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			trusted, file := certificate(t)
			stranger, _ := certificate(t)
			r := startRelay(t, scheme, trusted)
			s := newServe(t, "sqlite:stile.db", fmt.Sprintf("  smtp: %s\n  user: %s\n  password: %s", r.url, mailUser, mailPassword), "SSL_CERT_FILE="+file)
			mailbox := receive(t, s.box)
			r.to = func() string { return mailbox }
			rp, account := s.console(t), s.newAccount(t, "required")

			wantMFA(t, newWalker(t, s, s.newPerson(t, account)).tokens(rp).Claims)

			r.show(stranger)
			w := newWalker(t, s, s.newPerson(t, account))
			attempt := rp.Begin()
			w.Open(attempt.URL)
			w.password()
			w.connectUntil("verify-email")
			until(t, "a message that was not sent", func() bool { return strings.Contains(s.log(), "mail not sent yet") }, s.log)
			if got := s.messages(t, w.who.Email); len(got) != 0 {
				t.Errorf("a stranger was given %+v", got)
			}
			w.Submit(map[string]string{"code": "000000"})
			w.want("verify-email")

			r.show(trusted)
			w.Submit(map[string]string{"code": s.codeByMail(t, w.who.Email, 0)}) // the one that waited
			w.Submit(nil)
			w.want("connect-device")
			w.app = s.newAuthenticator(t, w.key())
			w.Submit(nil)
			w.Submit(map[string]string{"code": w.app.Code()})
			w.keep()
			w.code()
			wantMFA(t, rp.Redeem(attempt, w.Page().URL).Claims)
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.refused != 0 {
				t.Errorf("%d messages were offered without TLS or password", r.refused)
			}
		})
	}
}
