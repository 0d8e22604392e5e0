package op

import (
	"slices"
	"sync"
	"testing"
	"time"

	"stile/audit"
	"stile/authn"
	"stile/storage"
)

func TestRefreshRotatesAndTellsTheSame(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password, authn.TOTP)
	first := r.claims(a.text("id_token"), "RS256")
	for range 3 {
		r.at = r.at.Add(time.Hour)
		b := r.refresh("console", a.text("refresh_token"))
		if b.Status != 200 || b.text("refresh_token") == a.text("refresh_token") || b.text("access_token") == a.text("access_token") {
			t.Fatalf("%d %s", b.Status, b.Text)
		}
		c := r.claims(b.text("id_token"), "RS256")
		for _, name := range []string{"iss", "sub", "aud", "auth_time", "acr", "sid"} {
			if c[name] != first[name] {
				t.Errorf("%s is %v, was %v", name, c[name], first[name])
			}
		}
		if amr, _ := c["amr"].([]any); !slices.Equal(amr, []any{"mfa", "otp", "pwd"}) || c["nonce"] != nil || c["iat"] != float64(r.at.Unix()) {
			t.Errorf("ID token %v", c)
		}
		a = b
	}
}

func TestE01_OneSuccessorHoweverManyAsk(t *testing.T) {
	r := newRig(t)
	replicas := []*rig{r, r.replica()}
	a := r.tokensOf("console", authn.Password)
	var mu sync.Mutex
	successors := map[string]int{}
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 32 {
		wg.Go(func() {
			<-start
			b := answered(func() reply { return replicas[i%2].refresh("console", a.text("refresh_token")) })
			mu.Lock()
			defer mu.Unlock()
			if b.Status != 200 {
				t.Errorf("%d %s", b.Status, b.Text)
			}
			successors[b.text("refresh_token")]++
		})
	}
	close(start)
	wg.Wait()
	if len(successors) != 1 {
		t.Fatalf("%d successors", len(successors))
	}
	r.at = r.at.Add(5 * time.Second)
	again := r.refresh("console", a.text("refresh_token"))
	if successors[again.text("refresh_token")] == 0 {
		t.Errorf("a repeat within ten seconds: %d %s", again.Status, again.Text)
	}
	next := r.refresh("console", again.text("refresh_token"))
	r.want("successor", next, 200, "")
	r.want("a repeat after the successor was used", r.refresh("console", a.text("refresh_token")), 400, "invalid_grant")
	r.want("and so the grant is over", r.refresh("console", next.text("refresh_token")), 400, "invalid_grant")
	r.want("with its access tokens", r.userInfo(next.text("access_token")), 401, "invalid_token")
}

func TestE01_LateReuseEndsTheGrant(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password)
	b := r.refresh("console", a.text("refresh_token"))
	r.at = r.at.Add(10 * time.Second)
	r.want("reuse", r.refresh("console", a.text("refresh_token")), 400, "invalid_grant")
	r.want("the successor", r.refresh("console", b.text("refresh_token")), 400, "invalid_grant")
	if got := r.events(audit.GrantEnded); len(got) != 1 || got[0].Reason != "refresh_reused" {
		t.Errorf("audit: %+v", got)
	}
}

func TestE02_RestartForgetsNothing(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password)
	b := r.refresh("console", a.text("refresh_token"))
	r.must(r.db.Close())
	r = r.replica()
	r.at = r.at.Add(time.Minute)
	r.want("reuse after a restart", r.refresh("console", a.text("refresh_token")), 400, "invalid_grant")
	r.want("the successor", r.refresh("console", b.text("refresh_token")), 400, "invalid_grant")
}

