package mail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// sink is a mail server that keeps what it is given.
type sink struct {
	mu          sync.Mutex
	got         []string // whole messages
	rcpt        []string
	from        []string
	connections int
	secured     []bool // per message: inside TLS
	user        string // who authenticated last

	refuse  func(to string) error // answer to RCPT
	accept  func() error          // answer to the message
	silence chan struct{}         // closed: DATA is answered
	drop    bool                  // close the connection after each message
}

func (s *sink) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections++
	return &sinkSession{sink: s, conn: c}, nil
}

type sinkSession struct {
	sink *sink
	conn *smtp.Conn
}

func (s *sinkSession) AuthMechanisms() []string { return []string{"PLAIN"} }

func (s *sinkSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "open sesame" {
			return errors.New("no")
		}
		s.sink.mu.Lock()
		defer s.sink.mu.Unlock()
		s.sink.user = user
		return nil
	}), nil
}

func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.from = append(s.sink.from, from)
	return nil
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	if s.sink.refuse != nil {
		if err := s.sink.refuse(to); err != nil {
			return err
		}
	}
	s.sink.rcpt = append(s.sink.rcpt, to)
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.sink.silence != nil {
		<-s.sink.silence
	}
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	if s.sink.accept != nil {
		if err := s.sink.accept(); err != nil {
			return err
		}
	}
	_, secured := s.conn.TLSConnectionState()
	s.sink.got, s.sink.secured = append(s.sink.got, string(text)), append(s.sink.secured, secured)
	if s.sink.drop {
		s.conn.Conn().(*droppable).dropped.Store(true)
	}
	return nil
}

// A droppable connection ends, once dropped, where the server waits for the
// next command: after its answer to the last one, and before it hears another.
type droppable struct {
	net.Conn
	dropped atomic.Bool
}

func (d *droppable) Read(p []byte) (int, error) {
	if d.dropped.Load() {
		_ = d.Close()
		return 0, io.EOF
	}
	return d.Conn.Read(p)
}

type droppingListener struct{ net.Listener }

func (l droppingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &droppable{Conn: c}, nil
}

func (s *sinkSession) Reset()        {}
func (s *sinkSession) Logout() error { return nil }

// start serves the sink and returns its address.
func (s *sink) start(t *testing.T, secure *tls.Config, direct bool) string {
	t.Helper()
	server := smtp.NewServer(s)
	server.Domain, server.AllowInsecureAuth, server.TLSConfig = "sink.test", true, secure
	var l net.Listener
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.drop {
		l = droppingListener{l}
	}
	if direct {
		l = tls.NewListener(l, secure)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = l.Close(); _ = server.Close(); <-done })
	return l.Addr().String()
}

func (s *sink) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

// certificate returns configurations for a server named sink.test and for
// clients that trust it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sink.test"}, DNSNames: []string{"sink.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
		&tls.Config{RootCAs: pool, ServerName: "sink.test", MinVersion: tls.VersionTLS12}
}
