package authn

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func password(minutes int) Proof { return Proof{Password, at(minutes), PasswordID(1)} }
func code(minutes int) Proof     { return Proof{TOTP, at(minutes), "app"} }
func recovered(minutes int) Proof {
	return Proof{Recovery, at(minutes), "codes"}
}
func passkey(minutes int) Proof { return Proof{Passkey, at(minutes), "key"} }

func TestE05_EvidenceSaysExactlyWhatWasProven(t *testing.T) {
	for _, test := range []struct {
		name     string
		evidence Evidence
		level    Level
		amr      []string
		authTime time.Time
	}{
		{"nothing", nil, LevelNone, nil, time.Time{}},
		{"password", Evidence{password(1)}, LevelPassword, []string{"pwd"}, at(1)},
		{"password, then code", Evidence{password(1), code(2)}, LevelMFA, []string{"mfa", "otp", "pwd"}, at(1)},
		{"code renewed after an hour: the password is no newer for it", Evidence{password(1), code(60)}, LevelMFA, []string{"mfa", "otp", "pwd"}, at(1)},
		{"password renewed after an hour", Evidence{code(2), password(60)}, LevelMFA, []string{"mfa", "otp", "pwd"}, at(2)},
		{"recovery code in place of a code", Evidence{password(1), recovered(3)}, LevelMFA, []string{"mfa", "otp", "pwd"}, at(1)},
		{"two of a kind: the newer counts", Evidence{password(1), code(2), recovered(30), password(40)}, LevelMFA, []string{"mfa", "otp", "pwd"}, at(30)},
		{"a code alone is no level", Evidence{code(2)}, LevelNone, []string{"otp"}, time.Time{}},
		{"two codes are one kind", Evidence{code(2), recovered(3)}, LevelNone, []string{"otp"}, time.Time{}},
		{"a passkey alone is all there is", Evidence{passkey(4)}, LevelPhishingResistant, []string{"hwk", "mfa", "user"}, at(4)},
		{"a synced one too, and says so", Evidence{{SyncedPasskey, at(4), "cloud"}}, LevelPhishingResistant, []string{"mfa", "swk", "user"}, at(4)},
		{"a passkey after the password", Evidence{password(1), passkey(4)}, LevelPhishingResistant, []string{"hwk", "mfa", "pwd", "user"}, at(4)},
		{"a passkey is no newer for a later code", Evidence{passkey(1), password(5), code(6)}, LevelPhishingResistant, []string{"hwk", "mfa", "otp", "pwd", "user"}, at(1)},
		{"a method of a later version is worth nothing here", Evidence{password(1), {"telepathy", at(2), "mind"}}, LevelPassword, []string{"pwd"}, at(1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.evidence.Level(); got != test.level {
				t.Errorf("Level() = %v, want %v", got, test.level)
			}
			if got := test.evidence.AMR(); !slices.Equal(got, test.amr) {
				t.Errorf("AMR() = %v, want %v", got, test.amr)
			}
			if got := test.evidence.AuthTime(); !got.Equal(test.authTime) {
				t.Errorf("AuthTime() = %v, want %v", got, test.authTime)
			}
		})
	}
}

func TestNewestProofIsKept(t *testing.T) {
	e := Evidence{password(1), code(2)}
	for _, test := range []struct {
		name string
		add  Proof
		want Evidence
	}{
		{"newer", password(5), Evidence{password(5), code(2)}},
		{"older", password(0), Evidence{password(1), code(2)}},
		{"other authenticator", Proof{TOTP, at(3), "new app"}, Evidence{password(1), code(2), {TOTP, at(3), "new app"}}},
		{"other method", recovered(4), Evidence{password(1), code(2), recovered(4)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := e.With(test.add); !slices.Equal(got, test.want) {
				t.Errorf("With() = %v, want %v", got, test.want)
			}
			if !slices.Equal(e, Evidence{password(1), code(2)}) {
				t.Errorf("With changed what it was called on: %v", e)
			}
		})
	}
}

func TestProofsEndWithTheirAuthenticator(t *testing.T) {
	e := Evidence{password(1), code(2), recovered(3)}
	for _, test := range []struct {
		name string
		has  []Authenticator
		want Evidence
	}{
		{"all there", []Authenticator{{ID: "password-1", Method: Password}, {ID: "app", Method: TOTP}, {ID: "codes", Method: Recovery}}, e},
		{"password changed", []Authenticator{{ID: "password-2", Method: Password}, {ID: "app", Method: TOTP}}, Evidence{code(2)}},
		{"app replaced", []Authenticator{{ID: "password-1", Method: Password}, {ID: "app 2", Method: TOTP}}, Evidence{password(1)}},
		{"app suspended", []Authenticator{{ID: "password-1", Method: Password}, {ID: "app", Method: TOTP, Suspended: true}}, Evidence{password(1), code(2)}},
		{"an id of another method", []Authenticator{{ID: "password-1", Method: TOTP}, {ID: "app", Method: Password}}, nil},
		{"nothing left", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := e.Of(Subject{Authenticators: test.has}); !slices.Equal(got, test.want) {
				t.Errorf("Of() = %v, want %v", got, test.want)
			}
		})
	}
}

func TestSinceKeepsTheVeryMoment(t *testing.T) {
	e := Evidence{password(1), code(2)}
	if got := e.Since(at(2)); !slices.Equal(got, Evidence{code(2)}) {
		t.Errorf("Since() = %v", got)
	}
	if got := e.Since(time.Time{}); !slices.Equal(got, e) {
		t.Errorf("Since(zero) = %v", got)
	}
}

func TestOneSignInIsOneEvent(t *testing.T) {
	started := at(100)
	for _, test := range []struct {
		name string
		p    Progress
		want Evidence
	}{
		{"everything proven now", Progress{Started: started, Evidence: Evidence{password(100), code(111)}}, Evidence{password(112), code(112)}},
		{"step-up leaves the session's password as old as it is", Progress{Started: started, Evidence: Evidence{password(1), code(101)}}, Evidence{password(1), code(112)}},
		{"without a start nothing is made younger", Progress{Evidence: Evidence{password(1), code(101)}}, Evidence{password(1), code(101)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.p.Completed(at(112), nil); !slices.Equal(got, test.want) {
				t.Errorf("Completed() = %v, want %v", got, test.want)
			}
		})
	}
	for name, session := range map[string]Evidence{
		"before it began":                        {password(1), code(2)},
		"by another sign-in, after it had begun": {password(105), code(106)},
	} {
		got := Progress{Started: started, Evidence: Evidence{password(100)}}.Completed(at(112), session)
		if want := (Evidence{session[1], password(112)}); !sameProofs(got, want) {
			t.Errorf("E05: with what the session proved %s: %v, want %v", name, got, want)
		}
	}
}

func sameProofs(a, b Evidence) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(p Proof) bool { return !slices.Contains(b, p) })
}

func TestProgressSurvivesStorage(t *testing.T) {
	p := Progress{Started: at(0), Evidence: Evidence{{Password, at(0).Add(123456 * time.Microsecond), "password-7"}}}.
		Replace(Subject{Authenticators: []Authenticator{{ID: "app", Method: TOTP}}}).VerifyEmail().InstallApp()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Progress
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.Evidence, p.Evidence) || back.Enrolment != p.Enrolment || !back.Started.Equal(p.Started) {
		t.Errorf("%s came back as %+v", text, back)
	}
	if empty, _ := json.Marshal(Progress{}); string(empty) != "{}" {
		t.Errorf("nothing is %s", empty)
	}
}
