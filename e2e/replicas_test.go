package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/oauth2"

	"stile/demo"
	"stile/stiletest"
	"stile/storage/storagetest"
)

// unbounded are limits for tests that try often and fail by design. It goes
// behind [loose], to which it adds lines.
const unbounded = `  password: 100000 in 15m, pause 1m to 1h, 100000 in a row
  password_known_browser: 100000 in 15m, pause 1m to 1h
  totp: 100000 in 15m, pause 15m to 24h, 100000 in a row
  totp_month: 100000 in 30d
  totp_exposed: 100000 in 24h
  email_sent_gap: 100000 in 30s
  email_sent_hour: 100000 in 1h
  email_sent_day: 100000 in 24h
  authorize: 100000 in 1m
  recovery_hour: 100000 in 1h
  recovery_day: 100000 in 24h
`

// crowd is how many ask for the same at once.
const crowd = 64

// replicas are two processes of `stile serve` on one PostgreSQL database, behind
// a proxy that sends each request to the other one in turn.
type replicas struct {
	*system
	database  string
	addresses [2]string
	dirs      [2]string
	procs     [2]*process

	mu     sync.Mutex
	turn   int
	away   [2]bool
	served map[string]*[2]int // by method and path
}

func startReplicas(t testing.TB) *replicas {
	t.Helper()
	r := &replicas{database: storagetest.EmptyPostgres(t), served: map[string]*[2]int{}}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "http", r.next(p.In), p.In.Host
			p.SetXForwarded()
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: crowd},
	})
	t.Cleanup(proxy.Close)
	_, port, _ := net.SplitHostPort(proxy.Listener.Addr().String())
	r.system = &system{Issuer: "http://localhost:" + port, box: demo.NewMailbox(time.Now)}
	key, mail := masterKey(), receive(t, r.box)
	for i := range r.procs {
		r.addresses[i], r.dirs[i] = freeAddress(t), t.TempDir()
		r.Dir = r.dirs[i]
		r.configure(t, fmt.Sprintf("issuer: %s\nlisten: %s\ndatabase: %s\nmaster_key: [%q]\ntrusted_proxies: [127.0.0.1/32]\nmail:\n  smtp: smtp://%s\n%s%s",
			r.Issuer, r.addresses[i], r.database, key, mail, loose, unbounded))
	}
	for i := range r.procs { // both at once: they migrate under a lock
		r.procs[i] = start(t, nil, "stile", "serve", "--config", filepath.Join(r.dirs[i], "config.yaml"))
	}
	for i := range r.procs {
		r.waitFor(t, i)
	}
	return r
}

// masterKey returns a key as an operator makes one.
func masterKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails, see crypto/rand
	return "test:" + base64.StdEncoding.EncodeToString(key[:])
}

// next chooses the replica for a request.
func (r *replicas) next(q *http.Request) (address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn = 1 - r.turn
	if r.away[r.turn] {
		r.turn = 1 - r.turn
	}
	by := q.Method + " " + q.URL.Path
	if r.served[by] == nil {
		r.served[by] = new([2]int)
	}
	r.served[by][r.turn]++
	return r.addresses[r.turn]
}

// from makes a replica the one that gets the next request.
func (r *replicas) from(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn = 1 - i
}

func (r *replicas) setAway(i int, away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away[i] = away
}

// leave takes a replica out of the proxy; end is how it ends.
func (r *replicas) leave(t testing.TB, i int, end func(*process, testing.TB)) {
	t.Helper()
	r.setAway(i, true)
	end(r.procs[i], t)
}

// comeBack starts a replica again.
func (r *replicas) comeBack(t testing.TB, i int) {
	t.Helper()
	r.procs[i] = start(t, nil, "stile", "serve", "--config", filepath.Join(r.dirs[i], "config.yaml"))
	r.waitFor(t, i)
	r.setAway(i, false)
}

func (r *replicas) waitFor(t testing.TB, i int) {
	t.Helper()
	one := &system{Issuer: "http://" + r.addresses[i], proc: r.procs[i]}
	one.ready(t)
}

// count asks the database.
func (r *replicas) count(t testing.TB, query string, args ...any) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// newRP registers a client and returns a relying party that sends each request once:
// the library would otherwise find out how the client authenticates by trying.
func (r *replicas) newRP(t testing.TB) *stiletest.RP {
	t.Helper()
	return once(r.console(t))
}

func once(rp *stiletest.RP) *stiletest.RP {
	rp.OAuth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return rp
}

