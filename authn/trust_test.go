package authn

import "testing"

// A browser is trusted by the second factor of the very sign-in that ends in it.
func TestL05_WhatTrustsABrowser(t *testing.T) {
	s := Subject{ID: "ann", Authenticators: []Authenticator{
		{ID: "password-1", Method: Password}, {ID: "app", Method: TOTP}, {ID: "codes", Method: Recovery}, {ID: "key", Method: Passkey},
	}}
	for _, c := range []struct {
		name  string
		ticks bool
		e     Evidence
		want  bool
	}{
		{"password and code", true, Evidence{password(61), code(62)}, true},
		{"passkey", true, Evidence{{Passkey, at(61), "key"}}, true},
		{"not ticked", false, Evidence{password(61), code(62)}, false},
		{"password alone", true, Evidence{password(61)}, false},
		{"recovery code", true, Evidence{password(61), {Recovery, at(62), "codes"}}, false},
		{"a code of an earlier sign-in", true, Evidence{password(61), code(59)}, false},
		{"a code of an app that is no more", true, Evidence{password(61), {TOTP, at(62), "app-0"}}, false},
	} {
		p := Progress{Started: at(60), Evidence: c.e}
		if c.ticks {
			p = p.TrustBrowser()
		}
		if got := p.Trusts(s); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if (Progress{Evidence: Evidence{password(61), code(62)}, Trust: true}).Trusts(s) {
		t.Error("trusted without a sign-in")
	}
}

func TestL05_OnlyThePolicyIsTrusted(t *testing.T) {
	on := Policy{TwoStep: true, TrustFor: 1}
	for name, c := range map[string]struct {
		p    Policy
		s    Subject
		want bool
	}{
		"covered":         {on, Subject{}, true},
		"no days":         {Policy{TwoStep: true}, Subject{}, false},
		"off":             {Policy{TrustFor: 1}, Subject{}, false},
		"not covered":     {Policy{TwoStep: true, TrustFor: 1, Products: []string{"x"}}, Subject{}, false},
		"own setting too": {on, Subject{Own: true}, false},
	} {
		if got := c.p.MayTrust(c.s); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// "Why was I not asked for a code?"
func TestWhyMetWhereTheBrowserIsTrusted(t *testing.T) {
	r := Requirement{Level: LevelPassword, Reasons: []Reason{ReasonTrusted}}
	for _, c := range []struct {
		e    Evidence
		here bool
		want Reason
	}{
		{Evidence{password(1)}, true, ReasonTrusted},
		{Evidence{password(1), code(2)}, true, ReasonProven},
		{Evidence{password(1), code(2)}, false, ReasonAlreadyProven},
	} {
		if got := r.WhyMet(c.e, c.here); got != c.want {
			t.Errorf("%v here %v: %s, want %s", c.e.AMR(), c.here, got, c.want)
		}
	}
}
