package authn

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// events are all that can happen to a walk; see walk.do.
var events = []string{
	"password", "code", "recovery code", "continue", "e-mail code", "app installed", "connected", "back to the QR code",
	"setup code", "codes kept", "set up a new mobile device", "not now", "admin approves", "other window enrols", "admin resets",
	"too many wrong codes", "password changed", "policy on", "policy off", "session ends here", "an hour later",
	"a new sign-in", "asked for a code", "asked for fresh proofs", "passkey", "passkey added", "synced passkey added", "passkeys removed",
	"app removed", "asked for a passkey", "trusts the browser", "policy trusts browsers", "policy trusts no browser", "many wrong codes in a month",
	"passkey instead", "an app after all", "passkey made", "some weeks later", "looks right",
}

// answer is what a cooperative user does at a step.
var answer = map[Step]string{
	StepSignIn:        "password",
	StepIntroduction:  "continue",
	StepVerifyEmail:   "e-mail code",
	StepInstallApp:    "app installed",
	StepConnectDevice: "connected",
	StepSetupCode:     "setup code",
	StepMakePasskey:   "passkey made",
	StepDone:          "codes kept",
	StepEnterCode:     "code",
	StepCheckUp:       "looks right",
}

// answers is answer for this user now: who has no app, or is asked for more than
// a code, gives a passkey.
func (w *walk) answers(step Step) string {
	if step == StepEnterCode && (!w.subject.Has(TOTP) || w.asksForPasskey()) {
		return "passkey"
	}
	return answer[step]
}

// asksForPasskey tells whether only a passkey will do: it is asked for, and
// there is one.
func (w *walk) asksForPasskey() bool {
	return slices.Contains(w.ask.Levels, LevelPhishingResistant) && (w.subject.active(Passkey) != "" || w.subject.active(SyncedPasskey) != "")
}

func drawWalk(t *rapid.T) *walk {
	w := newWalk(Policy{TwoStep: rapid.Bool().Draw(t, "two-step"), WaiveFirst: rapid.Bool().Draw(t, "waive first")})
	w.subject.Own = rapid.Bool().Draw(t, "own")
	if rapid.Bool().Draw(t, "browsers are trusted") {
		w.policy.TrustFor = time.Hour
	}
	if rapid.Bool().Draw(t, "enrolled") {
		w.connect()
	}
	return w
}

// Whatever has happened, in whatever order, a user who answers what is asked
// gets to the end, and is asked no more than all screens once and the password
// twice.
func TestNextEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWalk(t)
		for _, event := range rapid.SliceOfN(rapid.SampledFrom(events), 0, 40).Draw(t, "history") {
			w.do(event)
		}
		var trail []Step
		for range len(answer) + 2 {
			d := w.next()
			if d.Step == StepFinished {
				return
			}
			trail = append(trail, d.Step)
			w.do(w.answers(d.Step))
		}
		t.Fatalf("no end: %v", trail)
	})
}

// No path, with any screen answered out of order, gets to the end with less
// than what is required. What was proven is judged here without the package:
// by the proofs handed in and by what is registered.
func TestNothingFinishesWithLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWalk(t)
		for _, event := range rapid.SliceOfN(rapid.SampledFrom(events), 1, 40).Draw(t, "history") {
			w.do(event)
			d := w.next()
			if d.Step == StepFinished {
				checkFinished(t, w)
			}
			if d.Reason == "" {
				t.Fatalf("no reason for %s", d.Step)
			}
			if d.Step != StepFinished && d.Step != StepSignIn && !w.holds(Password) && !w.holdsPasskey() {
				t.Fatalf("%s is shown before the password is proven", d.Step)
			}
			if (d.Step == StepInstallApp || d.Step == StepConnectDevice || d.Step == StepSetupCode || d.Step == StepMakePasskey) &&
				!w.progress.Enrolment.EmailVerified && !w.progress.Enrolment.Approved && !w.holds(Recovery) && !w.gave(TOTP) && !w.gave(Passkey) && !w.gave(SyncedPasskey) {
				t.Fatalf("%s is shown though nothing but the password says who enrols", d.Step)
			}
		}
	})
}

func checkFinished(t *rapid.T, w *walk) {
	trust := w.subject.Trusted
	trusted := trust.ID != "" && at(w.minute).Before(trust.Until) && at(w.minute).Before(trust.Since.Add(w.policy.TrustFor))
	needsCode := w.policy.TwoStep && !trusted || w.subject.Own || slices.Contains(w.ask.Levels, LevelMFA)
	if !w.holds(Password) && !w.holdsPasskey() {
		t.Fatal("finished without a password or passkey")
	}
	if needsCode && !w.holds(TOTP) && !w.holds(Recovery) && !w.holdsPasskey() {
		t.Fatal("finished without a second factor")
	}
	if w.asksForPasskey() && !w.holdsPasskey() {
		t.Fatal("finished without the passkey that was asked for")
	}
	got := w.progress.Completed(at(w.minute), w.session)
	if needsCode && !slices.Contains(got.Of(w.subject).AMR(), "mfa") {
		t.Fatalf("completed as %v", got)
	}
	if got.AuthTime().After(at(w.minute)) {
		t.Fatal("auth_time in the future")
	}
}

