package resource_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"stile/resource"
)

// issuer answers as a test wants: what Stile itself never does.
type issuer struct {
	*httptest.Server
	key        *ecdsa.PrivateKey
	keys       atomic.Pointer[jose.JSONWebKeySet]
	read       atomic.Int64 // readings of the keys
	introspect func(http.ResponseWriter, *http.Request)
	document   func(url string) map[string]any
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key, document: func(url string) map[string]any {
		return map[string]any{"issuer": url, "jwks_uri": url + "/jwks", "introspection_endpoint": url + "/introspect"}
	}}
	i.keys.Store(&jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Use: "sig", Algorithm: "ES256"}}})
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(i.document(i.URL)) })
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		i.read.Add(1)
		_ = json.NewEncoder(w).Encode(i.keys.Load())
	})
	mux.HandleFunc("/introspect", func(w http.ResponseWriter, r *http.Request) { i.introspect(w, r) })
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) sign(t *testing.T, kid string, header, claims map[string]any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", kid)
	for name, value := range header {
		o = o.WithHeader(jose.HeaderKey(name), value)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func (i *issuer) claims(change ...any) map[string]any {
	now := noon.Unix()
	c := map[string]any{"iss": i.URL, "sub": "s", "client_id": "s", "aud": i.URL, "iat": now, "exp": now + 300, "jti": "1"}
	for k := 0; k+1 < len(change); k += 2 {
		c[change[k].(string)] = change[k+1]
	}
	return c
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func (i *issuer) verifier(t *testing.T, now func() time.Time) *resource.Verifier {
	t.Helper()
	v, err := resource.New(t.Context(), resource.Options{
		Issuer: i.URL, ClientID: "api", ClientSecret: "secret", Now: now, Logger: slog.New(slog.DiscardHandler),
		Client: &http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestE06_SignedTokensThatAreNone(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier(t, func() time.Time { return noon })
	alien, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"one","typ":"at+jwt"}`))
	payload, _ := json.Marshal(i.claims())
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: i.key.X.Bytes()}, (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", "one"))
	if err != nil {
		t.Fatal(err)
	}
	confused, _ := hmac.Sign(payload)
	confusedText, _ := confused.CompactSerialize()
	for name, c := range map[string]struct {
		token string
		good  bool
	}{
		"good":                   {i.sign(t, "one", nil, i.claims()), true},
		"typ in full":            {i.sign(t, "one", map[string]any{"typ": "application/at+jwt"}, i.claims()), true},
		"several audiences":      {i.sign(t, "one", nil, i.claims("aud", []string{"x", i.URL})), true},
		"other typ":              {i.sign(t, "one", map[string]any{"typ": "JWT"}, i.claims()), false},
		"jwk in the header":      {i.sign(t, "one", map[string]any{"jwk": jose.JSONWebKey{Key: alien.Public()}}, i.claims()), false},
		"jku in the header":      {i.sign(t, "one", map[string]any{"jku": i.URL + "/jwks"}, i.claims()), false},
		"crit":                   {i.sign(t, "one", map[string]any{"crit": []string{"x"}, "x": 1}, i.claims()), false},
		"other iss":              {i.sign(t, "one", nil, i.claims("iss", "https://elsewhere.example")), false},
		"other aud":              {i.sign(t, "one", nil, i.claims("aud", "x")), false},
		"no aud":                 {i.sign(t, "one", nil, i.claims("aud", nil)), false},
		"no exp":                 {i.sign(t, "one", nil, i.claims("exp", nil)), false},
		"exp now":                {i.sign(t, "one", nil, i.claims("exp", noon.Unix())), false},
		"exp as text":            {i.sign(t, "one", nil, i.claims("exp", "9999999999")), false},
		"iat a little ahead":     {i.sign(t, "one", nil, i.claims("iat", noon.Unix()+60)), true},
		"iat far ahead":          {i.sign(t, "one", nil, i.claims("iat", noon.Unix()+61)), false},
		"nbf far ahead":          {i.sign(t, "one", nil, i.claims("nbf", noon.Unix()+120)), false},
		"no sub":                 {i.sign(t, "one", nil, i.claims("sub", "")), false},
		"no client_id":           {i.sign(t, "one", nil, i.claims("client_id", "")), false},
		"bound to a key":         {i.sign(t, "one", nil, i.claims("cnf", map[string]string{"jkt": "x"})), false},
		"unknown kid":            {i.sign(t, "two", nil, i.claims()), false},
		"alg none":               {none + "." + base64.RawURLEncoding.EncodeToString(payload) + ".AA", false},
		"HMAC by the public key": {confusedText, false},
		"no base64":              {"a.b.c", false},
		"only dots":              {"..", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := call(v, resource.Demand{}, "Bearer "+c.token); (got.status == 200) != c.good || !c.good && got.status != 401 {
				t.Errorf("%d, %s", got.status, got.challenge())
			}
		})
	}
}

// An unknown key id makes the keys be read once more, and strangers with
// made-up ones can't make it happen all the time.
func TestKeysAreReadAgainNowAndThen(t *testing.T) {
	i := newIssuer(t)
	at := noon
	v := i.verifier(t, func() time.Time { return at })
	try := func(kid string) int {
		return call(v, resource.Demand{}, "Bearer "+i.sign(t, kid, nil, i.claims("exp", noon.Add(24*time.Hour).Unix()))).status
	}
	want := func(what string, status, wantStatus int, read int64) {
		t.Helper()
		if status != wantStatus || i.read.Load() != read {
			t.Errorf("%s: %d after %d readings, want %d after %d", what, status, i.read.Load(), wantStatus, read)
		}
	}
	want("first", try("one"), 200, 1)
	want("known", try("one"), 200, 1)
	for range 5 {
		want("made up", try("x"), 401, 1)
	}
	i.keys.Load().Keys[0].KeyID = "two"
	want("new, at once", try("two"), 401, 1)
	at = at.Add(10 * time.Second)
	want("new, later", try("two"), 200, 2)
	want("withdrawn", try("one"), 401, 2)
	at = at.Add(time.Hour)
	want("an hour later", try("two"), 200, 3)
	i.Close()
	at = at.Add(time.Hour)
	want("an hour later, issuer away", try("two"), 503, 3)
}

func TestAnswersOfAnIssuerInTrouble(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier(t, func() time.Time { return noon })
	good := fmt.Sprintf(`{"active":true,"sub":"u","client_id":"c","token_type":"Bearer","iss":%q,"aud":%q,"exp":%d,"iat":%d`, i.URL, i.URL, noon.Unix()+60, noon.Unix())
	release := make(chan struct{})
	defer close(release)
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		status int
	}{
		"good":                {say(200, good+`}`), 200},
		"inactive":            {say(200, `{"active":false}`), 401},
		"no word of active":   {say(200, `{"sub":"u"}`), 401},
		"refresh token":       {say(200, strings.Replace(good, "Bearer", "", 1)+`}`), 401},
		"of another issuer":   {say(200, strings.Replace(good, i.URL, "https://elsewhere.example", 1)+`}`), 401},
		"for another API":     {say(200, strings.Replace(good, `"aud":"`+i.URL, `"aud":"x`, 1)+`}`), 401},
		"over":                {say(200, strings.Replace(good, `"exp":`, `"exp":1,"x":`, 1)+`}`), 401},
		"bound to a key":      {say(200, good+`,"cnf":{"jkt":"x"}}`), 401},
		"acr that is no text": {say(200, good+`,"acr":7}`), 503},
		"a list":              {say(200, `[]`), 503},
		"a page":              {say(200, `<html>`), 503},
		"empty":               {say(200, ``), 503},
		"endless":             {say(200, good+`,"x":"`+strings.Repeat("a", 1<<20)+`"}`), 503},
		"failing":             {say(500, good+`}`), 503},
		"busy":                {say(429, ``), 503},
		"refusing the API":    {say(401, ``), 503},
		"redirecting": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, i.URL+"/jwks", http.StatusTemporaryRedirect)
		}, 503},
		"hanging": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			i.introspect = c.answer
			got := call(v, resource.Demand{}, "Bearer handle")
			if got.status != c.status || (got.token.Subject == "u") != (c.status == 200) {
				t.Errorf("%d, %+v", got.status, got.token)
			}
		})
	}
	i.introspect = func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != "api" || secret != "secret" || r.PostFormValue("token") != "handle" || r.URL.RawQuery != "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		say(200, good+`}`)(w, r)
	}
	if got := call(v, resource.Demand{}, "bearer  handle"); got.status != 200 {
		t.Errorf("what is sent is not what the endpoint wants: %d", got.status)
	}
}

func say(status int, text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

func TestNewRefuses(t *testing.T) {
	i := newIssuer(t)
	good := i.document
	for name, c := range map[string]struct {
		options  resource.Options
		document func(string) map[string]any
	}{
		"no issuer":                 {resource.Options{}, good},
		"no URL":                    {resource.Options{Issuer: "id.example.com"}, good},
		"id without secret":         {resource.Options{Issuer: i.URL, ClientID: "api"}, good},
		"a shared secret":           {resource.Options{Issuer: i.URL, Algorithms: []string{"HS256"}}, good},
		"no signature":              {resource.Options{Issuer: i.URL, Algorithms: []string{"none"}}, good},
		"the document of another":   {resource.Options{Issuer: i.URL}, func(string) map[string]any { return good("https://elsewhere.example") }},
		"an issuer with a slash":    {resource.Options{Issuer: i.URL + "/"}, good},
		"no keys":                   {resource.Options{Issuer: i.URL}, func(u string) map[string]any { return map[string]any{"issuer": u} }},
		"keys from nowhere":         {resource.Options{Issuer: i.URL}, func(u string) map[string]any { d := good(u); d["jwks_uri"] = "file:///etc/keys"; return d }},
		"a document of other types": {resource.Options{Issuer: i.URL}, func(string) map[string]any { return map[string]any{"issuer": 7} }},
	} {
		t.Run(name, func(t *testing.T) {
			i.document = c.document
			c.options.Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			if _, err := resource.New(t.Context(), c.options); err == nil {
				t.Error("a verifier is made")
			}
		})
	}
}

func TestDemandsThatCanNotBeWritten(t *testing.T) {
	i := newIssuer(t)
	v := i.verifier(t, func() time.Time { return noon })
	for name, d := range map[string]resource.Demand{
		"a quote": {ACR: []string{`a"b`}}, "a space": {Scopes: []string{"a b"}}, "nothing": {Scopes: []string{""}},
		"half a second": {MaxAge: time.Second / 2}, "less than nothing": {MaxAge: -time.Second},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is demanded", name)
				}
			}()
			v.Require(d)
		}()
	}
}

