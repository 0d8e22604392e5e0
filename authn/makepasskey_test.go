package authn

import (
	"testing"
	"time"
)

// A passkey may be made in place of a first app. What replaces one that is there,
// or follows a recovery code, is an app, whatever was chosen before.
func TestK08_APasskeyIsMadeForAFirstEnrolmentOnly(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC)
	for reason, want := range map[Reason]Step{ReasonFirst: StepMakePasskey, ReasonReplace: StepInstallApp, ReasonRecovery: StepInstallApp} {
		s := Subject{ID: "u", Authenticators: []Authenticator{{ID: PasswordID(1), Method: Password}}}
		p := Progress{
			Started: now, Evidence: Evidence{{Method: Password, At: now, Authenticator: PasswordID(1)}},
			Enrolment: Enrolment{Reason: reason, Started: true, EmailVerified: true, Passkey: true},
		}
		if d := Next(Requirement{Level: LevelMFA}, s, p); d.Step != want {
			t.Errorf("%s: %s", reason, d.Step)
		}
	}
}