func TestE03_RefreshIsForItsClientAndScope(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password)
	text := a.text("refresh_token")
	r.want("another client", r.refresh("other", text), 400, "invalid_grant")
	r.want("public client", r.refresh("desktop", text), 400, "invalid_grant")
	r.want("wider", r.refresh("console", text, "scope", "openid profile email"), 400, "invalid_scope")
	r.want("never heard of", r.refresh("console", text, "scope", "openid admin"), 400, "invalid_scope")
	b := r.refresh("console", text, "scope", "openid")
	if b.Status != 200 || b.text("scope") != "openid" {
		t.Fatalf("narrower: %d %s", b.Status, b.Text)
	}
	if u := r.userInfo(b.text("access_token")); u.Status != 200 || u.Body["name"] != nil {
		t.Errorf("UserInfo of the narrow token: %s", u.Text)
	}
	c := r.refresh("console", b.text("refresh_token"))
	if c.text("scope") != "openid profile" {
		t.Errorf("the refresh token was narrowed too: %s", c.Text)
	}
}

func TestE04_RefreshJudgesWhatIsTrueNow(t *testing.T) {
	change := func(f func(*storage.User)) func(*rig, storage.Session) {
		return func(r *rig, _ storage.Session) {
			_, err := r.db.UpdateUser(r.t.Context(), r.user.ID, func(u *storage.User) error { f(u); return nil }, audit.System)
			r.must(err)
		}
	}
	for name, c := range map[string]struct {
		change  func(r *rig, s storage.Session)
		offline bool
	}{
		"signed out": {func(r *rig, s storage.Session) {
			r.must(r.db.EndSession(r.t.Context(), s.ID, "signed_out", audit.System))
		}, false},
		"user disabled": {change(func(u *storage.User) { u.DisabledAt = &noon }), true},
		"account suspended": {func(r *rig, _ storage.Session) {
			_, err := r.db.UpdateAccount(r.t.Context(), r.account.ID, func(a *storage.Account) error { a.SuspendedAt = &noon; return nil }, audit.System)
			r.must(err)
		}, true},
		"password changed": {func(r *rig, _ storage.Session) {
			r.must(r.db.SetPassword(r.t.Context(), r.user.ID, "$argon2id$x", audit.System))
		}, true},
		"policy on":        {func(r *rig, _ storage.Session) { r.requireTwoSteps() }, true},
		"own setting on":   {change(func(u *storage.User) { u.Enhanced = true }), true},
		"client deleted":   {func(r *rig, _ storage.Session) { r.must(r.db.DeleteClient(r.t.Context(), "poster", nil, audit.System)) }, true},
		"idle for 14 days": {func(r *rig, _ storage.Session) { r.at = r.at.Add(14 * 24 * time.Hour) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.signIn(authn.Password)
			a := r.exchange("poster", r.code("poster", s, func(g *storage.Grant) { g.Offline = c.offline }))
			r.want("exchange", a, 200, "")
			c.change(r, s)
			b := r.attempt("", "grant_type", "refresh_token", "refresh_token", a.text("refresh_token"),
				"client_id", "poster", "client_secret", r.secrets["poster"].Reveal())
			if b.Body["access_token"] != nil || b.Status != 400 && b.Status != 401 {
				t.Errorf("%d %s", b.Status, b.Text)
			}
			if name != "client deleted" {
				r.want("refresh", b, 400, "invalid_grant")
			}
			if u := r.userInfo(a.text("access_token")); u.Status != 401 {
				t.Errorf("UserInfo: %d %s", u.Status, u.Text)
			}
		})
	}
}

// A refusal by policy takes nothing away: with the second factor given before,
// the same token goes on.
func TestE04_RefusalSpendsNothing(t *testing.T) {
	r := newRig(t)
	a := r.tokensOf("console", authn.Password)
	r.requireTwoSteps()
	b := r.refresh("console", a.text("refresh_token"))
	r.want("policy on", b, 400, "invalid_grant")
	if b.text("error_description") != errEvidenceIsPast().Description {
		t.Errorf("it does not say what to do: %s", b.Text)
	}
	if got := r.events(audit.TokenRefused); len(got) != 1 || got[0].Reason != "evidence" || got[0].SubjectID != r.user.ID || got[0].Actor.ID != "console" {
		t.Errorf("audit: %+v", got)
	}
	u := r.userInfo(a.text("access_token"))
	r.want("UserInfo", u, 401, "insufficient_user_authentication")
	_, err := r.db.UpdatePolicy(t.Context(), r.account.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.TwoStep = false
		return s.Policy, nil
	}, audit.System)
	r.must(err)
	r.want("policy off", r.refresh("console", a.text("refresh_token")), 200, "")
}

