package factor_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"stile/authn"
	"stile/factor"
	"stile/stiletest/softkey"
)

const (
	ownOrigin = "https://id.example.com"
	ownUser   = "0f6c1d2e-user"
)

func passkeys(t testing.TB) *factor.Passkeys {
	t.Helper()
	k := factor.NewPasskeys(ownOrigin+"/", "Stile")
	if !k.Work() {
		t.Fatal("no passkeys")
	}
	return k
}

// made registers a passkey, honestly.
func made(t testing.TB, k *factor.Passkeys, a *softkey.Authenticator) factor.Credential {
	t.Helper()
	challenge := factor.NewChallenge()
	c, err := k.Made(a.Create(k.CreationOptions(challenge, ownUser, "ann@example.com", "Ann", nil)), challenge)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPasskeyIsMadeAndUsed(t *testing.T) {
	for _, test := range []struct {
		name             string
		flags            byte
		method           authn.Method
		synced, backedUp bool
	}{
		{"in one device", 0, authn.Passkey, false, false},
		{"may be copied", softkey.BackupEligible, authn.SyncedPasskey, true, false},
		{"is copied", softkey.BackupEligible | softkey.BackedUp, authn.SyncedPasskey, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, a := passkeys(t), softkey.New(ownOrigin)
			a.Flags |= test.flags
			c := made(t, k, a)
			if c.Method() != test.method || c.Synced != test.synced || c.BackedUp != test.backedUp || strings.Join(c.Transports, " ") != "internal hybrid" {
				t.Errorf("made %+v, a %s", c, c.Method())
			}
			for range 2 {
				challenge := factor.NewChallenge()
				answer, err := factor.ReadAssertion(a.Get(k.RequestOptions(challenge, []factor.Credential{c})))
				if err != nil || answer.UserID != ownUser || string(answer.ID) != string(c.ID) {
					t.Fatalf("answer %+v, %v", answer, err)
				}
				before := c.Counter
				if c, err = k.Check(answer, challenge, c); err != nil || c.Counter <= before {
					t.Fatalf("counter %d, then %d: %v", before, c.Counter, err)
				}
			}
		})
	}
}

// Authenticators that don't count stay at zero.
func TestPasskeyWithoutACounterWorksAgainAndAgain(t *testing.T) {
	k, a := passkeys(t), softkey.New(ownOrigin)
	a.Counts = false
	c := made(t, k, a)
	for range 3 {
		challenge := factor.NewChallenge()
		answer, _ := factor.ReadAssertion(a.Get(k.RequestOptions(challenge, nil)))
		var err error
		if c, err = k.Check(answer, challenge, c); err != nil || c.Counter != 0 {
			t.Fatal(c.Counter, err)
		}
	}
}

func TestM03_OnlyTheAnswerThatWasAskedForIsTaken(t *testing.T) {
	for _, test := range []struct {
		name string
		lie  func(*softkey.Authenticator, *factor.Credential)
		want error
	}{
		{"the truth", func(*softkey.Authenticator, *factor.Credential) {}, nil},
		{"another challenge", func(a *softkey.Authenticator, _ *factor.Credential) { a.Challenge = factor.NewChallenge() }, factor.ErrPasskey},
		{"another origin", func(a *softkey.Authenticator, _ *factor.Credential) { a.Origin = "https://id.example.com.evil.example" }, factor.ErrPasskey},
		{"a page beside ours", func(a *softkey.Authenticator, _ *factor.Credential) { a.Origin = "https://example.com" }, factor.ErrPasskey},
		{"another port", func(a *softkey.Authenticator, _ *factor.Credential) { a.Origin = ownOrigin + ":8443" }, factor.ErrPasskey},
		{"in clear", func(a *softkey.Authenticator, _ *factor.Credential) { a.Origin = "http://id.example.com" }, factor.ErrPasskey},
		{"our origin, written otherwise", func(a *softkey.Authenticator, _ *factor.Credential) { a.Origin = ownOrigin + ":443" }, factor.ErrPasskey},
		{"in a frame of somebody else", func(a *softkey.Authenticator, _ *factor.Credential) { a.CrossOrigin = true }, factor.ErrPasskey},
		{"another RP ID", func(a *softkey.Authenticator, _ *factor.Credential) { a.Site = "example.com" }, factor.ErrPasskey},
		{"the other ceremony", func(a *softkey.Authenticator, _ *factor.Credential) { a.Type = "webauthn.create" }, factor.ErrPasskey},
		{"user not verified", func(a *softkey.Authenticator, _ *factor.Credential) { a.Flags &^= softkey.UserVerified }, factor.ErrPasskey},
		{"user not present", func(a *softkey.Authenticator, _ *factor.Credential) { a.Flags &^= softkey.UserPresent }, factor.ErrPasskey},
		{"says it is synced now", func(a *softkey.Authenticator, _ *factor.Credential) { a.Flags |= softkey.BackupEligible }, factor.ErrPasskey},
		{"backed up, but not to be", func(a *softkey.Authenticator, _ *factor.Credential) { a.Flags |= softkey.BackedUp }, factor.ErrPasskey},
		{"signed by another key", func(a *softkey.Authenticator, c *factor.Credential) {
			other := softkey.New(ownOrigin)
			other.Create(`{"challenge":"x","rp":{"id":"id.example.com"},"user":{"id":"eA"}}`)
			other.Keys[0].ID = c.ID
			a.Keys = other.Keys
		}, factor.ErrPasskey},
		{"of another passkey", func(_ *softkey.Authenticator, c *factor.Credential) { c.ID = []byte("other") }, factor.ErrPasskey},
		{"counter as before", func(a *softkey.Authenticator, c *factor.Credential) { c.Counter = 1 }, factor.ErrPasskeyCounter},
		{"counter fell", func(a *softkey.Authenticator, c *factor.Credential) { c.Counter = 9 }, factor.ErrPasskeyCounter},
		{"counter given up", func(a *softkey.Authenticator, c *factor.Credential) { a.Counts, c.Counter = false, 1 }, factor.ErrPasskeyCounter},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, a := passkeys(t), softkey.New(ownOrigin)
			c := made(t, k, a)
			challenge := factor.NewChallenge()
			test.lie(a, &c)
			answer, err := factor.ReadAssertion(a.Get(k.RequestOptions(challenge, nil)))
			if err != nil {
				t.Fatal(err)
			}
			after, err := k.Check(answer, challenge, c)
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if err != nil && after.Counter != c.Counter {
				t.Error("a refused answer moved the counter")
			}
		})
	}
}

