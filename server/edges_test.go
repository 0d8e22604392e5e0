package server

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"stile/config"
)

// writeCertificate writes a certificate for localhost with this name in it.
func writeCertificate(t testing.TB, cert, key, name string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestP08_CertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := dir+"/cert.pem", dir+"/key.pem"
	writeCertificate(t, cert, key, "first")
	now := time.Now()
	c, err := newCertificate(cert, key, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.Subject.CommonName
	}
	later := func(d time.Duration) {
		now = now.Add(d)
		for _, path := range []string{cert, key} {
			if err := os.Chtimes(path, now, now); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := name(); got != "first" {
		t.Fatalf("serves %q", got)
	}
	if err := os.WriteFile(key, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	later(2 * checkEvery)
	if got := name(); got != "first" {
		t.Errorf("with files that can't be read: %q", got)
	}
	writeCertificate(t, cert, key, "second")
	later(2 * checkEvery)
	if got := name(); got != "second" {
		t.Errorf("after a renewal: %q", got)
	}
	writeCertificate(t, cert, key, "restored")
	for _, path := range []string{cert, key} { // as a copy that keeps its time
		if err := os.Chtimes(path, now.Add(-time.Hour), now.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(2 * checkEvery)
	if got := name(); got != "restored" {
		t.Errorf("after an older file was put back: %q", got)
	}
}

func TestP08_ServesHTTPSItself(t *testing.T) {
	cfg, l := configure(t)
	_, port, _ := net.SplitHostPort(cfg.Listen)
	cfg.Issuer, cfg.TLS = "https://localhost:"+port, config.TLS{Cert: "cert.pem", Key: "key.pem"}
	writeCertificate(t, cfg.Path("cert.pem"), cfg.Path("key.pem"), "first")
	start(t, cfg, l)
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}}
		r, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get(cfg.Issuer + "/healthz")
		if ok != (err == nil) {
			t.Errorf("version %x: %v", version, err)
			continue
		}
		if err == nil {
			if r.ProtoMajor != 2 || r.StatusCode != http.StatusOK {
				t.Errorf("version %x: %s %d", version, r.Proto, r.StatusCode)
			}
			_ = r.Body.Close()
		}
		transport.CloseIdleConnections()
	}
}

func TestP06_HeadersAreBounded(t *testing.T) {
	cfg, l := configure(t)
	s := start(t, cfg, l)
	r, _ := http.NewRequest(http.MethodGet, s.url+"/jwks", nil)
	r.Header.Set("X-Long", strings.Repeat("x", 40<<10))
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", answer.StatusCode)
	}
}

func TestP03_NeverTwoRequestsOutOfOne(t *testing.T) {
	cfg, l := configure(t)
	start(t, cfg, l)
	host := strings.TrimPrefix(cfg.Issuer, "http://")
	for name, text := range map[string]string{
		"two lengths":      "POST /token HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"bare LF in head":  "GET /jwks HTTP/1.1\r\nHost: %s\r\nX-A: b\nGET /healthz HTTP/1.1\r\n\r\n",
		"folded line":      "GET /jwks HTTP/1.1\r\nHost: %s\r\n X-A: b\r\n\r\n",
		"NUL":              "GET /jwks HTTP/1.1\r\nHost: %s\r\nX-A: b\x00c\r\n\r\n",
		"chunk and length": "POST /token HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
		"odd encoding":     "POST /token HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", cfg.Listen)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := fmt.Fprintf(c, text, host); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode < 400 || answer.StatusCode >= 500 && answer.StatusCode != http.StatusNotImplemented {
				t.Errorf("answered %d", answer.StatusCode)
			}
			body, _ := io.ReadAll(answer.Body)
			if strings.Contains(string(body), "ok\n") {
				t.Error("a second request was read out of the first")
			}
		})
	}
}

type fakeConn struct {
	net.Conn
	from net.Addr
}

func (f fakeConn) RemoteAddr() net.Addr { return f.from }
func (f fakeConn) Close() error         { return nil }

type fakeListener struct {
	net.Listener
	next chan net.Addr
}

func (f fakeListener) Accept() (net.Conn, error) {
	a, ok := <-f.next
	if !ok {
		return nil, net.ErrClosed
	}
	return fakeConn{from: a}, nil
}

func TestP04_OneNetworkCannotTakeAllConnections(t *testing.T) {
	for name, c := range map[string]struct {
		from func(i int) string
		all  bool
	}{
		"one address":          {func(i int) string { return fmt.Sprintf("203.0.113.7:%d", 1000+i) }, false},
		"one IPv6 /64":         {func(i int) string { return fmt.Sprintf("[2001:db8::%x]:443", i+1) }, false},
		"many addresses":       {func(i int) string { return fmt.Sprintf("198.51.%d.%d:443", i/250, i%250) }, true},
		"a proxy":              {func(i int) string { return fmt.Sprintf("10.0.0.1:%d", 1000+i) }, true},
		"this machine":         {func(i int) string { return fmt.Sprintf("127.0.0.1:%d", 1000+i) }, true},
		"one address, as IPv6": {func(i int) string { return fmt.Sprintf("[::ffff:203.0.113.7]:%d", 1000+i) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			const many = maxPerNetwork + 50
			next := make(chan net.Addr, many+1)
			for i := range many {
				next <- net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from(i)))
			}
			close(next)
			d := newDoorkeeper(fakeListener{next: next}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
			var in []net.Conn
			for {
				conn, err := d.Accept()
				if err != nil {
					break
				}
				in = append(in, conn)
			}
			want := maxPerNetwork
			if c.all {
				want = many
			}
			if len(in) != want {
				t.Errorf("%d were let in, want %d", len(in), want)
			}
			for _, conn := range in {
				_ = conn.Close()
				_ = conn.Close() // twice counts once
			}
			if d.total != 0 || len(d.byOwner) != 0 {
				t.Errorf("%d and %v are left", d.total, d.byOwner)
			}
		})
	}
}

// stuck is a reader of the log that stands still.
type stuck struct{ release chan struct{} }

func (s stuck) Write(b []byte) (int, error) {
	<-s.release
	return len(b), nil
}

func TestQ12_LogHoldsNobodyUp(t *testing.T) {
	to := stuck{make(chan struct{})}
	log, w := newLog(config.Log{Level: "info", Format: "json"}, to)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 * maxLines {
			log.Info("line")
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("logging waits for the reader")
	}
	if w.dropped.Load() == 0 {
		t.Error("nothing was dropped")
	}
	close(to.release)
	_ = w.Close()
}

func TestLogSaysHowManyLinesWereDropped(t *testing.T) {
	out := &logs{}
	w := newLogWriter(out)
	w.dropped.Store(7)
	slog.New(slog.NewJSONHandler(w, nil)).Info("hello")
	_ = w.Close()
	if got := out.String(); !strings.Contains(got, "hello") || !strings.Contains(got, `"lines":7`) {
		t.Errorf("got %s", got)
	}
}