func TestRefreshOutlivesTheSessionOnlyIfOffline(t *testing.T) {
	r := newRig(t)
	for _, offline := range []bool{false, true} {
		s := r.signIn(authn.Password)
		a := r.exchange("console", r.code("console", s, func(g *storage.Grant) { g.Offline = offline }))
		r.must(r.db.EndSession(t.Context(), s.ID, "signed_out", audit.System))
		if b := r.refresh("console", a.text("refresh_token")); (b.Status == 200) != offline {
			t.Errorf("offline %v: %d %s", offline, b.Status, b.Text)
		}
	}
}

// A session's absolute limit, as the account has it now, ends what hangs on the
// session; its idle limit does not, since refreshing is no activity.
func TestF05_SessionsLimitOfNowEndsItsGrants(t *testing.T) {
	r := newRig(t)
	s := r.signIn(authn.Password, authn.TOTP)
	bound := r.exchange("console", r.code("console", s))
	offline := r.exchange("console", r.code("console", s, func(g *storage.Grant) { g.Scope, g.Offline = "openid offline_access", true }))
	r.at = r.at.Add(3 * time.Hour)
	bound = r.refresh("console", bound.text("refresh_token"))
	r.want("behind a session idle for three hours", bound, 200, "")
	_, err := r.db.UpdatePolicy(t.Context(), r.account.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.Lifetimes.TwoStepIdle, s.Policy.Lifetimes.TwoStepAbsolute = time.Hour, 2*time.Hour
		return s.Policy, nil
	}, audit.System)
	r.must(err)
	r.want("UserInfo", r.userInfo(bound.text("access_token")), 401, "invalid_token")
	if a := r.introspect("api", bound.text("access_token")); a.Body["active"] != false {
		t.Errorf("introspection: %s", a.Text)
	}
	r.want("refresh", r.refresh("console", bound.text("refresh_token")), 400, "invalid_grant")
	r.want("code", r.exchange("console", r.code("console", s)), 400, "invalid_grant")
	r.want("offline", r.refresh("console", offline.text("refresh_token")), 200, "")
}

// Taking offline_access from a client takes it from the grants that it has:
// those whose session is over are over.
func TestE04_WithdrawnOfflineAccessEndsWhatOutlivedItsSession(t *testing.T) {
	r := newRig(t)
	s := r.signIn(authn.Password)
	offline := func(g *storage.Grant) { g.Scope, g.Offline = "openid email offline_access", true }
	a, other := r.exchange("console", r.code("console", s, offline)), r.exchange("console", r.code("console", r.signIn(authn.Password), offline))
	r.must(r.db.EndSession(t.Context(), s.ID, "signed_out", audit.System))
	a = r.refresh("console", a.text("refresh_token"))
	r.want("signed out", a, 200, "")
	_, err := r.db.UpdateClient(t.Context(), "console", func(c *storage.Client) error { c.Metadata.Scope = "openid"; return nil }, audit.System)
	r.must(err)
	r.want("UserInfo", r.userInfo(a.text("access_token")), 401, "invalid_token")
	r.want("withdrawn", r.refresh("console", a.text("refresh_token")), 400, "invalid_grant")
	b := r.refresh("console", other.text("refresh_token"))
	r.want("withdrawn, session alive", b, 200, "")
	if b.text("scope") != "openid" {
		t.Errorf("scope %q", b.text("scope"))
	}
}

