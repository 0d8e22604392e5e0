package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"golang.org/x/oauth2"
)

// request is what one sign-in must remember until its answer comes.
type request struct{ state, nonce, verifier string }

// nonceKey carries the nonce of a sign-in to the library, which compares it
// with the ID token's. A refreshed ID token has none.
type nonceKey struct{}

func nonceOf(ctx context.Context) string {
	nonce, _ := ctx.Value(nonceKey{}).(string)
	return nonce
}

func newRequest() request {
	return request{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
}

func (r request) options(acr string) []rp.AuthURLOpt {
	opts := []rp.AuthURLOpt{
		rp.WithCodeChallenge(oauth2.S256ChallengeFromVerifier(r.verifier)),
		rp.AuthURLOpt(rp.WithURLParam("nonce", r.nonce)),
	}
	if acr != "" {
		opts = append(opts, rp.AuthURLOpt(rp.WithURLParam("acr_values", acr)))
	}
	return opts
}

// loopback receives the provider's answer on a free port of the loopback
// interface (RFC 8252 section 7.3).
type loopback struct {
	listener net.Listener
	server   *http.Server
	answers  chan url.Values
}

func listen(ctx context.Context) (*loopback, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("no free port on the loopback interface: %w", err)
	}
	b := &loopback{listener: l, answers: make(chan url.Values)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", b.callback)
	b.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = b.server.Serve(l) }()
	return b, nil
}

func (b *loopback) redirectURI() string { return "http://" + b.listener.Addr().String() + "/callback" }

const closePage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title>
<body><main><h1>You can close this page</h1><p>Go back to the app.</p></main></body></html>`

func (b *loopback) callback(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	_, _ = io.WriteString(w, closePage)
	select {
	case b.answers <- r.URL.Query():
	case <-r.Context().Done():
	}
}

// wait returns the code of the first answer that belongs to the sign-in.
// Answers with another state are not ours and are passed over.
func (b *loopback) wait(ctx context.Context, state, issuer string) (string, error) {
	for {
		select {
		case <-ctx.Done():
			return "", errors.New("the sign-in was not finished in time")
		case q := <-b.answers:
			if q.Get("state") != state {
				continue
			}
			if q.Get("iss") != issuer { // RFC 9207 section 2.4
				return "", fmt.Errorf("the answer came from %q, not from %s", q.Get("iss"), issuer)
			}
			if e := q.Get("error"); e != "" {
				return "", fmt.Errorf("the provider answered %s: %s", e, q.Get("error_description"))
			}
			return q.Get("code"), nil
		}
	}
}

// close lets the page that was just answered reach the browser.
func (b *loopback) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = b.server.Shutdown(ctx)
}
