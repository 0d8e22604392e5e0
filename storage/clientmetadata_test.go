package storage

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

func app(uri string) Metadata {
	return Metadata{Name: "App", RedirectURIs: []string{uri}}.Filled()
}

func native(uri string) Metadata {
	m := app(uri)
	m.ApplicationType, m.TokenEndpointAuthMethod = TypeNative, AuthNone
	return m
}

func TestRedirectURIsThatMayBeRegistered(t *testing.T) {
	for _, uri := range []string{
		"https://app.example.com/callback", "https://app.example.com", "https://app.example.com/", "https://app.example.com:8443/cb?tenant=1",
		"https://xn--bcher-kva.example/cb", "https://192.0.2.1/cb", "https://[2001:db8::1]/cb", "https://localhost/cb",
		"http://localhost:8081/cb", "http://127.0.0.1/callback", "http://[::1]:1234/cb", "https://a/cb",
		"https://app.example.com/a%20b", "https://app.example.com/cb?codec=1&statement=2",
	} {
		if err := app(uri).Validate(); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
		if err := native(uri).Validate(); err != nil {
			t.Errorf("%s, native: %v", uri, err)
		}
	}
	for _, uri := range []string{"com.example.app:/callback", "com.example.app://callback", "com.example.app:/cb?x=1"} {
		if err := native(uri).Validate(); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestB02_RedirectURIsThatAreRefused(t *testing.T) {
	for uri, reason := range map[string]string{
		"https://*.example.com/cb":                      "wildcard",
		"https://app.example.com/*":                     "wildcard",
		`https://app\.example\.com/.*`:                  "wildcard",
		`https://app\.example\.com/cb`:                  "characters",
		"^https://app.example.com/.+$":                  "characters",
		"https://(a|b).example.com/cb":                  "characters",
		"https://(ab).example.com/cb":                   "host",
		"https://app.example.com/cb#f":                  "fragment",
		"https://app.example.com/cb#":                   "fragment",
		"javascript:alert(1)":                           "private scheme",
		"javascript://app.example.com/%0aalert(1)":      "hides",
		"data:text/html,x":                              "private scheme",
		"file:///etc/passwd":                            "private scheme",
		"about:blank":                                   "private scheme",
		"blob:https://app.example.com/1":                "private scheme",
		"myapp:/callback":                               "private scheme",
		"urn:ietf:wg:oauth:2.0:oob":                     "private scheme",
		"com.example.app:callback":                      "slash",
		"com.example.app://host:80/":                    "port",
		"http://app.example.com/cb":                     "use https",
		"http://127.0.0.2/cb":                           "use https",
		"http://127.0.0.1.example.com/cb":               "use https",
		"http://localhost.example.com/cb":               "use https",
		"http://0x7f.1/cb":                              "use https",
		"HTTPS://app.example.com/cb":                    "lower-case scheme",
		"https://App.example.com/cb":                    "host",
		"https://app.example.com./cb":                   "host",
		"https://app..example.com/cb":                   "host",
		"https://-app.example.com/cb":                   "host",
		"https://app_1.example.com/cb":                  "host",
		"https://2130706433/cb":                         "host",
		"https://127.1/cb":                              "host",
		"https://[::ffff:7f00:1]/cb":                    "host",
		"https://[fe80::1%25eth0]/cb":                   "host",
		"https://app.example.com:/cb":                   "host",
		"https://app.example.com:0/cb":                  "host",
		"https://app.example.com:65536/cb":              "host",
		"https://app.example.com:0443/cb":               "host",
		"https://user@app.example.com/cb":               "user",
		"https://app.example.com@evil.example/cb":       "user",
		"https://app.example.com%40evil.example/cb":     "not a URI",
		"https://app.example.com:80@evil.example/cb":    "user",
		`https://app.example.com\@evil.example/cb`:      "characters",
		"https://app.example.com/a/../cb":               "steps",
		"https://app.example.com/%2e%2E/cb":             "steps",
		"https://app.example.com/./cb":                  "steps",
		"https://app.example.com/a%5cb":                 "hides",
		"https://app.example.com/a%0d%0ab":              "hides",
		"https://app.example.com/a%00":                  "hides",
		"https://app.example.com/%zz":                   "not a URI",
		"https://app.example.com/a b":                   "characters",
		"https://app.example.com/a\tb":                  "characters",
		" https://app.example.com/cb":                   "characters",
		"https://app.example.com/cb\n":                  "characters",
		"https://bücher.example/cb":                     "characters",
		"https://app.example.com/cb?a;b":                "query",
		"https:///cb":                                   "host",
		"https:cb":                                      "host",
		"//app.example.com/cb":                          "lower-case scheme",
		"/cb":                                           "lower-case scheme",
		"cb":                                            "lower-case scheme",
		"":                                              "characters",
		"https://a.example/" + strings.Repeat("x", 2e3): "characters",
	} {
		for kind, m := range map[string]Metadata{"web": app(uri), "native": native(uri)} {
			err := m.Validate()
			var refused MetadataError
			if !errors.As(err, &refused) || refused.Field != "redirect_uris" || refused.Value != uri || !strings.Contains(refused.Reason, reason) {
				t.Errorf("%s, %s: %v, want %q", uri, kind, err, reason)
			}
			m = Metadata{RedirectURIs: []string{"https://app.example.com/"}, PostLogoutRedirectURIs: []string{uri}, ApplicationType: m.ApplicationType}.Filled()
			if err := m.Validate(); !errors.As(err, &refused) || refused.Field != "post_logout_redirect_uris" {
				t.Errorf("%s after sign-out, %s: %v", uri, kind, err)
			}
		}
	}
	if err := app("com.example.app:/cb").Validate(); err == nil {
		t.Error("a private scheme is accepted for a web client")
	}
	twice := app("https://app.example.com/")
	twice.RedirectURIs = append(twice.RedirectURIs, twice.RedirectURIs[0])
	many := app("https://app.example.com/")
	many.RedirectURIs = slices.Repeat(many.RedirectURIs, 51)
	for _, m := range []Metadata{twice, many} {
		if err := m.Validate(); err == nil {
			t.Errorf("%d redirect URIs: accepted", len(m.RedirectURIs))
		}
	}
}

func TestB06_RedirectURIWithParametersOfTheAnswer(t *testing.T) {
	for _, name := range answers {
		for _, uri := range []string{"https://app.example.com/cb?" + name + "=1", "https://app.example.com/cb?a=1&" + name, "com.example.app:/cb?" + name + "="} {
			err := native(uri).Validate()
			if err == nil || !strings.Contains(err.Error(), "parameter "+name) {
				t.Errorf("%s: %v", uri, err)
			}
		}
	}
	// Written so that it only looks like another name.
	if err := app("https://app.example.com/cb?c%6fde=1").Validate(); err == nil {
		t.Error("an escaped code= is accepted")
	}
}

func TestMetadataThatContradictsItself(t *testing.T) {
	no := false
	negative := -1
	valid := app("https://app.example.com/cb")
	for name, c := range map[string]struct {
		change func(*Metadata)
		field  string
	}{
		"no redirect URI":            {func(m *Metadata) { m.RedirectURIs = nil }, "redirect_uris"},
		"redirect URI for a service": {func(m *Metadata) { m.GrantTypes, m.ResponseTypes = []string{GrantClientCredentials}, nil }, "redirect_uris"},
		"code without response type": {func(m *Metadata) { m.ResponseTypes = nil }, "response_types"},
		"implicit":                   {func(m *Metadata) { m.ResponseTypes = []string{"id_token"} }, "response_types"},
		"hybrid":                     {func(m *Metadata) { m.ResponseTypes = []string{"code id_token"} }, "response_types"},
		"password grant":             {func(m *Metadata) { m.GrantTypes = append(m.GrantTypes, "password") }, "grant_types"},
		"only refresh":               {func(m *Metadata) { m.GrantTypes, m.ResponseTypes, m.RedirectURIs = []string{GrantRefresh}, nil, nil }, "grant_types"},
		"public service": {func(m *Metadata) {
			m.GrantTypes, m.TokenEndpointAuthMethod = append(m.GrantTypes, GrantClientCredentials), AuthNone
		}, "grant_types"},
		"public without PKCE":           {func(m *Metadata) { m.RequirePKCE, m.TokenEndpointAuthMethod = &no, AuthNone }, "require_pkce"},
		"public introspection":          {func(m *Metadata) { m.IntrospectAll, m.TokenEndpointAuthMethod = true, AuthNone }, "introspect_all"},
		"unknown method":                {func(m *Metadata) { m.TokenEndpointAuthMethod = "tls_client_auth" }, "token_endpoint_auth_method"},
		"unsigned ID tokens":            {func(m *Metadata) { m.IDTokenSignedResponse = "none" }, "id_token_signed_response_alg"},
		"unknown type":                  {func(m *Metadata) { m.ApplicationType = "browser" }, "application_type"},
		"negative age":                  {func(m *Metadata) { m.DefaultMaxAge = &negative }, "default_max_age"},
		"scope with a quote":            {func(m *Metadata) { m.Scope = `openid a"b` }, "scope"},
		"a thousand scopes":             {func(m *Metadata) { m.Scope = strings.Repeat("a ", 1000) }, "scope"},
		"acr with a space":              {func(m *Metadata) { m.DefaultACRValues = []string{"a b"} }, "scope"},
		"name that turns around":        {func(m *Metadata) { m.Name = "Stile\u202Eelits" }, "client_name"},
		"name with a line break":        {func(m *Metadata) { m.Name = "a\nb" }, "client_name"},
		"long name":                     {func(m *Metadata) { m.Name = strings.Repeat("x", 201) }, "client_name"},
		"page on http":                  {func(m *Metadata) { m.ClientURI = "http://app.example.com" }, "client_uri"},
		"policy that is a script":       {func(m *Metadata) { m.PolicyURI = "javascript:alert(1)" }, "policy_uri"},
		"terms in a file":               {func(m *Metadata) { m.TOSURI = "file:///tos" }, "tos_uri"},
		"logo as data":                  {func(m *Metadata) { m.LogoURI = "data:image/png,x" }, "logo_uri"},
		"initiate login elsewhere":      {func(m *Metadata) { m.InitiateLoginURI = "com.example:/x" }, "initiate_login_uri"},
		"origin with a path":            {func(m *Metadata) { m.AllowedOrigins = []string{"https://app.example.com/"} }, "allowed_origins"},
		"origin null":                   {func(m *Metadata) { m.AllowedOrigins = []string{"null"} }, "allowed_origins"},
		"origin everywhere":             {func(m *Metadata) { m.AllowedOrigins = []string{"*"} }, "allowed_origins"},
		"origin of a subdomain pattern": {func(m *Metadata) { m.AllowedOrigins = []string{"https://*.example.com"} }, "allowed_origins"},
	} {
		m := valid
		m.GrantTypes = slices.Clone(valid.GrantTypes)
		c.change(&m)
		var refused MetadataError
		if err := m.Validate(); !errors.As(err, &refused) || refused.Field != c.field {
			t.Errorf("%s: %v, want a refusal of %s", name, err, c.field)
		}
	}
	if err := valid.Validate(); err != nil {
		t.Error(err)
	}
	service := Metadata{GrantTypes: []string{GrantClientCredentials}, Scope: "api"}.Filled()
	if err := service.Validate(); err != nil || len(service.ResponseTypes) != 0 {
		t.Errorf("service: %v, %+v", err, service)
	}
	device := Metadata{GrantTypes: []string{GrantDevice, GrantRefresh}, TokenEndpointAuthMethod: AuthNone}.Filled()
	if err := device.Validate(); err != nil {
		t.Errorf("device: %v", err)
	}
}

func FuzzRegistration(f *testing.F) {
	f.Add(`{"redirect_uris":["https://app.example.com/cb"]}`)
	f.Add(`{"redirect_uris":["com.example.app:/cb","http://127.0.0.1/cb"],"application_type":"native","token_endpoint_auth_method":"none"}`)
	f.Add(`{"grant_types":["client_credentials"],"scope":"a b"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var m Metadata
		if json.Unmarshal([]byte(text), &m) != nil {
			return
		}
		m = m.Filled()
		if m.Validate() != nil {
			return
		}
		for _, uri := range append(slices.Clone(m.RedirectURIs), m.PostLogoutRedirectURIs...) {
			u, reason := absoluteURI(uri)
			if reason != "" || u.String() == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(uri, "*#\\ \r\n\t") {
				t.Fatalf("%q is accepted", uri)
			}
			if u.Scheme == "http" && !loopback(u.Hostname()) {
				t.Fatalf("%q is accepted", uri)
			}
			if u.Scheme != "http" && u.Scheme != "https" && (!strings.Contains(u.Scheme, ".") || m.ApplicationType != TypeNative) {
				t.Fatalf("%q is accepted", uri)
			}
		}
		if again := m.Filled(); !sameMetadata(again, m) {
			t.Fatalf("%+v is filled again to %+v", m, again)
		}
	})
}
