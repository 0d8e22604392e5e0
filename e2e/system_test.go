package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"stile/demo"
	"stile/stiletest"
	"stile/storage"
)

// system is a running installation: a demo, as `stile demo --json` describes
// it, or a `stile serve`.
type system struct {
	Issuer, Console, Admin, Account, Mailbox string
	Users                                    []struct {
		Email, Password, Account string
		Roles                    []string
		TwoStep                  string `json:"two_step"`
	}
	Clients []client
	// Dir holds config.yaml.
	Dir   string
	proc  *process
	box   *demo.Mailbox // where mail of `stile serve` goes; nil for a demo
	http  *http.Client  // that trusts the installation; nil for the default one
	clock *clock        // the installation's clock, where it can be put forward
	db    *storage.DB   // of one with such a clock
}

// client is a registered client as it is printed at registration.
type client struct {
	ID           string   `json:"client_id"`
	Secret       string   `json:"client_secret"`
	RedirectURIs []string `json:"redirect_uris"`
}

// startDemo starts the demo on free ports.
func startDemo(t testing.TB) *system {
	t.Helper()
	dir := t.TempDir()
	p := start(t, nil, "stile", "demo", "--json", "--data", dir, "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", "--mailbox", "127.0.0.1:0")
	line, err := p.Stdout.ReadBytes('\n')
	if err != nil {
		t.Fatalf("stile demo printed nothing: %v\n%s", err, p.Log())
	}
	s := &system{Dir: dir, proc: p}
	if err := json.Unmarshal(line, s); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return s
}

// loose are limits for tests, which all come from one address.
const loose = `
limits:
  network: 100000 in 10m
  network_hour: 100000 in 1h
  email_sent_network: 100000 in 1h
  email_sent_account: 100000 in 1h
  client: 100000 in 1m
  client_network: 100000 in 1m
`

// startServe starts `stile serve` with an embedded database and a mailbox of
// the test. More is added to its config.yaml.
func startServe(t testing.TB, more string) *system {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	s := &system{Issuer: "http://localhost:" + port, Dir: t.TempDir(), box: demo.NewMailbox(time.Now)}
	s.configure(t, fmt.Sprintf("issuer: %s\nlisten: %s\ndatabase: sqlite:stile.db\nmail:\n  smtp: smtp://%s\n%s%s", s.Issuer, address, receive(t, s.box), loose, more))
	s.proc = start(t, nil, "stile", "serve", "--config", s.Config())
	s.ready(t)
	return s
}