func TestM03_OnlyAPasskeyThatWasAskedForIsMade(t *testing.T) {
	for _, test := range []struct {
		name string
		lie  func(*softkey.Authenticator)
	}{
		{"another challenge", func(a *softkey.Authenticator) { a.Challenge = factor.NewChallenge() }},
		{"another origin", func(a *softkey.Authenticator) { a.Origin = "https://evil.example" }},
		{"in a frame of somebody else", func(a *softkey.Authenticator) { a.CrossOrigin = true }},
		{"another RP ID", func(a *softkey.Authenticator) { a.Site = "evil.example" }},
		{"the other ceremony", func(a *softkey.Authenticator) { a.Type = "webauthn.get" }},
		{"user not verified", func(a *softkey.Authenticator) { a.Flags &^= softkey.UserVerified }},
		{"backed up, but not to be", func(a *softkey.Authenticator) { a.Flags |= softkey.BackedUp }},
		{"an algorithm that was not offered", func(a *softkey.Authenticator) { a.Algorithm = -47 }},
		{"a key of another algorithm", func(a *softkey.Authenticator) { a.Algorithm = -257 }},
		{"no attestation, but a statement", func(a *softkey.Authenticator) { a.Statement = map[string]any{"alg": -7} }},
		{"an attestation that is not asked for", func(a *softkey.Authenticator) { a.Format = "fido-u2f" }},
		{"an attestation that is none", func(a *softkey.Authenticator) {
			a.Format, a.Statement = "packed", map[string]any{"alg": -7, "sig": []byte("no signature")}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k, a := passkeys(t), softkey.New(ownOrigin)
			test.lie(a)
			challenge := factor.NewChallenge()
			if c, err := k.Made(a.Create(k.CreationOptions(challenge, ownUser, "ann@example.com", "Ann", nil)), challenge); !errors.Is(err, factor.ErrPasskey) {
				t.Errorf("made %+v, %v", c, err)
			}
		})
	}
}

// What browsers are asked says all that makes a passkey one.
func TestPasskeyOptionsAskForVerification(t *testing.T) {
	k := passkeys(t)
	has := []factor.Credential{{ID: []byte{0xff, 1}, Transports: []string{"usb"}}}
	for name, text := range map[string]string{
		"creation": k.CreationOptions("Y2g", ownUser, "ann@example.com", `Ann "<&>`, has),
		"request":  k.RequestOptions("Y2g", has),
	} {
		var o struct {
			Challenge, UserVerification, Attestation string
			RP                                       struct{ ID string }
			RPID                                     string
			User                                     struct{ ID, DisplayName string }
			Selection                                struct{ ResidentKey, UserVerification string } `json:"authenticatorSelection"`
			Exclude                                  []struct{ ID, Type string }                    `json:"excludeCredentials"`
			Allow                                    []struct{ ID, Type string }                    `json:"allowCredentials"`
		}
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		list := append(o.Exclude, o.Allow...)
		if o.Challenge != "Y2g" || o.UserVerification+o.Selection.UserVerification != "required" || o.RP.ID+o.RPID != "id.example.com" ||
			len(list) != 1 || list[0].ID != "_wE" || list[0].Type != "public-key" {
			t.Errorf("%s: %s", name, text)
		}
		user, _ := base64.RawURLEncoding.DecodeString(o.User.ID)
		if name == "creation" && (string(user) != ownUser || o.Attestation != "none" || o.Selection.ResidentKey != "required") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestPasskeysNeedAName(t *testing.T) {
	for issuer, works := range map[string]bool{
		"https://id.example.com": true, "http://localhost:8080": true, "http://127.0.0.1:8080": false, "https://[::1]": false,
		"id.example.com": false, "": false,
	} {
		if k := factor.NewPasskeys(issuer, "Stile"); k.Work() != works {
			t.Error(issuer)
		}
	}
}

// FuzzWebAuthn gives whatever a browser may send: nothing crashes, nothing is
// accepted that was not signed for the challenge.
func FuzzWebAuthn(f *testing.F) {
	k, a := passkeys(f), softkey.New(ownOrigin)
	c := made(f, k, a)
	challenge := factor.NewChallenge()
	f.Add(a.Get(k.RequestOptions(factor.NewChallenge(), nil)))
	f.Add(a.Create(k.CreationOptions(factor.NewChallenge(), ownUser, "ann@example.com", "Ann", nil)))
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, answer string) {
		if c, err := k.Made(answer, challenge); err == nil {
			t.Fatalf("%q made %+v", answer, c)
		} else if !errors.Is(err, factor.ErrPasskeyForm) && !errors.Is(err, factor.ErrPasskey) {
			t.Fatalf("%q: %v", answer, err)
		}
		read, err := factor.ReadAssertion(answer)
		if err != nil {
			return
		}
		if _, err := k.Check(read, challenge, c); err == nil {
			t.Fatalf("%q was accepted", answer)
		}
	})
}
