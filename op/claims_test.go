package op

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestClaimsParameterIsReadAsTheStandardHasIt(t *testing.T) {
	c, err := parseClaims(`{"userinfo":{"email":null,"name":{"essential":true}},
		"id_token":{"auth_time":{"essential":true},"acr":{"essential":true,"values":["a","b"]},"sub":{"value":"u1"}},"other":1}`)
	if err != nil {
		t.Fatal(err)
	}
	values, _ := c.acrValues()
	if !slices.Equal(c.IDToken, []string{"acr", "auth_time", "sub"}) ||
		c.subject != "u1" || !slices.Equal(values, []string{"a", "b"}) || !c.acrEssential() {
		t.Errorf("read as %+v with acr %v", c, values)
	}
	back, err := wantedOf(c.String())
	if err != nil || !slices.Equal(back.IDToken, c.IDToken) {
		t.Errorf("a grant would keep %q", c.String())
	}
}

func TestClaimsAboutACRAreEssentialUnlessCalledVoluntary(t *testing.T) {
	for text, want := range map[string]struct {
		values    string
		essential bool
	}{
		``:                                      {"", false},
		`{}`:                                    {"", false},
		`{"id_token":null}`:                     {"", false},
		`{"id_token":{"acr":null}}`:             {"", false},
		`{"userinfo":{"acr":{"values":["a"]}}}`: {"", false},
		`{"id_token":{"acr":{"essential":true}}}`:                      {"", true},
		`{"id_token":{"acr":{"value":"a"}}}`:                           {"a", true},
		`{"id_token":{"acr":{"value":null,"values":["b"]}}}`:           {"b", true},
		`{"id_token":{"acr":{"essential":false,"values":["a","b"]}}}`:  {"a b", false},
		`{"id_token":{"acr":{"essential":true,"value":"a","x":[{}]}}}`: {"a", true},
	} {
		c, err := parseClaims(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		values, _ := c.acrValues()
		if got := strings.Join(values, " "); got != want.values || c.acrEssential() != want.essential {
			t.Errorf("%s: %q, essential %v, want %+v", text, got, c.acrEssential(), want)
		}
	}
}

func TestA07_ClaimsParameterIsBounded(t *testing.T) {
	many := `{"userinfo":{` + strings.TrimSuffix(strings.Repeat(`"x%":null,`, 65), ",") + `}}`
	for i := range 65 {
		many = strings.Replace(many, "%", string(rune('A'+i/26))+string(rune('a'+i%26)), 1)
	}
	for name, text := range map[string]string{
		"one megabyte":         `{"userinfo":{"` + strings.Repeat("x", 1<<20) + `":null}}`,
		"10000 levels":         strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000),
		"many levels":          `{"userinfo":{"a":{"value":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}}}`,
		"many claims":          many,
		"not JSON":             `x`,
		"a list":               `[]`,
		"a text":               `"x"`,
		"two objects":          `{}{}`,
		"userinfo a list":      `{"userinfo":[]}`,
		"claim a text":         `{"userinfo":{"email":"x"}}`,
		"essential a text":     `{"userinfo":{"email":{"essential":"yes"}}}`,
		"acr a number":         `{"id_token":{"acr":{"value":1}}}`,
		"acr null in values":   `{"id_token":{"acr":{"values":[null]}}}`,
		"values not a list":    `{"id_token":{"acr":{"values":"a"}}}`,
		"two subjects":         `{"id_token":{"sub":{"values":["a","b"]}}}`,
		"subject a number":     `{"id_token":{"sub":{"value":1}}}`,
		"subject empty":        `{"id_token":{"sub":{"value":""}}}`,
		"id_token given twice": `{"id_token":{},"id_token":{"acr":{"value":"a"}}}`,
		"acr given twice":      `{"id_token":{"acr":{"value":"a"},"acr":null}}`,
	} {
		if _, err := parseClaims(text); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzClaimsParameter(f *testing.F) {
	f.Add(`{"userinfo":{"email":null},"id_token":{"acr":{"essential":true,"values":["a"]},"sub":{"value":"u"}}}`)
	f.Add(`{"id_token":{"acr":{"value":null}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseClaims(text)
		if err != nil {
			return
		}
		if text != "" && !json.Valid([]byte(text)) {
			t.Fatalf("%q is taken and is not JSON", text)
		}
		back, err := wantedOf(c.String())
		if err != nil || !slices.Equal(back.IDToken, c.IDToken) {
			t.Fatalf("%q: what a grant keeps, %q, is read differently", text, c.String())
		}
	})
}
