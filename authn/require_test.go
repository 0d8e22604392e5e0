package authn

import (
	"errors"
	"slices"
	"testing"
	"time"
)

var (
	off      = Policy{}
	everyone = Policy{TwoStep: true}
	holders  = Policy{TwoStep: true, Products: []string{"desk", "phone"}}
)

func TestRequire(t *testing.T) {
	ann := Subject{ID: "ann"}
	own := Subject{ID: "ann", Own: true}
	keyed := Subject{ID: "ann", Authenticators: []Authenticator{{ID: "key", Method: Passkey}}}
	holder := Subject{ID: "ann", Seats: []string{"chat", "phone"}}
	days := Policy{TwoStep: true, TrustFor: 2 * time.Hour}
	here := Subject{
		ID: "ann", Authenticators: []Authenticator{{ID: "password-1", Method: Password}, {ID: "app", Method: TOTP}},
		Trusted: Trust{ID: "here", Since: at(0), Until: at(600)}, At: at(30),
	}
	but := func(change func(*Subject)) Subject {
		s := here
		change(&s)
		return s
	}
	for _, test := range []struct {
		name    string
		policy  Policy
		subject Subject
		ask     Ask
		level   Level
		reasons []Reason
		err     error
	}{
		{"nobody asks for more", off, ann, Ask{}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"everyone is covered", everyone, ann, Ask{}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"L08 holder of a covered product", holders, holder, Ask{}, LevelMFA, []Reason{ReasonProductPolicy}, nil},
		{"L08 holder of another product", holders, Subject{ID: "ann", Seats: []string{"chat"}}, Ask{}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"L08 no seats", holders, ann, Ask{}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"products without the switch", Policy{Products: []string{"phone"}}, holder, Ask{}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"Enhanced Security", off, own, Ask{}, LevelMFA, []Reason{ReasonOwnSetting}, nil},
		{"Enhanced Security and the account", everyone, own, Ask{}, LevelMFA, []Reason{ReasonAccountPolicy, ReasonOwnSetting}, nil},
		{"the client asks", off, ann, Ask{Levels: []Level{LevelMFA}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"all ask", everyone, own, Ask{Levels: []Level{LevelMFA}}, LevelMFA, []Reason{ReasonAccountPolicy, ReasonOwnSetting, ReasonRequested}, nil},
		{"first that can be met: the second", off, ann, Ask{Levels: []Level{LevelPhishingResistant, LevelMFA, LevelPassword}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"first that can be met: the lower", off, ann, Ask{Levels: []Level{LevelPassword, LevelMFA}}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"none can be met, but it is voluntary", off, ann, Ask{Levels: []Level{LevelPhishingResistant}}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"L06 lower than the policy", everyone, ann, Ask{Levels: []Level{LevelPassword}}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"L06 lower than the policy, essential", everyone, ann, Ask{Levels: []Level{LevelPassword}, Essential: true}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"L06 a level that is none", everyone, ann, Ask{Levels: []Level{LevelNone, -1, 99}}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"essential and met by enrolling", off, ann, Ask{Levels: []Level{LevelMFA}, Essential: true}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"essential, one of several", off, ann, Ask{Levels: []Level{LevelPhishingResistant, LevelMFA}, Essential: true}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"L06 essential and out of reach", off, ann, Ask{Levels: []Level{LevelPhishingResistant}, Essential: true}, 0, nil, ErrUnmet},
		{"L06 essential and unknown", everyone, ann, Ask{Essential: true}, 0, nil, ErrUnmet},
		{"L06 essential, no level at all", everyone, ann, Ask{Levels: []Level{LevelNone, 99}, Essential: true}, 0, nil, ErrUnmet},
		{"the client's floor alone", off, ann, Ask{Floor: []Level{LevelMFA}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"L06 asked for less than the floor", off, ann, Ask{Levels: []Level{LevelPassword}, Floor: []Level{LevelMFA}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"L06 less than the floor, essential", off, ann, Ask{Levels: []Level{LevelPassword}, Essential: true, Floor: []Level{LevelMFA}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"L06 asked for nothing that is known", off, ann, Ask{Levels: []Level{99}, Floor: []Level{LevelMFA}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"asked for more than the floor", off, ann, Ask{Levels: []Level{LevelMFA}, Floor: []Level{LevelPassword}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"floor: the first that can be met", off, ann, Ask{Floor: []Level{LevelPhishingResistant, LevelMFA, LevelPassword}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"floor: the lower one is preferred", off, ann, Ask{Floor: []Level{LevelPassword, LevelMFA}}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"floor out of reach", off, ann, Ask{Floor: []Level{LevelPhishingResistant}}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"floor met, essential out of reach", off, ann, Ask{Levels: []Level{LevelPhishingResistant}, Essential: true, Floor: []Level{LevelMFA}}, 0, nil, ErrUnmet},
		{"L06 floor lower than the policy", everyone, ann, Ask{Floor: []Level{LevelPassword}}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"a passkey meets the account's policy", everyone, keyed, Ask{}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"who has a passkey can be asked for it", off, keyed, Ask{Levels: []Level{LevelPhishingResistant, LevelMFA}}, LevelPhishingResistant, []Reason{ReasonRequested}, nil},
		{"essential, of who has one", everyone, keyed, Ask{Levels: []Level{LevelPhishingResistant}, Essential: true}, LevelPhishingResistant, []Reason{ReasonRequested}, nil},
		{"floor, of who has one", off, keyed, Ask{Floor: []Level{LevelPhishingResistant, LevelMFA}}, LevelPhishingResistant, []Reason{ReasonRequested}, nil},
		{"L05 trusted browser", days, here, Ask{}, LevelPassword, []Reason{ReasonTrusted}, nil},
		{"L05 trusted browser, covered product", Policy{TwoStep: true, Products: []string{"phone"}, TrustFor: days.TrustFor}, but(func(s *Subject) { s.Seats = []string{"phone"} }), Ask{}, LevelPassword, []Reason{ReasonTrusted}, nil},
		{"L05 trusted browser of a user who needs nothing", Policy{TrustFor: days.TrustFor}, here, Ask{}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"L05 at its last moment", days, but(func(s *Subject) { s.At = at(119) }), Ask{}, LevelPassword, []Reason{ReasonTrusted}, nil},
		{"L05 over, by the policy of now", days, but(func(s *Subject) { s.At = at(120) }), Ask{}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"L05 over, by the policy of then", days, but(func(s *Subject) { s.Trusted.Until = at(30) }), Ask{}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"L01 the policy trusts none any more", everyone, here, Ask{}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"L05 read at an unknown time", days, but(func(s *Subject) { s.At = time.Time{} }), Ask{}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"L05 the user's own setting", days, but(func(s *Subject) { s.Own = true }), Ask{}, LevelMFA, []Reason{ReasonOwnSetting}, nil},
		{"L05 a higher acr", days, here, Ask{Levels: []Level{LevelMFA}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"L05 a higher acr, essential", days, here, Ask{Levels: []Level{LevelMFA}, Essential: true}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"L05 the client's floor", days, here, Ask{Floor: []Level{LevelMFA}}, LevelMFA, []Reason{ReasonRequested}, nil},
		{"L05 password level asked for", days, here, Ask{Levels: []Level{LevelPassword}, Essential: true}, LevelPassword, []Reason{ReasonTrusted}, nil},
		{"L05 fresh proofs", days, here, Ask{Since: noon}, LevelPassword, []Reason{ReasonTrusted, ReasonMaxAge}, nil},
		{"L05 others know the password", days, but(func(s *Subject) { s.Exposed = true }), Ask{}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"L07 trusted, but the app is suspended", days, but(func(s *Subject) { s.Authenticators = []Authenticator{{ID: "app", Method: TOTP, Suspended: true}} }), Ask{}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"L07 trusted, but there is no second factor", days, but(func(s *Subject) { s.Authenticators = nil }), Ask{}, LevelMFA, []Reason{ReasonAccountPolicy}, nil},
		{"fresh", off, ann, Ask{Since: noon}, LevelPassword, []Reason{ReasonNotRequired, ReasonMaxAge}, nil},
		{"fresh with two steps", everyone, ann, Ask{Since: noon}, LevelMFA, []Reason{ReasonAccountPolicy, ReasonMaxAge}, nil},
		{"hint of this user", off, ann, Ask{Subject: "ann"}, LevelPassword, []Reason{ReasonNotRequired}, nil},
		{"hint of another user", off, ann, Ask{Subject: "bob"}, 0, nil, ErrOtherUser},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := Require(test.policy, test.subject, test.ask)
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if r.Level != test.level || !slices.Equal(r.Reasons, test.reasons) {
				t.Errorf("%v because of %v, want %v because of %v", r.Level, r.Reasons, test.level, test.reasons)
			}
			if !r.After.Equal(test.ask.Since) && test.err == nil {
				t.Errorf("After %v, want %v", r.After, test.ask.Since)
			}
		})
	}
}

func TestL04_NothingMeetsNoRequirement(t *testing.T) {
	s := Subject{Authenticators: []Authenticator{{ID: "password-1", Method: Password}, {ID: "app", Method: TOTP}}}
	e := Evidence{password(1), code(1)}
	if (Requirement{}).Met(e, s) {
		t.Error("the zero requirement is met")
	}
	if d := Next(Requirement{}, s, Progress{Evidence: e}); d.Step == StepFinished {
		t.Error("the zero requirement finishes")
	}
	if (Requirement{Level: LevelPhishingResistant}).Met(e, s) {
		t.Error("a code is no proof against phishing")
	}
	if d := Next(Requirement{Level: LevelPhishingResistant}, s, Progress{Evidence: e}); d.Step == StepFinished {
		t.Error("a level out of reach finishes")
	}
}

// The moment that proofs must come after is fixed when the request starts, so
// that somebody slow is not asked for ever.
func TestFreshnessOfBothProofs(t *testing.T) {
	s := Subject{Authenticators: []Authenticator{{ID: "password-1", Method: Password}, {ID: "app", Method: TOTP}}}
	r := Requirement{Level: LevelMFA, After: at(60)}
	for _, test := range []struct {
		name string
		e    Evidence
		met  bool
	}{
		{"both before", Evidence{password(59), code(59)}, false},
		{"code before", Evidence{password(61), code(59)}, false},
		{"password before", Evidence{password(59), code(61)}, false},
		{"both after", Evidence{password(61), code(62)}, true},
		{"both at the very moment", Evidence{password(60), code(60)}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := r.Met(test.e, s); got != test.met {
				t.Errorf("Met = %v, want %v", got, test.met)
			}
		})
	}
	counted := Requirement{Level: LevelPassword, After: at(60)}.Counts(Evidence{password(61), code(2)}, s)
	if !counted.AuthTime().Equal(at(61)) || counted.Level() != LevelPassword {
		t.Errorf("a stale code drags auth_time back: %v, %v", counted.Level(), counted.AuthTime())
	}
	if got := (Requirement{Level: LevelPassword, After: time.Time{}}).Counts(Evidence{password(61), code(2)}, s).Level(); got != LevelMFA {
		t.Errorf("without max_age both count, got %v", got)
	}
}

// A recovery code is worth two steps, and is not enough where more than a factor
// that is lost is asked for.
func TestK08_ARecoveryCodeDoesNotLast(t *testing.T) {
	s := Subject{ID: "ann", Authenticators: []Authenticator{
		{ID: "password-1", Method: Password}, {ID: "app", Method: TOTP}, {ID: "codes", Method: Recovery}, {ID: "key", Method: Passkey},
	}}
	by := func(m Method, id string) Proof { return Proof{m, at(1), id} }
	recovery := Evidence{by(Password, "password-1"), by(Recovery, "codes")}
	for _, test := range []struct {
		name string
		e    Evidence
		met  bool
	}{
		{"recovery code", recovery, false},
		{"recovery code, and one of the app", recovery.With(by(TOTP, "app")), true},
		{"recovery code, and a passkey", recovery.With(by(Passkey, "key")), true},
		{"recovery code, and one of an app that is gone", recovery.With(by(TOTP, "old")), false},
	} {
		for lasting, want := range map[bool]bool{false: true, true: test.met} {
			r, err := Require(Policy{}, s, Ask{Levels: []Level{LevelMFA}, Essential: true, Lasting: lasting})
			if err != nil || r.Met(test.e, s) != want {
				t.Errorf("%s, lasting %v: met %v, %v", test.name, lasting, !want, err)
			}
		}
	}
}

// What protects a sign-in is changed only with the best that its user has.
func TestSensitiveActsTakeTheHighestLevel(t *testing.T) {
	pw, app := Authenticator{ID: "password-1", Method: Password}, Authenticator{ID: "app", Method: TOTP}
	paused := Authenticator{ID: "app", Method: TOTP, Suspended: true}
	for _, test := range []struct {
		name string
		has  []Authenticator
		want Level
	}{
		{"password", []Authenticator{pw}, LevelPassword},
		{"app", []Authenticator{pw, app}, LevelMFA},
		{"suspended app", []Authenticator{pw, paused}, LevelMFA},
		{"recovery codes", []Authenticator{pw, {ID: "codes", Method: Recovery}}, LevelMFA},
		{"passkey", []Authenticator{pw, {ID: "key", Method: Passkey}}, LevelPhishingResistant},
		{"app and synced passkey", []Authenticator{pw, app, {ID: "cloud", Method: SyncedPasskey}}, LevelPhishingResistant},
	} {
		s := Subject{ID: "ann", Authenticators: test.has}
		if got := s.Highest(); got != test.want || !s.CanMeet(got) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