// holds tells whether a proof by what is registered now is fresh enough.
func (w *walk) holds(m Method) bool {
	for _, p := range append(slices.Clone(w.progress.Evidence), w.session...) {
		if p.Method != m || p.At.Before(w.ask.Since) {
			continue
		}
		for _, a := range w.subject.Authenticators {
			if a.ID == p.Authenticator && a.Method == m {
				return true
			}
		}
	}
	return false
}

func (w *walk) holdsPasskey() bool { return w.holds(Passkey) || w.holds(SyncedPasskey) }

// gave tells whether an authenticator that is registered now proved in this sign-in.
func (w *walk) gave(m Method) bool {
	return slices.ContainsFunc(w.progress.Evidence, func(p Proof) bool {
		return p.Method == m && !p.At.Before(w.progress.Started) && slices.ContainsFunc(w.subject.Authenticators, func(a Authenticator) bool {
			return a.ID == p.Authenticator && a.Method == m && !a.Suspended
		})
	})
}

func drawEvidence(t *rapid.T, label string) Evidence {
	proof := rapid.Custom(func(t *rapid.T) Proof {
		m := rapid.SampledFrom([]Method{Password, TOTP, Recovery, Passkey, SyncedPasskey, "other"}).Draw(t, "method")
		id := rapid.SampledFrom([]string{"password-1", "password-2", "app", "app-2", "codes", "key", "cloud"}).Draw(t, "authenticator")
		return Proof{m, at(rapid.IntRange(0, 10).Draw(t, "minute")), id}
	})
	return rapid.SliceOfN(proof, 0, 6).Draw(t, label)
}

func drawSubject(t *rapid.T) Subject {
	all := []Authenticator{
		{ID: "password-2", Method: Password},
		{ID: "app", Method: TOTP},
		{ID: "codes", Method: Recovery},
		{ID: "key", Method: Passkey},
		{ID: "cloud", Method: SyncedPasskey},
	}
	s := Subject{ID: "ann", Own: rapid.Bool().Draw(t, "own"), Seats: rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c"})).Draw(t, "seats")}
	for _, a := range all {
		if rapid.Bool().Draw(t, a.ID) {
			a.Suspended = a.Method == TOTP && rapid.Bool().Draw(t, "suspended")
			s.Authenticators = append(s.Authenticators, a)
		}
	}
	if rapid.Bool().Draw(t, "trusted") {
		s.Trusted = Trust{ID: "here", Since: at(rapid.IntRange(0, 5).Draw(t, "trusted since")), Until: at(rapid.IntRange(0, 10).Draw(t, "trusted until"))}
	}
	s.At, s.Exposed = at(rapid.IntRange(3, 8).Draw(t, "now")), rapid.Bool().Draw(t, "exposed")
	return s
}

// What a trusted browser changes is what the policy asks for, and only downwards:
// never what a request asks for, the user's own setting, or what was proven.
func TestE05_L05_TrustRaisesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSubject(t)
		p := Policy{TwoStep: rapid.Bool().Draw(t, "two-step"), TrustFor: time.Duration(rapid.IntRange(-1, 6).Draw(t, "trust for")) * time.Minute}
		levels := rapid.SliceOf(rapid.SampledFrom([]Level{LevelPassword, LevelMFA, LevelPhishingResistant}))
		a := Ask{Levels: levels.Draw(t, "levels"), Floor: levels.Draw(t, "floor"), Since: at(rapid.IntRange(0, 5).Draw(t, "since"))}
		stranger := s
		stranger.Trusted = Trust{}
		trusted, err1 := Require(p, s, a)
		plain, err2 := Require(p, stranger, a)
		lax, err3 := Require(Policy{}, stranger, a)
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatal(err1, err2, err3)
		}
		if trusted.Level > plain.Level || trusted.Level < lax.Level || !trusted.After.Equal(plain.After) {
			t.Fatalf("trusted %+v, else %+v, without a policy %+v", trusted, plain, lax)
		}
		live := s.Trusted.ID != "" && s.At.Before(s.Trusted.Until) && s.At.Before(s.Trusted.Since.Add(p.TrustFor))
		if trusted.Level < plain.Level && (!live || s.Exposed || !s.canBeAsked()) || trusted.Trusted() && trusted.Level > LevelPassword {
			t.Fatalf("%+v of %+v under %+v", trusted, s, p)
		}
		e := drawEvidence(t, "evidence")
		if counted := trusted.Counts(e, s); !slices.Equal(counted.AMR(), plain.Counts(e, stranger).AMR()) || counted.Level() != plain.Counts(e, stranger).Level() {
			t.Fatalf("trust proves %v", counted.AMR())
		}
		if why := trusted.WhyMet(trusted.Counts(e, s), false); why == ReasonTrusted && !trusted.Trusted() {
			t.Fatalf("trusted for no reason: %+v", trusted)
		}
	})
}

