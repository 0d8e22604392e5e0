// Package authn says what must be proven, whether it has been, and what comes
// next. It is pure: no clock, no database, no web. Every way to a session, a
// code, a token or a page asks it again, with the state of now, so that there is
// no stored "is allowed" that could be out of date.
//
// # Words
//
// A [Proof] is one thing that a user has proven: a [Method], the time, and the
// authenticator that it was proven with. [Evidence] is all of them; sessions and
// grants hold evidence and nothing else. A [Subject] is what decides about a
// user: authenticators, product seats, own setting. A [Policy] is what the
// account requires, an [Ask] what one request wants. From these three [Require]
// makes a [Requirement]: a [Level], and a moment before which proofs don't count.
//
// A level is a set of kinds of factors, not a rung: multi-factor is something
// known and something held, and a code without a password is no level at all. A
// passkey whose authenticator has verified its user is all of it at once, and
// phishing-resistant.
//
// # Three questions
//
//	r, err := authn.Require(policy, subject, ask)   // what must be proven?
//	r.Met(evidence, subject)                        // has it been?
//	authn.Next(r, subject, progress)                // what comes next, and why?
//
// Tokens are made of r.Counts(evidence, subject): its AMR, Level and AuthTime
// are the claims. That leaves out what was proven by an authenticator that is no
// more, and what is older than the client's max_age.
//
// # A sign-in
//
// [Progress] is how far a pending sign-in has come. Set Started when it begins;
// each screen that is answered calls one method of it (Prove, Start,
// VerifyEmail, …), after the thing itself has been checked. Then ask [Next]
// which screen is due: a URL of another screen leads there. Before asking, Join
// what the browser's session has proven. When Next says [StepFinished], Completed
// gives the evidence of the session.
//
// Screens are facts, not positions: Next looks for the first fact that is
// missing. So there is no order that an attacker could jump, and a sign-in whose
// user was enrolled, reset or suspended meanwhile goes on rightly by itself.
//
// # What makes it more, or less
//
// A trusted browser ([Trust]) stands in for the second factor where only the
// policy asks for one; it proves nothing, and no level is higher for it. After
// many wrong codes a Subject is Guarded: an e-mail code comes before the next. One
// that is Exposed chooses another password before the end. CheckUp asks whether
// what protects the sign-in is still right; it may be put off, and decides nothing.
//
// # What holds
//
//   - Next is finished only if the requirement is met, by proofs of
//     authenticators that the subject has now.
//   - Whatever happened before, who answers what is asked gets to the end.
//   - More evidence never makes a met requirement unmet; a stricter policy never
//     lets anyone further.
//   - auth_time is never newer than what was proven.
//   - An enrolment takes a password of this sign-in (or of at most [FreshPassword]
//     before it) and, besides, an e-mail code or a recovery code; or a passkey. A
//     pending one ends by itself when the user's app changes elsewhere.
//
// testdata/truth.golden has the answer for every combination; read it first.
//
// # To add a method
//
// Add a row to the table in evidence.go: what it puts into amr and which kinds
// of factors it is. If it can be a second factor, Next has to offer its screen.
package authn
