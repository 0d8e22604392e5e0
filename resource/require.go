package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Demand is what a token has to show.
type Demand struct {
	// Scopes are all needed.
	Scopes []string
	// ACR are the acr values of which one is needed, in the order in which they
	// are preferred; the value of a higher level will do, too.
	ACR []string
	// MaxAge is how long ago the user may have proven it. Zero: any time.
	MaxAge time.Duration
}

// Require returns middleware that lets requests through whose access token shows
// what is demanded, and answers the others. Handlers find the token by [From].
// It panics if the demand can't be written in a header.
func (v *Verifier) Require(d Demand) func(http.Handler) http.Handler {
	d.check()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if t, ok := v.Allow(w, r, d); ok {
				next.ServeHTTP(w, r.WithContext(withToken(r.Context(), t)))
			}
		})
	}
}

// Allow returns the token of a request if it shows what is demanded. If not, it
// has answered the request.
func (v *Verifier) Allow(w http.ResponseWriter, r *http.Request, d Demand) (Token, bool) {
	d.check()
	text, given, err := bearer(r.Header.Values("Authorization"))
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "invalid_request", err.Error())
		return Token{}, false
	case !given: // RFC 6750 section 3.1: who shows nothing is told nothing
		refuse(w, http.StatusUnauthorized, "", "")
		return Token{}, false
	}
	t, err := v.verify(r.Context(), text)
	switch {
	case errors.Is(err, errToken):
		refuse(w, http.StatusUnauthorized, "invalid_token", "The access token is not for this API, or it has ended.")
	case err != nil:
		v.o.Logger.WarnContext(r.Context(), "access token could not be verified", "error", err)
		w.Header().Set("Retry-After", "2")
		refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable", "The access token cannot be verified right now.")
	case !d.scoped(t):
		refuse(w, http.StatusForbidden, "insufficient_scope", "The access token is not for this scope.", "scope", strings.Join(d.Scopes, " "))
	case !d.proven(t, v.rank, v.o.Now()):
		refuse(w, http.StatusUnauthorized, "insufficient_user_authentication", "The user has to prove more, or more freshly.", d.params()...)
	default:
		return t, true
	}
	return Token{}, false
}

// bearer finds the token in the Authorization header. Other schemes are none of
// our business.
func bearer(headers []string) (token string, given bool, err error) {
	if len(headers) > 1 {
		return "", false, errors.New("there is more than one Authorization header")
	}
	if len(headers) == 0 {
		return "", false, nil
	}
	scheme, rest, _ := strings.Cut(headers[0], " ")
	return strings.TrimLeft(rest, " "), strings.EqualFold(scheme, "Bearer"), nil
}

func (d Demand) scoped(t Token) bool {
	return !slices.ContainsFunc(d.Scopes, func(s string) bool { return !t.HasScope(s) })
}

// proven tells whether the user has proven what is demanded, and lately enough
// (RFC 9470 section 5).
func (d Demand) proven(t Token, rank map[string]int, now time.Time) bool {
	if len(d.ACR) > 0 && !slices.ContainsFunc(d.ACR, func(acr string) bool { return meets(t.ACR, acr, rank) }) {
		return false
	}
	if d.MaxAge <= 0 {
		return true
	}
	age := now.Sub(t.AuthTime)
	return !t.AuthTime.IsZero() && age <= d.MaxAge && age >= -skew
}

// meets tells whether an acr is the wanted one, another name of its level, or
// one of a higher level.
func meets(acr, wanted string, rank map[string]int) bool {
	if acr == "" || acr == wanted {
		return acr != ""
	}
	has, known := rank[acr]
	needs, comparable := rank[wanted]
	return known && comparable && has >= needs
}

// params are what the client needs to send its user for more.
func (d Demand) params() (pairs []string) {
	if len(d.ACR) > 0 {
		pairs = append(pairs, "acr_values", strings.Join(d.ACR, " "))
	}
	if d.MaxAge > 0 {
		pairs = append(pairs, "max_age", strconv.FormatInt(int64(d.MaxAge/time.Second), 10))
	}
	return pairs
}

func (d Demand) check() {
	for _, s := range slices.Concat(d.Scopes, d.ACR) {
		if s == "" || strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) >= 0 {
			panic(fmt.Sprintf("resource: %q can not be demanded: it is empty or holds spaces, quotes or what is not ASCII", s))
		}
	}
	if d.MaxAge < 0 || d.MaxAge > 0 && d.MaxAge < time.Second {
		panic("resource: MaxAge counts in whole seconds")
	}
}

// refuse answers with a status, the challenge of RFC 6750 section 3 where the
// token is at fault, and the same as JSON. pairs are names and values.
func refuse(w http.ResponseWriter, status int, code, description string, pairs ...string) {
	h := w.Header()
	if status != http.StatusServiceUnavailable {
		challenge := "Bearer"
		if code != "" {
			challenge += fmt.Sprintf(` error="%s", error_description="%s"`, code, description)
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			challenge += fmt.Sprintf(`, %s="%s"`, pairs[i], pairs[i+1])
		}
		h.Set("WWW-Authenticate", challenge)
	}
	h.Set("Cache-Control", "no-store")
	if code == "" {
		w.WriteHeader(status)
		return
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}