// No level is reached without proofs of all that it needs, by authenticators
// that the subject has now. What a method is worth is written down here again.
func TestM03_NoLevelWithoutItsProofs(t *testing.T) {
	worth := map[Method]string{Password: "k", TOTP: "h", Recovery: "h", Passkey: "khr", SyncedPasskey: "khr"}
	rapid.Check(t, func(t *rapid.T) {
		s, e := drawSubject(t), drawEvidence(t, "evidence")
		r := Requirement{Level: Level(rapid.IntRange(1, 3).Draw(t, "level")), After: at(rapid.IntRange(0, 10).Draw(t, "after"))}
		proven := ""
		for _, p := range e {
			if slices.ContainsFunc(s.Authenticators, func(a Authenticator) bool { return a.ID == p.Authenticator && a.Method == p.Method }) && !p.At.Before(r.After) {
				proven += worth[p.Method]
			}
		}
		want := true
		for _, kind := range map[Level]string{LevelPassword: "k", LevelMFA: "kh", LevelPhishingResistant: "khr"}[r.Level] {
			want = want && strings.ContainsRune(proven, kind)
		}
		if got := r.Met(e, s); got != want {
			t.Fatalf("%v of %v by %v: met %v", r.Level, e, s.Authenticators, got)
		}
		counted := r.Counts(e, s)
		phr := slices.Contains(counted.AMR(), "hwk") || slices.Contains(counted.AMR(), "swk")
		if counted.Level() >= LevelPhishingResistant != phr {
			t.Fatalf("level %v with amr %v", counted.Level(), counted.AMR())
		}
	})
}

// More evidence never makes a met requirement unmet.
func TestMetIsMonotoneInEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, e := drawSubject(t), drawEvidence(t, "evidence")
		r := Requirement{Level: Level(rapid.IntRange(0, 4).Draw(t, "level")), After: at(rapid.IntRange(0, 10).Draw(t, "after"))}
		more := e.Join(drawEvidence(t, "more"))
		if r.Met(e, s) && !r.Met(more, s) {
			t.Fatalf("%+v was met by %v, not by %v", r, e, more)
		}
		if more.Level() < e.Level() {
			t.Fatalf("level fell from %v to %v", e.Level(), more.Level())
		}
	})
}

// auth_time is the time of a proof, and everything that the level needs is
// proven at it or later.
func TestE05_AuthTimeIsNeverNewerThanTheProofs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEvidence(t, "evidence")
		since := e.AuthTime()
		if e.Level() == LevelNone {
			if !since.IsZero() {
				t.Fatalf("auth_time %v of nothing", since)
			}
			return
		}
		if !slices.ContainsFunc(e, func(p Proof) bool { return p.At.Equal(since) }) {
			t.Fatalf("auth_time %v is no proof's", since)
		}
		if got := e.Since(since).Level(); got != e.Level() {
			t.Fatalf("since auth_time %v is proven, not %v", got, e.Level())
		}
		if got := e.Since(since.Add(time.Microsecond)).Level(); got >= e.Level() {
			t.Fatalf("auth_time %v is older than it need be", since)
		}
	})
}

func TestStricterPolicyNeverYieldsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSubject(t)
		products := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3)
		lax := Policy{TwoStep: rapid.Bool().Draw(t, "two-step"), Products: products.Draw(t, "products"), TrustFor: time.Duration(rapid.IntRange(0, 6).Draw(t, "trust for")) * time.Minute}
		a := Ask{
			Levels:    rapid.SliceOf(rapid.SampledFrom([]Level{-1, LevelNone, LevelPassword, LevelMFA, LevelPhishingResistant})).Draw(t, "levels"),
			Essential: rapid.Bool().Draw(t, "essential"), Since: at(rapid.IntRange(0, 5).Draw(t, "since")),
			Lasting: rapid.Bool().Draw(t, "lasting"),
		}
		strict, strictSubject, strictAsk := lax, s, a
		switch rapid.IntRange(0, 8).Draw(t, "how") {
		case 0:
			strict.TwoStep = true
		case 1:
			strict.Products = append(slices.Clone(strict.Products), products.Draw(t, "more products")...)
		case 2:
			strict.Products = nil
		case 3:
			strictSubject.Own = true
		case 4:
			strictAsk.Since = strictAsk.Since.Add(time.Minute)
		case 5:
			strict.TrustFor -= time.Minute
		case 6:
			strictSubject.Trusted = Trust{}
		case 7:
			strictSubject.At = s.At.Add(time.Minute)
		case 8:
			strictAsk.Lasting = true
		}
		strictSubject.Exposed = strictSubject.Exposed || rapid.Bool().Draw(t, "exposed meanwhile")
		e := drawEvidence(t, "evidence")
		less := e[:rapid.IntRange(0, len(e)).Draw(t, "less")]
		if err := yieldsMore(strict, strictSubject, strictAsk, less, lax, s, a, e); err != nil {
			t.Fatal(err)
		}
	})
}

