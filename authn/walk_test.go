package authn

import (
	"fmt"
	"time"
)

// walk is one user before one screen after another. Lines of a story are what
// happens; line is what Next says then.
type walk struct {
	policy   Policy
	subject  Subject
	ask      Ask
	session  Evidence // of the browser, from an earlier sign-in
	progress Progress
	minute   int
	apps     int
	keys     int
	version  int64
}

func newWalk(policy Policy) *walk {
	w := &walk{policy: policy, version: 1, subject: Subject{ID: "ann", Authenticators: []Authenticator{{ID: PasswordID(1), Method: Password}}}}
	w.progress.Started = at(0)
	return w
}

func (w *walk) next() Decision {
	w.subject.At = at(w.minute)
	r, err := Require(w.policy, w.subject, w.ask)
	if err != nil {
		return Decision{StepSignIn, Reason(err.Error())}
	}
	return Next(r, w.subject, w.progress.Join(w.session))
}

// connect makes a new app the only one, as activation does in one transaction.
func (w *walk) connect() string {
	w.apps++
	id := fmt.Sprintf("app-%d", w.apps)
	w.remove(TOTP)
	w.remove(Recovery)
	w.subject.Authenticators = append(w.subject.Authenticators,
		Authenticator{ID: id, Method: TOTP}, Authenticator{ID: "codes-of-" + id, Method: Recovery})
	return id
}

func (w *walk) remove(m Method) {
	w.subject.Trusted = Trust{} // as storage ends them in the same transaction
	var kept []Authenticator
	for _, a := range w.subject.Authenticators {
		if a.Method != m {
			kept = append(kept, a)
		}
	}
	w.subject.Authenticators = kept
}

// addPasskey registers a passkey beside what is there.
func (w *walk) addPasskey(m Method) {
	w.keys++
	w.subject.Authenticators = append(w.subject.Authenticators, Authenticator{ID: fmt.Sprintf("key-%d", w.keys), Method: m})
}

func (w *walk) prove(m Method) {
	for _, a := range w.subject.Authenticators {
		if a.Method == m && !a.Suspended {
			w.progress = w.progress.Prove(Proof{m, at(w.minute), a.ID}, w.subject)
		}
	}
}

// do lets one thing happen; a minute passes.
func (w *walk) do(what string) {
	w.minute++
	switch what {
	case "password":
		w.prove(Password)
	case "code":
		w.prove(TOTP)
	case "recovery code":
		w.prove(Recovery)
	case "passkey":
		w.prove(Passkey)
		w.prove(SyncedPasskey)
	case "passkey added":
		w.addPasskey(Passkey)
	case "synced passkey added":
		w.addPasskey(SyncedPasskey)
	case "passkeys removed":
		w.remove(Passkey)
		w.remove(SyncedPasskey)
	case "app removed":
		w.remove(TOTP)
	case "continue":
		w.progress = w.progress.Start(w.subject)
	case "e-mail code":
		if w.next().Reason == ReasonGuarded {
			w.progress = w.progress.ProveAddress()
		} else {
			w.progress = w.progress.VerifyEmail()
		}
	case "app installed":
		w.progress = w.progress.InstallApp()
	case "connected":
		w.progress = w.progress.Connect()
	case "back to the QR code", "new key":
		w.progress = w.progress.Reconnect()
	case "setup code":
		w.progress = w.progress.Activate(w.policy, w.connect(), at(w.minute))
	case "passkey instead":
		w.progress = w.progress.Start(w.subject).WithPasskey(true)
	case "an app after all":
		w.progress = w.progress.WithPasskey(false)
	case "passkey made":
		w.addPasskey(Passkey)
		w.remove(Recovery)
		id := fmt.Sprintf("key-%d", w.keys)
		w.subject.Authenticators = append(w.subject.Authenticators, Authenticator{ID: "codes-of-" + id, Method: Recovery})
		w.progress = w.progress.ActivatePasskey(id)
	case "codes kept":
		w.progress = w.progress.Keep()
	case "set up a new mobile device":
		w.progress = w.progress.Replace(w.subject)
	case "admin approves":
		w.progress = w.progress.Approve(w.subject)
	case "not now":
		w.progress = w.progress.Decline()
	case "other window enrols":
		w.connect()
	case "admin resets":
		w.remove(TOTP)
		w.remove(Recovery)
		w.remove(Passkey)
		w.remove(SyncedPasskey)
	case "too many wrong codes":
		for i := range w.subject.Authenticators {
			if w.subject.Authenticators[i].Method == TOTP {
				w.subject.Authenticators[i].Suspended = true
			}
		}
	case "password changed":
		w.remove(Password)
		w.version++
		w.subject.Authenticators = append(w.subject.Authenticators, Authenticator{ID: PasswordID(w.version), Method: Password})
	case "many wrong codes in a month":
		w.subject.Guarded = true
	case "some weeks later":
		w.subject.CheckUp = true
	case "looks right":
		w.progress = w.progress.CheckedUp()
	case "password exposed":
		w.subject.Exposed = true
	case "chooses another password":
		w.progress, w.session = w.progress.Renew(w.session, w.version), nil
		w.do("password changed")
		w.subject.Exposed = false
	case "policy on":
		w.policy.TwoStep = true
	case "policy off":
		w.policy.TwoStep = false
	case "trusts the browser":
		w.progress = w.progress.TrustBrowser()
	case "policy trusts browsers":
		w.policy.TrustFor = 2 * time.Hour
	case "policy trusts no browser":
		w.policy.TrustFor = 0
	case "session ends here":
		w.session = w.progress.Completed(at(w.minute), nil)
		if w.progress.Trusts(w.subject) && w.policy.MayTrust(w.subject) {
			w.subject.Trusted = Trust{ID: "here", Since: at(w.minute), Until: at(w.minute).Add(w.policy.TrustFor)}
		}
		w.minute++
		w.progress = Progress{Started: at(w.minute)}
	case "an hour later", "a new sign-in":
		if what == "an hour later" {
			w.minute += 60
		}
		w.progress = Progress{Started: at(w.minute)}
	case "asked for more than a recovery code":
		w.ask = Ask{Levels: []Level{LevelMFA}, Essential: true, Lasting: true}
	case "asked for a code":
		w.ask = Ask{Levels: []Level{LevelMFA}}
	case "asked for a passkey":
		w.ask = Ask{Levels: []Level{LevelPhishingResistant, LevelMFA}}
	case "asked for nothing but a passkey":
		w.ask = Ask{Levels: []Level{LevelPhishingResistant}, Essential: true}
	case "asked for fresh proofs":
		w.ask = Ask{Since: at(w.minute)}
	case "":
	default:
		panic("no such event: " + what)
	}
}
