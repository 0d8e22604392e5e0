package resource

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Challenge is what an API answers to a client whose access token does not
// suffice.
type Challenge struct {
	Error, Description string
	Scopes             []string      // with insufficient_scope: what is needed
	ACRValues          []string      // with insufficient_user_authentication: to be sent as acr_values
	MaxAge             time.Duration // the same, to be sent as max_age; negative if it was not named
}

// StepUp tells whether the user has to prove more, or more freshly, and then may
// try again with the new access token.
func (c Challenge) StepUp() bool { return c.Error == "insufficient_user_authentication" }

// ChallengeOf returns the challenge of an answer; false if there is none for
// bearer tokens.
func ChallengeOf(resp *http.Response) (Challenge, bool) {
	for _, header := range resp.Header.Values("WWW-Authenticate") {
		scheme, rest, _ := strings.Cut(header, " ")
		if len(header) > maxToken || !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		params := parameters(rest)
		c := Challenge{
			Error: params["error"], Description: params["error_description"],
			Scopes: strings.Fields(params["scope"]), ACRValues: strings.Fields(params["acr_values"]), MaxAge: -1,
		}
		if n, err := strconv.ParseUint(params["max_age"], 10, 31); err == nil {
			c.MaxAge = time.Duration(n) * time.Second
		}
		return c, true
	}
	return Challenge{}, false
}

// parameters reads the names and values of a challenge (RFC 9110 section 11.2)
// as far as they are well-formed. The first of two with one name counts.
func parameters(s string) map[string]string {
	found := map[string]string{}
	for s != "" {
		s = strings.TrimLeft(s, " \t,")
		name, rest, ok := strings.Cut(s, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || strings.ContainsAny(name, " \t\",") { // a further challenge begins here
			return found
		}
		var value string
		if value, s, ok = parameterValue(strings.TrimLeft(rest, " \t")); !ok {
			return found
		}
		if _, twice := found[name]; !twice {
			found[name] = value
		}
	}
	return found
}

// parameterValue reads a token or a quoted string, and returns what follows it.
func parameterValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, " \t,")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