// Two replicas share the database and nothing else: any of them answers any
// request, and what is good for once is taken once by both together.
func TestReplicas(t *testing.T) {
	t.Parallel()
	r := startReplicas(t)
	account := r.newAccount(t, "required")
	rp := r.newRP(t)

	t.Run("each screen is answered by the other replica", func(t *testing.T) {
		for first := range 2 {
			who := r.newPerson(t, account)
			r.from(first)
			w := newWalker(t, r.system, who)
			tokens := w.tokens(rp)
			wantMFA(t, tokens.Claims)
			if got := rp.Email(tokens); got != who.Email {
				t.Errorf("userinfo says %q, want %q", got, who.Email)
			}
			later := w.elsewhere()
			r.from(first)
			wantMFA(t, later.tokens(rp).Claims)
			wantMFA(t, later.tokens(rp).Claims) // by the session
			renewed, err := rp.Refresh(tokens.RefreshToken)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(renewed.Claims.AMR, tokens.Claims.AMR) || renewed.Claims.AuthTime != tokens.Claims.AuthTime {
				t.Errorf("refreshed claims %+v, want those of %+v", renewed.Claims, tokens.Claims)
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		screens := 0
		for _, by := range slices.Sorted(maps.Keys(r.served)) {
			if !strings.Contains(by, " /login/") || strings.Contains(by, "/static/") {
				continue
			}
			screens++
			if n := r.served[by]; n[0] == 0 || n[1] == 0 {
				t.Errorf("%s was answered %d and %d times: want both replicas to have answered it", by, n[0], n[1])
			}
		}
		if screens < 16 {
			t.Errorf("%d kinds of requests to screens, want GET and POST of each of the 8: %v", screens, slices.Sorted(maps.Keys(r.served)))
		}
	})
	t.Run("K04 a code of the app is taken once, whoever sends it", func(t *testing.T) { r.oneCodeInManyBrowsers(t, rp, account) })
	t.Run("K04 a code of the app is taken once, the same form sent often", func(t *testing.T) { r.oneFormManyTimes(t, rp, account) })
	t.Run("M01 a recovery code is taken once", func(t *testing.T) { r.oneRecoveryCode(t, rp, account) })
	t.Run("I07 a link of a message sets one password", func(t *testing.T) { r.oneReset(t, account) })
	t.Run("M03 the answer of a passkey is taken once", func(t *testing.T) { r.onePasskeyAnswer(t, rp, account) })
	t.Run("an authorization code is taken once", func(t *testing.T) { r.oneExchange(t, rp, account) })
	t.Run("a refresh token has one successor", func(t *testing.T) { r.oneSuccessor(t, rp, account) })
}

// One replica dies or is stopped in the middle of an enrolment; the other goes on.
func TestReplicasLeaving(t *testing.T) {
	t.Parallel()
	r := startReplicas(t)
	rp := r.newRP(t)
	account := r.newAccount(t, "required")
	whole := t
	for name, end := range map[string]func(*process, testing.TB){"killed": (*process).kill, "stopped": (*process).stop} {
		for i, screen := range []string{"verify-email", "connect-device", "setup-code"} {
			t.Run(name+" at "+screen, func(t *testing.T) {
				w := newWalker(t, r.system, r.newPerson(t, account))
				attempt := rp.Begin()
				w.Open(attempt.URL)
				w.password()
				w.connectUntil(screen)
				fields := map[string]string{}
				switch screen {
				case "verify-email": // the mail is through: who dies with it in hand delays it
					fields["code"] = r.codeByMail(t, w.who.Email, 0)
				case "connect-device", "setup-code":
					if w.app == nil {
						w.app = r.newAuthenticator(t, w.key())
					}
					if screen == "setup-code" {
						fields["code"] = w.app.Code()
					}
				}
				r.leave(t, i%2, end)
				w.Submit(fields)
				for w.Page().Screen() == "install-app" || w.Page().Screen() == "connect-device" {
					if w.Page().Screen() == "connect-device" {
						w.app = r.newAuthenticator(t, w.key())
					}
					w.Submit(nil)
				}
				if w.Page().Screen() == "setup-code" {
					w.Submit(map[string]string{"code": w.app.Code()})
				}
				w.keep()
				w.code()
				wantMFA(t, rp.Redeem(attempt, w.Page().URL).Claims)
				r.comeBack(whole, i%2) // until all is over
			})
		}
	}
}
