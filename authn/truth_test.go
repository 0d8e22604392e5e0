package authn

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite testdata/truth.golden")

// The truth table: every combination of what the account requires, what the
// request asks, what the user has and what was proven, with the answer. The
// sign-in of the table starts at minute 200; "old" proofs are of minute 0, and
// a request for fresh ones is of minute 200.

const signInStarted = 200

var truthPolicies = []struct {
	name   string
	policy Policy
	own    bool
	trust  bool
}{
	{"two-step verification off", Policy{}, false, false},
	{"two-step verification off, Enhanced Security on", Policy{}, true, false},
	{"on for everyone", Policy{TwoStep: true}, false, false},
	{"on for everyone, Enhanced Security on", Policy{TwoStep: true}, true, false},
	{"on for holders of a product, which the user holds", Policy{TwoStep: true, Products: []string{"phone"}}, false, false},
	{"on for holders of a product, which the user does not hold", Policy{TwoStep: true, Products: []string{"desk"}}, false, false},
	{"on for everyone, browser trusted", Policy{TwoStep: true, TrustFor: 24 * time.Hour}, false, true},
}

var truthAsks = []struct {
	name string
	ask  Ask
}{
	{"nothing", Ask{}},
	{"fresh proofs (prompt=login, max_age)", Ask{Since: at(signInStarted)}},
	{"acr_values: multi-factor", Ask{Levels: []Level{LevelMFA}}},
	{"acr_values: phishing-resistant, multi-factor", Ask{Levels: []Level{LevelPhishingResistant, LevelMFA}}},
	{"acr_values: password, multi-factor", Ask{Levels: []Level{LevelPassword, LevelMFA}}},
	{"acr_values: phishing-resistant", Ask{Levels: []Level{LevelPhishingResistant}}},
	{"essential acr: password", Ask{Levels: []Level{LevelPassword}, Essential: true}},
	{"essential acr: phishing-resistant, multi-factor", Ask{Levels: []Level{LevelPhishingResistant, LevelMFA}, Essential: true}},
	{"essential acr: phishing-resistant", Ask{Levels: []Level{LevelPhishingResistant}, Essential: true}},
	{"multi-factor, and fresh proofs", Ask{Levels: []Level{LevelMFA}, Since: at(signInStarted)}},
	{"another user (id_token_hint)", Ask{Subject: "bob"}},
}

var truthEnrolled = []struct {
	name string
	has  []Authenticator
}{
	{"password", []Authenticator{{ID: PasswordID(1), Method: Password}}},
	{"password, app, codes", []Authenticator{{ID: PasswordID(1), Method: Password}, {ID: "app", Method: TOTP}, {ID: "codes", Method: Recovery}}},
	{"the same, app suspended", []Authenticator{{ID: PasswordID(1), Method: Password}, {ID: "app", Method: TOTP, Suspended: true}, {ID: "codes", Method: Recovery}}},
	{"password, passkey", []Authenticator{{ID: PasswordID(1), Method: Password}, {ID: "key", Method: Passkey}}},
	{"password, app, passkey", []Authenticator{{ID: PasswordID(1), Method: Password}, {ID: "app", Method: TOTP}, {ID: "key", Method: Passkey}}},
}

var truthEvidence = []struct {
	name     string
	evidence Evidence
}{
	{"nothing", nil},
	{"password", Evidence{password(signInStarted)}},
	{"password + code", Evidence{password(signInStarted), code(signInStarted)}},
	{"password + recovery code", Evidence{password(signInStarted), recovered(signInStarted)}},
	{"code alone", Evidence{code(signInStarted)}},
	{"old password", Evidence{password(0)}},
	{"old password + old code", Evidence{password(0), code(0)}},
	{"old password + code", Evidence{password(0), code(signInStarted)}},
	{"password + old code", Evidence{password(signInStarted), code(0)}},
	{"password of before its change + code", Evidence{{Password, at(signInStarted), PasswordID(0)}, code(signInStarted)}},
	{"passkey", Evidence{passkey(signInStarted)}},
	{"old passkey", Evidence{passkey(0)}},
	{"password + passkey", Evidence{password(signInStarted), passkey(signInStarted)}},
	{"password + code of a replaced app", Evidence{password(signInStarted), {TOTP, at(signInStarted), "former app"}}},
}

func truthTable() string {
	var b strings.Builder
	b.WriteString(`What is required, whether it is met, and what comes next.
Made by: go test ./authn -update

"has" is what the user has registered, "proven" what this sign-in and the browser's session have proven.
Old proofs are hours old. What has the same answers as in an earlier section names it.
`)
	seen := map[string]string{}
	n := 0
	for _, policy := range truthPolicies {
		for _, ask := range truthAsks {
			n++
			fmt.Fprintf(&b, "\n%d. account: %s; asked: %s\n", n, policy.name, ask.name)
			s := Subject{ID: "ann", Seats: []string{"phone"}, Own: policy.own}
			if s.At = at(signInStarted); policy.trust {
				s.Trusted = Trust{ID: "browser", Since: at(0), Until: at(2 * signInStarted)}
			}
			said := ""
			for _, enrolled := range truthEnrolled {
				s.Authenticators = enrolled.has
				r, err := Require(policy.policy, s, ask.ask)
				if err != nil {
					fmt.Fprintf(&b, "   %s: refused: %v\n", enrolled.name, err)
					continue
				}
				if requires := fmt.Sprintf("   requires: %v (%s)\n", r.Level, reasons(r)); requires != said {
					said = requires
					b.WriteString(requires)
				}
				rows := truthRows(r, s, enrolled.name)
				if first, ok := seen[rows]; ok {
					fmt.Fprintf(&b, "   %-24s  as in %s\n", enrolled.name, first)
					continue
				}
				seen[rows] = fmt.Sprint(n)
				fmt.Fprintf(&b, "   %-24s  %-37s  %-4s %-22s %s\n", "has", "proven", "met", "next", "why")
				b.WriteString(rows)
			}
		}
	}
	return b.String()
}

func truthRows(r Requirement, s Subject, has string) string {
	var b strings.Builder
	for _, proven := range truthEvidence {
		d := Next(r, s, Progress{Started: at(signInStarted), Evidence: proven.evidence})
		met := "no"
		if r.Met(proven.evidence, s) {
			met = "yes"
		}
		fmt.Fprintf(&b, "   %-24s  %-37s  %-4s %-22s %s\n", has, proven.name, met, d.Step, d.Reason)
	}
	return b.String()
}

func reasons(r Requirement) string {
	var text []string
	for _, reason := range r.Reasons {
		text = append(text, string(reason))
	}
	return strings.Join(text, ", ")
}

func TestTruthTable(t *testing.T) {
	const file = "testdata/truth.golden"
	got := truthTable()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; read the difference, then: go test ./authn -update\n%s", file, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwas: %s\nis:  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines were, %d are", len(w), len(g))
}
