package config

import (
	"net/url"
	"strings"
)

const hidden = "***"

// mask hides a secret: all of it, or the password inside a URL.
func mask(how, text string) string {
	if text == "" {
		return ""
	}
	if how != "url" {
		return hidden
	}
	if strings.HasPrefix(text, "sqlite:") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" && u.User == nil && u.RawQuery == "" {
		return hidden
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), hidden)
	}
	q := u.Query()
	for name := range q {
		if strings.Contains(strings.ToLower(name), "password") {
			q.Set(name, hidden)
		}
	}
	u.RawQuery = q.Encode()
	return strings.ReplaceAll(u.String(), url.QueryEscape(hidden), hidden)
}
