package config

import (
	"maps"
	"strings"
	"testing"
)

func TestSignUp(t *testing.T) {
	path := write(t, "config.yaml", "sign_up:\n  Example.COM: Example Support\n  bücher.example: 7f3k\n")
	c, _, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.SignUp.Canonical(); !maps.Equal(got, map[string]string{"example.com": "Example Support", "xn--bcher-kva.example": "7f3k"}) {
		t.Errorf("%v", got)
	}
	c, origins, err := Load(path, []string{"STILE_SIGN_UP=a.example=Example Support, b.example=id"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.SignUp.Canonical(); !maps.Equal(got, map[string]string{"a.example": "Example Support", "b.example": "id"}) {
		t.Errorf("by a variable: %v", got)
	}
	for _, o := range origins {
		if o.Key == "sign_up" && (o.Source != "STILE_SIGN_UP" || strings.Join(o.Value, "; ") != "a.example=Example Support; b.example=id") {
			t.Errorf("shown as %+v", o)
		}
	}
}

func TestSignUpFaults(t *testing.T) {
	for text, want := range map[string]string{
		"sign_up: example.com":                              ":1: sign_up holds entries: write each as key: value",
		"sign_up: [example.com]":                            ":1: sign_up holds entries",
		"sign_up:\n  example.com: [a]":                      ":2: sign_up.example.com takes one value",
		"sign_up:\n  example.com:":                          ":2: sign_up.example.com has no value",
		"sign_up:\n  a.de: A\n  example.com: ''":            ":3: sign_up.example.com: names no account: write its name or id",
		"sign_up:\n  a.de: A\n  '@example.com': A":          `:3: sign_up.@example.com: "@example.com" is not a domain: write it such as example.com`,
		"sign_up:\n  '*.example.com': A":                    `"*.example.com" is not a domain`,
		"sign_up:\n  '': A":                                 `"" is not a domain`,
		"sign_up:\n  example.com: A\n  example.com: B":      ":3: sign_up.example.com is given twice, first in line 2",
		"sign_up:\n  Example.com: A\n  example.COM: B":      `"Example.com" and "example.COM" are the same domain: remove one`,
		"sign_up:\n  bücher.de: A\n  xn--bcher-kva.de: B\n": `are the same domain`,
	} {
		_, _, err := Load(write(t, "config.yaml", text), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	file := write(t, "config.yaml", "sign_up:\n  example.com: A\n")
	for value, want := range map[string]string{
		"example.com":                 `STILE_SIGN_UP: "example.com": write each entry as key=value`,
		"example.com=A,example.com=B": `STILE_SIGN_UP: "example.com" is given twice`,
		"example.com=":                "STILE_SIGN_UP: sign_up: names no account",
	} {
		if _, _, err := Load(file, []string{"STILE_SIGN_UP=" + value}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", value, err, want)
		}
	}
}
