package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"stile/stiletest"
)

// What is good for once, asked for by a crowd at two replicas.

// atOnce does the same n times at once.
func atOnce(n int, act func(i int)) {
	var ready, all sync.WaitGroup
	ready.Add(n)
	for i := range n {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			act(i)
		})
	}
	all.Wait()
}

// wantRefused fails unless the token endpoint answered with invalid_grant.
func wantRefused(t testing.TB, what string, err error) {
	t.Helper()
	if !isRefused(err) {
		t.Errorf("%s: %v, want status 400 and invalid_grant", what, err)
	}
}

// isRefused tells whether the token endpoint answered with invalid_grant.
func isRefused(err error) bool {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	return ok && answer.Response.StatusCode == http.StatusBadRequest && answer.ErrorCode == "invalid_grant"
}

// oneCodeInManyBrowsers: somebody looked over the shoulder, in many browsers at once.
func (r *replicas) oneCodeInManyBrowsers(t *testing.T, rp *stiletest.RP, account string) {
	owner := newWalker(t, r.system, r.newPerson(t, account))
	owner.signIn(rp.Begin().URL)
	all := make([]*walker, crowd)
	gate := make(chan struct{}, 4) // passwords are work
	atOnce(crowd, func(i int) {
		gate <- struct{}{}
		defer func() { <-gate }()
		w := owner.elsewhere()
		w.Open(rp.Begin().URL)
		w.password()
		all[i] = w
	})
	for i, w := range all {
		if w == nil || w.Page().Screen() != "enter-code" {
			t.Fatalf("browser %d is not at the code prompt: %+v", i, w)
		}
	}
	code := owner.app.Code()
	atOnce(crowd, func(i int) { all[i].Submit(map[string]string{"code": code}) })
	in := 0
	for _, w := range all {
		switch {
		case w.Page().URL.Query().Get("code") != "":
			in++
		case w.Page().Screen() != "enter-code" || w.Page().Status != http.StatusUnprocessableEntity:
			t.Errorf("a code that is spent leads to %s", w.Page())
		}
	}
	if in != 1 {
		t.Errorf("%d of %d browsers got in with one code, want 1", in, crowd)
	}
	r.wantProofs(t, owner, 2) // that of the enrolment, and this one
}

// wantProofs holds the audit log against what was proven with a person's app.
func (r *replicas) wantProofs(t *testing.T, w *walker, want int) {
	t.Helper()
	n := r.count(t, `SELECT count(*) FROM audit_events WHERE kind = 'proof.accepted' AND reason = 'totp' AND subject_id = (SELECT id FROM users WHERE email = $1)`, w.who.Email)
	if n != want {
		t.Errorf("the audit log has %d accepted codes, want %d", n, want)
	}
}

// oneFormManyTimes: an impatient finger, and two replicas behind it.
func (r *replicas) oneFormManyTimes(t *testing.T, rp *stiletest.RP, account string) {
	w := newWalker(t, r.system, r.newPerson(t, account))
	w.signIn(rp.Begin().URL)
	w = w.elsewhere()
	attempt := rp.Begin()
	w.Open(attempt.URL)
	w.password()
	w.want("enter-code")
	code := w.app.Code()
	statuses := make([]int, crowd)
	atOnce(crowd, func(i int) { statuses[i], _, _ = w.post(map[string]string{"code": code}) })
	for _, status := range statuses {
		if status != http.StatusSeeOther && status != http.StatusUnprocessableEntity {
			t.Errorf("statuses %v: want 303 or 422 alone", statuses)
			break
		}
	}
	r.wantProofs(t, w, 2)
	if n := r.count(t, `SELECT count(*) FROM audit_events WHERE kind = 'sign_in.succeeded' AND subject_id = (SELECT id FROM users WHERE email = $1)`, w.who.Email); n > 2 {
		t.Errorf("the sign-in has ended %d times", n-1)
	}
}