// yieldsMore fails if the first finishes and the second does not.
func yieldsMore(p1 Policy, s1 Subject, a1 Ask, e1 Evidence, p2 Policy, s2 Subject, a2 Ask, e2 Evidence) error {
	finishes := func(p Policy, s Subject, a Ask, e Evidence) bool {
		r, err := Require(p, s, a)
		finished := err == nil && Next(r, s, Progress{Evidence: e}).Step == StepFinished
		if finished != (err == nil && r.Met(e, s)) {
			panic(fmt.Sprintf("Next and Met disagree about %+v, %+v, %v", r, s, e))
		}
		return finished
	}
	if finishes(p1, s1, a1, e1) && !finishes(p2, s2, a2, e2) {
		return fmt.Errorf("%+v %+v %+v %v finishes, %+v %+v %+v %v does not", p1, s1, a1, e1, p2, s2, a2, e2)
	}
	return nil
}

// FuzzPolicy holds less evidence under a stricter policy against more evidence
// under a laxer one: the first never gets further.
func FuzzPolicy(f *testing.F) {
	f.Add(uint64(0), uint64(0), uint64(0))
	f.Add(uint64(0x1f3), uint64(0x7ff), uint64(0x3))
	f.Add(^uint64(0), ^uint64(0), ^uint64(0))
	f.Fuzz(func(t *testing.T, setting, proofs, how uint64) {
		bit := func(n *uint64) bool { b := *n&1 == 1; *n >>= 1; return b }
		pick := func(n *uint64, of uint64) uint64 { v := *n % of; *n /= of; return v }

		names := []string{"a", "b", "c"}
		lax := Policy{TwoStep: bit(&setting), WaiveFirst: bit(&setting), Products: []string{names[pick(&setting, 3)]}}
		s := Subject{ID: "ann", Own: bit(&setting), Seats: []string{names[pick(&setting, 3)]}}
		for _, a := range []Authenticator{
			{ID: "password-2", Method: Password},
			{ID: "app", Method: TOTP},
			{ID: "codes", Method: Recovery},
			{ID: "key", Method: Passkey},
		} {
			if a.Suspended = bit(&setting); bit(&setting) {
				s.Authenticators = append(s.Authenticators, a)
			}
		}
		a := Ask{Essential: bit(&setting), Since: at(int(pick(&setting, 8)))}
		for range pick(&setting, 4) {
			a.Levels = append(a.Levels, Level(pick(&setting, 6))-1)
		}
		var e, less Evidence
		for range 5 {
			p := Proof{
				[]Method{Password, TOTP, Recovery, Passkey, "x"}[pick(&proofs, 5)], at(int(pick(&proofs, 8))),
				[]string{"password-2", "app", "codes", "key", "y"}[pick(&proofs, 5)],
			}
			e = e.With(p)
			if bit(&how) {
				less = less.With(p)
			}
		}
		strict, strictSubject, strictAsk := lax, s, a
		strict.TwoStep = strict.TwoStep || bit(&how)
		if bit(&how) {
			strict.Products = append(slices.Clone(strict.Products), names[pick(&how, 3)])
		} else if bit(&how) {
			strict.Products = nil
		}
		strictSubject.Own = strictSubject.Own || bit(&how)
		if bit(&setting) {
			lax.TrustFor = time.Duration(pick(&setting, 8)) * time.Minute
			strict.TrustFor = lax.TrustFor - time.Duration(pick(&how, 3))*time.Minute
			s.At, s.Trusted = at(4), Trust{ID: "here", Since: at(int(pick(&setting, 5))), Until: at(int(pick(&setting, 8)))}
			strictSubject.At, strictSubject.Trusted = at(4+int(pick(&how, 3))), s.Trusted
			strictSubject.Exposed = bit(&how)
		}
		strictAsk.Since = strictAsk.Since.Add(time.Duration(pick(&how, 5)) * time.Minute)
		if err := yieldsMore(strict, strictSubject, strictAsk, less, lax, s, a, e); err != nil {
			t.Fatal(err)
		}
	})
}
