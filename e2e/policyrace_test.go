package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/oauth2"

	"stile/stiletest"
)

// The switch of an account in the midst of everything, on two replicas.

// alone is the installation for somebody who is always sent to one replica.
func (r *replicas) alone(i int) *system {
	s := *r.system
	direct := &http.Transport{MaxIdleConnsPerHost: crowd}
	s.http = &http.Client{Transport: roundTrip(func(q *http.Request) (*http.Response, error) {
		if q.URL.Host == strings.TrimPrefix(r.Issuer, "http://") {
			q = q.Clone(q.Context())
			q.Host, q.URL.Host = q.URL.Host, r.addresses[i]
		}
		return direct.RoundTrip(q)
	}), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &s
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// holder is somebody who is signed in, and what an app holds of it.
type holder struct {
	*walker
	proven bool // that it is them, in two steps
	held   []stiletest.Tokens
}

// racer is one request of the race.
type racer struct {
	what string
	by   *holder
	send func(on *system, rp *stiletest.RP) outcome
	outcome
}

// outcome is what a request led to: a token, a code, the refusal that is right
// for it, or something else, which is wrong.
type outcome struct {
	token   *oauth2.Token
	begun   stiletest.Attempt
	code    string
	refused bool
	wrong   string
}

// ofToken is the outcome of a request for tokens.
func ofToken(token *oauth2.Token, err error) outcome {
	switch {
	case err == nil:
		return outcome{token: token}
	case isRefused(err):
		return outcome{refused: true}
	}
	return outcome{wrong: err.Error()}
}

// ofAnswer is the outcome of an authorization request that ended at a URL.
func ofAnswer(begun stiletest.Attempt, at string) outcome {
	u, err := url.Parse(at)
	if err != nil {
		return outcome{wrong: err.Error()}
	}
	q := u.Query()
	switch {
	case q.Get("state") != begun.State:
		return outcome{wrong: "ended at " + at}
	case q.Get("code") != "":
		return outcome{begun: begun, code: q.Get("code")}
	case q.Get("error") == "interaction_required":
		return outcome{refused: true}
	}
	return outcome{wrong: at}
}

func refresh(by *holder, token string) *racer {
	return &racer{what: "refresh", by: by, send: func(_ *system, rp *stiletest.RP) outcome {
		tokens, err := rp.Refresh(token)
		return ofToken(tokens.Token, err)
	}}
}

func exchange(by *holder, begun stiletest.Attempt, code string) *racer {
	return &racer{what: "exchange", by: by, send: func(_ *system, rp *stiletest.RP) outcome { return ofToken(rp.Exchange(begun, code)) }}
}

func unseen(by *holder) *racer {
	return &racer{what: "authorization without a page", by: by, send: func(on *system, rp *stiletest.RP) outcome {
		begun := rp.Begin("prompt", "none")
		q, err := http.NewRequest(http.MethodGet, begun.URL, nil)
		if err != nil {
			return outcome{wrong: err.Error()}
		}
		for _, c := range by.Cookies(begun.URL) {
			q.AddCookie(c)
		}
		resp, err := on.httpClient().Do(q)
		if err != nil {
			return outcome{wrong: err.Error()}
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusSeeOther && resp.StatusCode != http.StatusFound {
			return outcome{wrong: resp.Status}
		}
		return ofAnswer(begun, resp.Header.Get("Location"))
	}}
}

// signIn is at the page that asks for the password, and sends it in the race.
func signIn(by *holder, rp *stiletest.RP) *racer {
	w, begun := by.elsewhere(), rp.Begin()
	w.Impatient, w.Apps = true, []string{rp.URL}
	w.Open(begun.URL)
	w.want("sign-in")
	return &racer{what: "password", by: by, send: func(on *system, _ *stiletest.RP) outcome {
		w.Transport(on.http.Transport)
		switch w.Submit(map[string]string{"email": w.who.Email, "password": w.who.Password}); {
		case w.Page().Screen() == "two-step-introduction":
			return outcome{refused: true}
		case w.Page().Screen() != "":
			return outcome{wrong: w.Page().String()}
		}
		return ofAnswer(begun, w.Page().URL.String())
	}}
}

func introspect(t *testing.T, by *holder, api client, token string) *racer {
	return &racer{what: "introspection", by: by, send: func(on *system, _ *stiletest.RP) outcome {
		return outcome{refused: on.active(t, api, token)["active"] == false}
	}}
}

// How many people race, and with how much of each kind.
const (
	simple, careful = 12, 3 // who have given a password only, or two steps
	refreshes       = 7
	others          = 2
)

// signedIn signs somebody in, and gets an app what it holds.
func (r *replicas) signedIn(t *testing.T, rp *stiletest.RP, account string, proven bool) *holder {
	t.Helper()
	h := &holder{walker: newWalker(t, r.system, r.newPerson(t, account)), proven: proven}
	if proven {
		wantMFA(t, h.tokens(rp, "acr_values", acrMFA).Claims)
	} else {
		wantPassword(t, h.tokens(rp).Claims)
	}
	for range refreshes {
		begun := rp.Begin("prompt", "none", "scope", "openid email offline_access")
		h.held = append(h.held, rp.Redeem(begun, h.Open(begun.URL).URL))
	}
	return h
}

// TestL01_TheSwitchCommitsDuringARaceOnTwoReplicas sends 200 requests to two
// replicas, and turns the policy on among them: each gets what is its own or the
// right refusal, and afterwards nothing of a password alone is worth anything.
// It runs by itself: beside browsers the replicas would rightly answer that they
// are overloaded, and that is shown elsewhere.
func TestL01_TheSwitchCommitsDuringARaceOnTwoReplicas(t *testing.T) {
	r := startReplicas(t)
	account := r.newAccount(t, "optional")
	rp, api, admin := r.newRP(t), r.api(t), r.adminOf(t, account)
	var people []*holder
	for i := range simple + careful {
		people = append(people, r.signedIn(t, rp, account, i >= simple))
	}
	var race []*racer
	for _, h := range people {
		for _, tokens := range h.held {
			race = append(race, refresh(h, tokens.RefreshToken))
		}
		for i := range others {
			begun := rp.Begin()
			race = append(race, exchange(h, begun, rp.Answer(begun, h.Open(begun.URL).URL).Get("code")),
				unseen(h), introspect(t, h, api, h.held[i].AccessToken))
		}
		if !h.proven {
			race = append(race, signIn(h, rp))
		}
	}
	here := [2]*system{r.alone(0), r.alone(1)}
	rps := [2]*stiletest.RP{}
	for i, s := range here {
		rps[i] = once(s.rp(t, client{ID: rp.OAuth.ClientID, Secret: rp.OAuth.ClientSecret}, rp.URL))
	}
	before := r.count(t, `SELECT count(*) FROM access_tokens`)

	// A third of the answers is there when the switch is sent.
	third := int64(len(race) / 3)
	var answers atomic.Int64
	some := make(chan struct{})
	var status int
	var answer map[string]any
	var err error
	atOnce(len(race)+1, func(i int) {
		if i == len(race) {
			<-some
			status, answer, err = here[0].manage(admin, http.MethodPatch, "/policy", switchOn)
			return
		}
		a := race[i]
		a.outcome = a.send(here[i%2], rps[i%2])
		if answers.Add(1) == third {
			close(some)
		}
	})
	if err != nil || status != http.StatusOK || answer["two_step"] != "required" {
		t.Fatalf("the switch: %d %v, %v", status, answer, err)
	}

	given, tally := 0, map[bool]int{}
	for _, a := range race {
		if a.token != nil {
			given++
		}
		switch {
		case a.wrong != "":
			t.Errorf("%s: %s", a.what, a.wrong)
		case a.by.proven && a.refused:
			t.Errorf("%s of somebody who has proven two steps is refused", a.what)
		case !a.by.proven:
			tally[a.refused]++
		}
	}
	if tally[false] == 0 || tally[true] == 0 {
		t.Errorf("of those who had given a password, refused or not: %v: the switch was in the midst of nothing", tally)
	}
	if n := r.count(t, `SELECT count(*) FROM access_tokens`) - before; n != given {
		t.Errorf("%d access tokens were made, %d were given", n, given)
	}
	for i := range here {
		r.afterTheSwitch(t, here[i], rps[i], api, race, people)
	}
}

// afterTheSwitch holds what was given before and in the race against the policy,
// at one replica.
func (r *replicas) afterTheSwitch(t *testing.T, on *system, rp *stiletest.RP, api client, race []*racer, people []*holder) {
	t.Helper()
	for _, a := range race {
		if a.token != nil && on.active(t, api, a.token.AccessToken)["active"] != a.by.proven {
			t.Errorf("an access token of the %s in the race: active is not %v", a.what, a.by.proven)
		}
		if a.token != nil && a.token.RefreshToken != "" {
			next, err := rp.Refresh(a.token.RefreshToken)
			if wantStanding(t, "refresh token of the "+a.what+" in the race", a.by, err) {
				a.token = next.Token
			}
		}
		if a.code != "" {
			token, err := rp.Exchange(a.begun, a.code)
			if wantStanding(t, "code of the "+a.what+" in the race", a.by, err) {
				a.token, a.code = token, "" // it is spent
			}
		}
	}
	for _, h := range people {
		if got := unseen(h).send(on, rp); got.refused == h.proven || got.wrong != "" {
			t.Errorf("session after the switch: %+v, proven %v", got, h.proven)
		}
		for _, tokens := range h.held {
			if on.active(t, api, tokens.AccessToken)["active"] != h.proven {
				t.Errorf("an access token of before: active is not %v", h.proven)
			}
			if !h.proven {
				_, err := rp.Refresh(tokens.RefreshToken)
				wantRefused(t, "a refresh token of before", err)
			}
		}
	}
}

// wantStanding fails unless somebody gets something exactly if two steps are
// proven, and tells whether it was got.
func wantStanding(t *testing.T, what string, by *holder, err error) bool {
	t.Helper()
	if !by.proven {
		wantRefused(t, what, err)
	} else if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	return err == nil
}