// oneRecoveryCode: a code that was kept, in many browsers at once.
func (r *replicas) oneRecoveryCode(t *testing.T, rp *stiletest.RP, account string) {
	owner := newWalker(t, r.system, r.newPerson(t, account))
	owner.Open(rp.Begin().URL)
	owner.password()
	owner.connect()
	owner.Submit(map[string]string{"code": owner.app.Code()})
	owner.want("done")
	code := recoveryCodes(t, owner.Page().Texts("li"))[0]
	browsers := make([]*walker, 4)
	for i := range browsers {
		w := owner.elsewhere()
		w.Open(rp.Begin().URL)
		w.password()
		w.Press("Use a recovery code")
		w.want("recovery-code")
		browsers[i] = w
	}
	statuses := make([]int, crowd)
	atOnce(crowd, func(i int) { statuses[i], _, _ = browsers[i%len(browsers)].post(map[string]string{"recovery": code}) })
	r.wantOne(t, owner.who, statuses, "recovery_code.used", "")
	if n := r.count(t, `SELECT count(*) FROM recovery_codes c JOIN authenticators a ON a.id = c.authenticator_id JOIN users u ON u.id = a.user_id
		WHERE u.email = $1 AND c.used_at IS NOT NULL`, owner.who.Email); n != 1 {
		t.Errorf("%d codes are used, want 1", n)
	}
}

// oneReset: a link of a message, with many new passwords.
func (r *replicas) oneReset(t *testing.T, account string) {
	w := newWalker(t, r.system, r.newPerson(t, account))
	w.Open(r.Issuer + "/forgot-password")
	w.Submit(map[string]string{"email": w.who.Email})
	w.Open(r.resetLink(t, w.who.Email))
	w.want("message-link")
	w.Submit(nil)
	w.want("new-password")
	statuses := make([]int, crowd)
	atOnce(crowd, func(i int) {
		statuses[i], _, _ = w.post(map[string]string{"new-password": fmt.Sprintf("%d boats on another lake", i)})
	})
	r.wantOne(t, w.who, statuses, "password.changed", "reset")
}

// onePasskeyAnswer: what a passkey has signed, sent often.
func (r *replicas) onePasskeyAnswer(t *testing.T, rp *stiletest.RP, account string) {
	owner := newWalker(t, r.system, r.newPerson(t, account))
	owner.signIn(r.Issuer + "/account")
	k := owner.addPasskey("Blue key", 0)
	w := newWalker(t, r.system, owner.who)
	w.Open(rp.Begin().URL)
	action, options, fields := w.Page().PasskeyForm()
	fields.Set("passkey", k.Get(options))
	statuses := make([]int, crowd)
	atOnce(crowd, func(i int) { statuses[i], _, _ = w.postForm(action, fields) })
	r.wantOne(t, owner.who, statuses, "proof.accepted", "passkey")
}

// wantOne fails unless exactly one of many at once has done something, and the
// others were told so.
func (r *replicas) wantOne(t *testing.T, who person, statuses []int, kind, reason string) {
	t.Helper()
	n := r.count(t, `SELECT count(*) FROM audit_events WHERE kind = $1 AND reason = $2 AND subject_id = (SELECT id FROM users WHERE email = $3)`, kind, reason, who.Email)
	if n != 1 {
		t.Errorf("the audit log has %d of %s %s, want 1", n, kind, reason)
	}
	done := 0
	for _, status := range statuses {
		switch {
		case status == http.StatusSeeOther:
			done++
		case status < 400 || status >= 500 && status != http.StatusServiceUnavailable:
			t.Errorf("status %d", status)
		}
	}
	if done == 0 {
		t.Errorf("nobody got through: %v", statuses)
	}
}

// post sends the form of the page without following what comes back, also from
// several goroutines. The browser hasn't seen the answer then.
func (w *walker) post(values map[string]string) (status int, location string, err error) {
	form := w.Page().Fields()
	for name, value := range values {
		form.Set(name, value)
	}
	return w.postForm(w.Page().Action(), form)
}