func TestChallengeOf(t *testing.T) {
	for header, want := range map[string]string{
		`Bearer`: "{  [] [] -1ns} true",
		`bearer error=insufficient_user_authentication,acr_values="a b" ,  max_age=60`:                            "{insufficient_user_authentication  [] [a b] 1m0s} true",
		`Bearer realm="a, error=\"x\"", error="insufficient_scope", scope="r w", error_description="it is \\ so"`: `{insufficient_scope it is \ so [r w] [] -1ns} true`,
		`Bearer error="a", error="b", max_age="-1"`:                                                               "{a  [] [] -1ns} true",
		`Bearer error="open`:                           "{  [] [] -1ns} true",
		`Bearer max_age="99999999999999999999"`:        "{  [] [] -1ns} true",
		`Bearer error="a", Basic realm="b", scope="c"`: "{a  [] [] -1ns} true",
		`Basic realm="a"`:                              "{  [] [] 0s} false",
		``:                                             "{  [] [] 0s} false",
	} {
		c, ok := resource.ChallengeOf(&http.Response{Header: http.Header{"Www-Authenticate": {header}}})
		if got := fmt.Sprint(c, ok); got != want {
			t.Errorf("%s\n got %s\nwant %s", header, got, want)
		}
	}
	if _, ok := resource.ChallengeOf(&http.Response{Header: http.Header{"Www-Authenticate": {"Basic", "Bearer"}}}); !ok {
		t.Error("the second header is not read")
	}
}
