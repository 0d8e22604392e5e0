package token

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

func jwt(header, payload string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte(payload)) + "." + e([]byte("signature"))
}

const plain = `{"alg":"RS256","typ":"JWT","kid":"k"}`

// panicking are payloads at which the library panics before it checks a signature.
var panicking = []string{`{"aud":[1]}`, `{"aud":[null]}`, `{"AUD":[{}]}`, `{"aud":"a","aud":["a",[]]}`, `{"aud":["a",true]}`}

func TestZitadel01_AudienceThatMakesTheLibraryPanicIsRefused(t *testing.T) {
	for _, payload := range panicking {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the library parses this now without a panic: look at whether the check is still needed", payload)
				}
			}()
			_, _ = oidc.ParseToken(jwt(plain, payload), new(oidc.TokenClaims))
		}()
		if checkShape(jwt(plain, payload)) == nil {
			t.Errorf("%s: passes", payload)
		}
	}
}

func TestE06_OnlyPlainSignedJWTsPass(t *testing.T) {
	good := jwt(plain, `{"iss":"i","sub":"s","aud":["a","b"],"exp":1,"iat":1.5,"x":{"y":[{"z":null}]}}`)
	for name, text := range map[string]string{
		"all claims": good, "audience as string": jwt(plain, `{"aud":"a"}`), "no claims": jwt(plain, `{}`),
		"just small enough": jwt(plain, `{"x":"`+strings.Repeat("x", 40<<10)+`"}`),
	} {
		if err := checkShape(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "opaque": "sta_abc", "a million dots": strings.Repeat(".", 1_000_000), "five parts": "a.b.c.d.e",
		"one megabyte":       jwt(plain, `{"x":"`+strings.Repeat("x", 1<<20)+`"}`),
		"no signature":       good[:strings.LastIndex(good, ".")+1],
		"alg none":           jwt(`{"alg":"nOnE"}`, `{}`),
		"no alg":             jwt(`{}`, `{}`),
		"alg twice":          jwt(`{"alg":"RS256","alg":"none"}`, `{}`),
		"numeric alg":        jwt(`{"alg":1}`, `{}`),
		"numeric kid":        jwt(`{"alg":"RS256","kid":1}`, `{}`),
		"payload a list":     jwt(plain, `[]`),
		"payload null":       jwt(plain, `null`),
		"payload cut":        jwt(plain, `{`),
		"two payloads":       jwt(plain, `{}{}`),
		"sub twice":          jwt(plain, `{"sub":"a","sub":"b"}`),
		"sub in two cases":   jwt(plain, `{"sub":"a","SUB":"b"}`),
		"twice further down": jwt(plain, `{"x":[{"a":1,"a":2}]}`),
		"sub a number":       jwt(plain, `{"sub":1}`),
		"exp a text":         jwt(plain, `{"exp":"1"}`),
		"exp unbounded":      jwt(plain, `{"exp":1e999}`),
		"too deep":           jwt(plain, `{"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`),
		"padded base64":      strings.Replace(good, ".", "=.", 1),
		"ordinary base64":    "+/+/." + good,
	} {
		if checkShape(text) == nil {
			t.Errorf("%s: passes", name)
		}
	}
}

func FuzzJWTParse(f *testing.F) {
	for _, payload := range panicking {
		f.Add(jwt(plain, payload))
	}
	f.Add(jwt(plain, `{"aud":["a"],"exp":1,"amr":["pwd"]}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		if checkShape(text) != nil {
			return
		}
		// Whatever passes must not make the library panic.
		_, _ = oidc.ParseToken(text, new(oidc.TokenClaims))
		_, payload, _ := split(text)
		if !json.Valid(payload) {
			t.Errorf("passes without being JSON: %q", payload)
		}
	})
}

// checkShape tells whether a token has the right shape.
func checkShape(s string) error {
	_, _, err := split(s)
	return err
}