// A policy that is tightened counts for the tokens that are out already.
func TestE04_TightenedLifetimesEndWhatIsOut(t *testing.T) {
	r := newRig(t)
	tighten := func(change func(*storage.Lifetimes)) {
		_, err := r.db.UpdatePolicy(t.Context(), r.account.ID, func(s storage.AccountState) (storage.Policy, error) {
			change(&s.Policy.Lifetimes)
			return s.Policy, nil
		}, audit.System)
		r.must(err)
	}
	s := r.signIn(authn.Password)
	a := r.exchange("console", r.code("console", s))
	r.at = r.at.Add(2 * time.Hour)
	tighten(func(l *storage.Lifetimes) { l.GrantIdle = time.Hour })
	if i := r.introspect("console", a.text("refresh_token")); i.Text != inactive {
		t.Errorf("introspection: %s", i.Text)
	}
	r.want("idle for longer than is allowed now", r.refresh("console", a.text("refresh_token")), 400, "invalid_grant")

	a = r.exchange("console", r.code("console", s))
	r.at = r.at.Add(58 * time.Minute)
	if i := r.introspect("console", a.text("refresh_token")); i.Body["exp"] != float64(r.at.Add(2*time.Minute).Unix()) {
		t.Errorf("introspection: %s", i.Text)
	}
	r.want("in time", r.refresh("console", a.text("refresh_token")), 200, "")
}

func TestAccessTokensEndWithTheirGrant(t *testing.T) {
	r := newRig(t)
	_, err := r.db.UpdatePolicy(t.Context(), r.account.ID, func(s storage.AccountState) (storage.Policy, error) {
		s.Policy.Lifetimes.GrantIdle, s.Policy.Lifetimes.GrantAbsolute = 9*time.Minute, 10*time.Minute
		return s.Policy, nil
	}, audit.System)
	r.must(err)
	a := r.tokensOf("console", authn.Password)
	r.at = r.at.Add(8 * time.Minute)
	a = r.refresh("console", a.text("refresh_token"))
	r.want("refresh", a, 200, "")
	if a.Body["expires_in"] != float64(120) {
		t.Errorf("expires_in %v", a.Body["expires_in"])
	}
	r.at = r.at.Add(2 * time.Minute)
	r.want("UserInfo after the grant's end", r.userInfo(a.text("access_token")), 401, "invalid_token")
}

func TestGrantsHaveAnEnd(t *testing.T) {
	r := newRig(t)
	s := r.signIn(authn.Password, authn.TOTP)
	a := r.exchange("console", r.code("console", s, func(g *storage.Grant) { g.Offline = true }))
	for range 9 { // ninety days, with a refresh every ten
		r.later(10*24*time.Hour - time.Second)
		b := r.refresh("console", a.text("refresh_token"))
		r.want("within ninety days", b, 200, "")
		a = b
	}
	r.at = r.at.Add(time.Minute)
	r.want("after ninety days", r.refresh("console", a.text("refresh_token")), 400, "invalid_grant")

	s = r.signIn(authn.Password, authn.TOTP)
	a = r.exchange("console", r.code("console", s, func(g *storage.Grant) { g.Offline = true }))
	r.want("exchange", a, 200, "")
	r.requireTwoSteps() // shortens what was given before
	for range 2 {
		r.later(13 * 24 * time.Hour)
		a = r.refresh("console", a.text("refresh_token"))
		r.want("within thirty days", a, 200, "")
	}
	r.later(5 * 24 * time.Hour)
	r.want("after thirty days", r.refresh("console", a.text("refresh_token")), 400, "invalid_grant")
}

func TestZitadel23_RefreshedIDTokenKeepsItsACR(t *testing.T) {
	r := newRig(t)
	s := r.signIn(authn.Password, authn.TOTP)
	a := r.exchange("console", r.code("console", s, func(g *storage.Grant) { g.ACR = "https://refeds.org/profile/mfa" }))
	b := r.refresh("console", a.text("refresh_token"))
	if c := r.claims(b.text("id_token"), "RS256"); c["acr"] != "https://refeds.org/profile/mfa" {
		t.Errorf("acr %v", c["acr"])
	}
}
