package resource

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// ask asks the issuer about a handle (RFC 7662), or remembers what it said.
func (v *Verifier) ask(ctx context.Context, text string) (Token, error) {
	now := v.o.Now()
	key := sha256.Sum256([]byte(text))
	if t, ok := v.answers.get(key, now); ok {
		return t, nil
	}
	var said struct {
		claims
		Active    bool   `json:"active"`
		TokenType string `json:"token_type"`
	}
	form := url.Values{"token": {text}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, v.introspect, strings.NewReader(form.Encode()))
	if err != nil {
		return Token{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(v.o.ClientID), url.QueryEscape(v.o.ClientSecret)) // RFC 6749 section 2.3.1
	if err := v.doJSON(r, &said); err != nil {
		return Token{}, fmt.Errorf("resource: introspection: %w", err)
	}
	// A refresh token has no token_type: it must not open anything.
	if !said.Active || !strings.EqualFold(said.TokenType, "Bearer") || said.Issuer != "" && said.Issuer != v.o.Issuer {
		return Token{}, errToken
	}
	if len(said.Audience) > 0 && !slices.Contains(said.Audience, v.o.Audience) && !slices.Contains(said.Audience, v.o.Issuer) {
		return Token{}, errToken
	}
	t, err := said.token(now)
	if err == nil && v.o.Remember > 0 {
		v.answers.put(key, t, now, v.o.Remember)
	}
	return t, err
}

// maxAnswers bounds what is remembered.
const maxAnswers = 10_000

// answerCache remembers answers by the hash of what was asked about. Its zero
// value is ready.
type answerCache struct {
	mu sync.Mutex
	by map[[sha256.Size]byte]answer
}

type answer struct {
	token Token
	until time.Time
}

func (c *answerCache) get(key [sha256.Size]byte, now time.Time) (Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.by[key]
	return a.token, ok && now.Before(a.until) && now.Before(a.token.Expires)
}

func (c *answerCache) put(key [sha256.Size]byte, t Token, now time.Time, life time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[[sha256.Size]byte]answer{}
	}
	if len(c.by) >= maxAnswers {
		for k, a := range c.by {
			if !now.Before(a.until) {
				delete(c.by, k)
			}
		}
	}
	for k := range c.by { // none of them was over: any one makes room
		if len(c.by) < maxAnswers {
			break
		}
		delete(c.by, k)
	}
	c.by[key] = answer{t, now.Add(life)}
}
