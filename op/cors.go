package op

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stile/storage"
)

// originAge is how old the known origins may be: a client that runs in browsers
// may wait that long after its registration.
const originAge = 10 * time.Second

// originIndex knows the origins that scripts of registered clients run at. Its
// zero value is ready.
type originIndex struct {
	known   atomic.Pointer[origins]
	reading sync.Mutex
}

type origins struct {
	are   map[string]bool
	until time.Time
}

// crossOrigin lets scripts of registered clients read an answer, and answers
// when a browser asks beforehand; then it returns true. No other origin is
// named, and never are credentials: cookies mean nothing here.
func (p *Provider) crossOrigin(w http.ResponseWriter, r *http.Request, methods []string) bool {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	allowed := origin != "" && p.registeredOrigin(r.Context(), origin)
	if allowed {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, X-Request-Id")
	}
	if r.Method != http.MethodOptions {
		return false
	}
	if allowed {
		h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		h.Set("Access-Control-Max-Age", "600")
	}
	h.Set("Allow", strings.Join(methods, ", ")+", OPTIONS")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// registeredOrigin tells whether a client is registered for an origin. While
// the database doesn't answer, what was known last counts.
func (p *Provider) registeredOrigin(ctx context.Context, origin string) bool {
	now := p.Now()
	current := p.origins.known.Load()
	if current == nil {
		p.origins.reading.Lock()
		defer p.origins.reading.Unlock()
		current = p.origins.known.Load()
	} else if !now.Before(current.until) && p.origins.reading.TryLock() {
		defer p.origins.reading.Unlock()
	} else {
		return current.are[origin]
	}
	if current == nil || !now.Before(current.until) {
		current = p.readOrigins(ctx, current, now)
	}
	return current.are[origin]
}

// readOrigins goes through all clients. If that fails it keeps the old ones.
func (p *Provider) readOrigins(ctx context.Context, old *origins, now time.Time) *origins {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	read := &origins{are: map[string]bool{}, until: now.Add(originAge)}
	const page = 500
	for after := ""; ; {
		clients, err := p.DB.Clients(ctx, "", after, page)
		if err != nil && old == nil {
			return &origins{}
		} else if err != nil {
			read.are = old.are
			break
		}
		for _, c := range clients {
			for _, o := range originsOf(c) {
				read.are[o] = true
			}
		}
		if len(clients) < page {
			break
		}
		after = clients[len(clients)-1].ID
	}
	p.origins.known.Store(read)
	return read
}

// originsOf returns the origins that a client's scripts run at: those that it
// registered, and those of its redirect URIs. A disabled client has none.
func originsOf(c storage.Client) []string {
	if c.Disabled {
		return nil
	}
	at := slices.Clone(c.Metadata.AllowedOrigins)
	for _, uri := range c.Metadata.RedirectURIs {
		if u, err := url.Parse(uri); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
			at = append(at, originOf(u))
		}
	}
	return at
}

// originOf writes an origin as browsers do (RFC 6454 section 6.2): in lower
// case, without the port that the scheme implies.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}