func (w *walker) postForm(action string, form url.Values) (status int, location string, err error) {
	q, err := http.NewRequest(http.MethodPost, action, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range w.Cookies(action) {
		q.AddCookie(c)
	}
	resp, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		return 0, "", err
	}
	return resp.StatusCode, resp.Header.Get("Location"), resp.Body.Close()
}

// oneExchange sends an authorization code to both replicas at once; each
// further use is a theft, and ends what the first one gave.
func (r *replicas) oneExchange(t *testing.T, rp *stiletest.RP, account string) {
	w := newWalker(t, r.system, r.newPerson(t, account))
	kept := w.tokens(rp) // of the same person and browser: other grants go on

	attempt := rp.Begin()
	code := rp.Answer(attempt, w.signIn(attempt.URL).URL).Get("code")
	tokens, refusals := make([]*oauth2.Token, crowd), make([]error, crowd)
	atOnce(crowd, func(i int) { tokens[i], refusals[i] = rp.Exchange(attempt, code) })
	var given []*oauth2.Token
	for i, token := range tokens {
		if refusals[i] == nil {
			given = append(given, token)
			continue
		}
		wantRefused(t, "a further exchange", refusals[i])
	}
	if len(given) != 1 {
		t.Fatalf("%d of %d exchanges of one code succeeded, want 1", len(given), crowd)
	}
	r.wantDead(t, rp, given[0])

	attempt = rp.Begin()
	at := w.signIn(attempt.URL).URL
	first := rp.Redeem(attempt, at)
	rp.Email(first)
	_, err := rp.Exchange(attempt, at.Query().Get("code"))
	wantRefused(t, "a later exchange", err)
	r.wantDead(t, rp, first.Token)

	if _, err := rp.Refresh(kept.RefreshToken); err != nil {
		t.Errorf("refresh of another grant: %v", err)
	}
}

// wantDead fails if tokens are still good at one of the replicas.
func (r *replicas) wantDead(t *testing.T, rp *stiletest.RP, token *oauth2.Token) {
	t.Helper()
	for range r.procs {
		if _, err := rp.UserInfo(token); err == nil {
			t.Error("the access token still works after the code was used again")
		}
		_, err := rp.Refresh(token.RefreshToken)
		wantRefused(t, "refresh after the code was used again", err)
	}
}

// oneSuccessor uses a refresh token in many windows at once.
func (r *replicas) oneSuccessor(t *testing.T, rp *stiletest.RP, account string) {
	w := newWalker(t, r.system, r.newPerson(t, account))
	old := w.tokens(rp)
	tokens, refusals := make([]stiletest.Tokens, crowd), make([]error, crowd)
	atOnce(crowd, func(i int) { tokens[i], refusals[i] = rp.Refresh(old.RefreshToken) })
	successors, access := map[string]int{}, map[string]bool{}
	for i, token := range tokens {
		if refusals[i] != nil {
			t.Errorf("one of many windows: %v", refusals[i])
			continue
		}
		successors[token.RefreshToken]++
		access[token.AccessToken] = true
	}
	if len(successors) != 1 || successors[old.RefreshToken] != 0 {
		t.Fatalf("%d successors of one refresh token, want 1 other", len(successors))
	}
	if len(access) != crowd {
		t.Errorf("%d access tokens from %d refreshes", len(access), crowd)
	}
	for successor := range successors {
		if _, err := rp.Refresh(successor); err != nil {
			t.Errorf("the successor: %v", err)
		}
	}
	// It was used: the old one is stolen now, and everything ends.
	_, err := rp.Refresh(old.RefreshToken)
	wantRefused(t, "the old one after its successor", err)
	for successor := range successors {
		_, err := rp.Refresh(successor)
		wantRefused(t, "the successor after the theft", err)
	}
}
