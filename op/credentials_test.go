package op

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

func basicOf(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

func rawBasic(pair string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

func TestD04_BasicIsFormDecoded(t *testing.T) {
	for _, c := range []struct{ header, id, secret string }{
		{basicOf("console", "sts_abc"), "console", "sts_abc"},
		{basicOf("a:b", "p:q:r"), "a:b", "p:q:r"},
		{basicOf("a%b", "100% +sure &=?"), "a%b", "100% +sure &=?"},
		{basicOf("Käufer", "Schlüssel€"), "Käufer", "Schlüssel€"},
		{rawBasic("a+b:c+d"), "a b", "c d"},
		{rawBasic("a%3ab:c%2Bd"), "a:b", "c+d"},
		{rawBasic("id:a:b"), "id", "a:b"},
		{"basic " + rawBasic("id:x")[6:], "id", "x"},
		{rawBasic("id:"), "id", ""},
	} {
		got, ok := parseBasic(c.header)
		if !ok || got.id != c.id || got.secret.Reveal() != c.secret || got.method != oidc.AuthMethodBasic {
			t.Errorf("%s: got %q and %q, %v", c.header, got.id, got.secret.Reveal(), ok)
		}
	}
	for _, header := range []string{
		"", "Basic", "Basic ", "Basic  " + rawBasic("id:x")[6:], "Bearer abc", "Basic !!!", rawBasic("no colon"), rawBasic(":secret"), rawBasic("id:100%"),
		rawBasic("%zz:secret"), rawBasic("id:%ff%fe"), rawBasic("id:\xff"), rawBasic("i%00d:secret"), rawBasic("id:a%0ab"),
		rawBasic("id:secret") + "=", rawBasic(string(make([]byte, 300)) + ":x"),
	} {
		if c, ok := parseBasic(header); ok {
			t.Errorf("%q: accepted as %q", header, c.id)
		}
	}
}

func TestD01_OneKindOfCredentialsAtATime(t *testing.T) {
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	for name, c := range map[string]struct {
		header []string
		form   url.Values
		want   oidc.AuthMethod
	}{
		"basic":                   {[]string{basicOf("a", "s")}, form(), oidc.AuthMethodBasic},
		"basic with its own name": {[]string{basicOf("a", "s")}, form("client_id", "a"), oidc.AuthMethodBasic},
		"post":                    {nil, form("client_id", "a", "client_secret", "s"), oidc.AuthMethodPost},
		"name alone":              {nil, form("client_id", "a"), oidc.AuthMethodNone},
	} {
		got, err := presented(http.Header{"Authorization": c.header}, c.form)
		if err != nil || got.id != "a" || got.method != c.want {
			t.Errorf("%s: got %q by %q, %v", name, got.id, got.method, err)
		}
	}
	for name, c := range map[string]struct {
		header []string
		form   url.Values
	}{
		"none":                      {nil, form()},
		"secret without name":       {nil, form("client_secret", "s")},
		"basic and post":            {[]string{basicOf("a", "s")}, form("client_id", "a", "client_secret", "s")},
		"basic and secret":          {[]string{basicOf("a", "s")}, form("client_secret", "s")},
		"basic of another name":     {[]string{basicOf("a", "s")}, form("client_id", "b")},
		"two headers":               {[]string{basicOf("a", "s"), basicOf("a", "s")}, form()},
		"bearer":                    {[]string{"Bearer x"}, form("client_id", "a")},
		"assertion":                 {nil, form("client_id", "a", "client_assertion", jwtOf(plainHeader, `{"aud":[1]}`))},
		"assertion type":            {nil, form("client_id", "a", "client_assertion_type", "x")},
		"basic and assertion":       {[]string{basicOf("a", "s")}, form("client_assertion", "x")},
		"broken basic with a name":  {[]string{"Basic %"}, form("client_id", "a")},
		"name of a thousand letter": {nil, form("client_id", string(make([]byte, 1000)))},
	} {
		if got, err := presented(http.Header{"Authorization": c.header}, c.form); err == nil {
			t.Errorf("%s: taken as %q by %q", name, got.id, got.method)
		}
	}
}

func FuzzBasicAuth(f *testing.F) {
	f.Add("Basic Y29uc29sZTpzZWNyZXQ=", "console", "secret")
	f.Add(rawBasic("a%3ab:c%2Bd"), "a:b", "c+d ")
	f.Add(rawBasic("%:%"), "ä", "%00")
	f.Fuzz(func(t *testing.T, header, id, secret string) {
		if c, ok := parseBasic(header); ok {
			if c.id == "" || len(c.id) > maxClientID || !plain(c.id) || !plain(c.secret.Reveal()) {
				t.Errorf("%q gives an unusable %q", header, c.id)
			}
		}
		c, ok := parseBasic(basicOf(id, secret))
		usable := id != "" && len(id) <= maxClientID && plain(id) && plain(secret)
		if ok != usable || ok && (c.id != id || c.secret.Reveal() != secret) {
			t.Errorf("(%q, %q) comes back as (%q, %q), %v", id, secret, c.id, c.secret.Reveal(), ok)
		}
	})
}

// jwtOf makes a JWT of the right shape that nobody signed.
func jwtOf(header, payload string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte(payload)) + "." + e([]byte("signature"))
}

const plainHeader = `{"alg":"RS256","typ":"JWT","kid":"k"}`