// receive gives a mailbox an SMTP server and returns its address.
func receive(t testing.TB, box *demo.Mailbox) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = box.ServeSMTP(l) }()
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *system) configure(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(s.Config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ready waits until the installation says that it is ready to serve.
func (s *system) ready(t testing.TB) {
	t.Helper()
	until(t, "ready to serve", func() bool {
		resp, err := s.httpClient().Get(s.Issuer + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, s.log)
}

// log returns what the installation has logged.
func (s *system) log() string {
	if s.proc == nil {
		return ""
	}
	return s.proc.Log()
}

// newAuthenticator returns an authenticator app at the installation's clock.
func (s *system) newAuthenticator(t testing.TB, key string) *stiletest.Authenticator {
	t.Helper()
	if s.clock == nil {
		return stiletest.NewAuthenticator(t, key, time.Now)
	}
	app := stiletest.NewAuthenticator(t, key, s.clock.Now)
	app.Wait = s.clock.Move
	return app
}

// until waits for a condition; what it is waited for in vain goes into the failure.
func until(t testing.TB, what string, holds func() bool, detail func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not %s within 30 seconds: %s", what, detail())
		}
	}
}

func (s *system) httpClient() *http.Client {
	if s.http != nil {
		return s.http
	}
	return http.DefaultClient
}

// Config returns the configuration file that other commands take.
func (s *system) Config() string { return filepath.Join(s.Dir, "config.yaml") }

// stile runs a command on the installation.
func (s *system) stile(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	return mustRun(t, stdin, "stile", append(args, "--config", s.Config())...)
}

// apply makes the installation what a file says.
func (s *system) apply(t testing.TB, yaml string) result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "apply.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, "", "stile", "apply", file, "--config", s.Config())
}

// person is a user with a password.
type person struct{ Account, Email, Password string }

// password is that of the people whom tests make.
const password = "seven small boats on a lake"

// newAccount makes an account that only this test uses, with two-step
// verification required or not, and returns its name.
func (s *system) newAccount(t testing.TB, twoStep string) string {
	t.Helper()
	name := "Account " + rand.Text()[:8]
	if r := s.apply(t, fmt.Sprintf("accounts:\n  - name: %s\n    policy: {two_step: %s}\n", name, twoStep)); r.Code != 0 {
		t.Fatal(r.Err)
	}
	return name
}

// newPerson makes a user of an account.
func (s *system) newPerson(t testing.TB, account string) person {
	t.Helper()
	p := person{account, strings.ToLower(rand.Text()[:10]) + "@example.com", password}
	s.stile(t, p.Password+"\n", "user", "create", "--account", account, "--email", p.Email, "--name", "Pat Person", "--password-stdin")
	return p
}

// newClient registers a client by its metadata; flags are added to the command.
func (s *system) newClient(t testing.TB, metadata map[string]any, flags ...string) client {
	t.Helper()
	text, err := json.Marshal(metadata)
	if err != nil {
		t.Fatal(err)
	}
	return s.registered(t, s.stile(t, string(text), append([]string{"client", "create", "--json", "--file", "-"}, flags...)...))
}

func (s *system) registered(t testing.TB, out string) (c client) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &c); err != nil || c.ID == "" {
		t.Fatalf("%v in %s", err, out)
	}
	return c
}

// rp returns a relying party that uses a client.
func (s *system) rp(t testing.TB, c client, redirectURI string, scopes ...string) *stiletest.RP {
	t.Helper()
	return stiletest.NewRP(t, s.httpClient(), s.Issuer, c.ID, c.Secret, redirectURI, scopes...)
}

// demoUser returns a user of the demo.
func (s *system) demoUser(t testing.TB, email string) person {
	t.Helper()
	for _, u := range s.Users {
		if u.Email == email {
			return person{u.Account, u.Email, u.Password}
		}
	}
	t.Fatalf("no demo user %s", email)
	return person{}
}

// demoClient returns a client of the demo.
func (s *system) demoClient(t testing.TB, id string) client {
	t.Helper()
	for _, c := range s.Clients {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no demo client %s", id)
	return client{}
}

// codeAlone is a line of a mail that holds the code and nothing else.
var codeAlone = regexp.MustCompile(`(?m)^(\d{6})$`)

// codeByMail waits for the newest verification mail to an address that came
// after the first `seen` ones, and returns its code.
func (s *system) codeByMail(t testing.TB, to string, seen int) string {
	t.Helper()
	return codeFrom(t, s.mails(t, to, "Email Verification", seen+1)[0])
}

func codeFrom(t testing.TB, m demo.Message) string {
	t.Helper()
	code := codeAlone.FindString(m.Text)
	if code == "" {
		t.Fatalf("no code alone on a line of:\n%s", m.Text)
	}
	return code
}

// mails waits until at least n messages to an address have a subject that
// contains a text, and returns them, newest first.
func (s *system) mails(t testing.TB, to, subject string, n int) []demo.Message {
	t.Helper()
	var all, found []demo.Message
	until(t, fmt.Sprintf("%d messages %q to %s", n, subject, to), func() bool {
		all, found = s.messages(t, to), nil
		for _, m := range all {
			if strings.Contains(m.Subject, subject) {
				found = append(found, m)
			}
		}
		return len(found) >= n
	}, func() string { return fmt.Sprintf("%+v", all) })
	return found
}

// messages returns what has arrived for an address, or for all ("").
func (s *system) messages(t testing.TB, to string) (all []demo.Message) {
	t.Helper()
	if s.box != nil {
		return s.box.Messages(to)
	}
	resp, err := http.Get(s.Mailbox + "/messages?to=" + url.QueryEscape(to))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}
