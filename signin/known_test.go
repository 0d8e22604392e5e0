package signin

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"stile/storage"
)

func TestKnownBrowsers(t *testing.T) {
	at := time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC)
	var none Known
	if none.here("a", at) != "" {
		t.Error("a browser without a cookie is known")
	}
	one := none.with("a", at)
	if one.here("a", at) == "" || one.here("a", at) != one.Browser || one.here("b", at) != "" {
		t.Errorf("%+v", one)
	}
	both := one.with("b", at.Add(time.Hour))
	if both.here("a", at) != one.Browser || both.here("b", at) != one.Browser || len(one.People) != 1 {
		t.Errorf("%+v after %+v", both, one)
	}
	if both.here("a", at.Add(KnownAge)) != "" || both.here("b", at.Add(KnownAge)) == "" {
		t.Error("the time of one counts for the other")
	}
	if again := both.with("b", at.Add(KnownAge)); len(again.People) != 1 {
		t.Errorf("people of long ago are kept: %+v", again)
	}
	many := none
	for i := range 40 {
		many = many.with(strconv.Itoa(i), at.Add(time.Duration(i)*time.Second))
	}
	if len(many.People) != maxKnown || many.here("39", at) == "" || many.here("23", at) != "" {
		t.Errorf("%d people", len(many.People))
	}
}

// A cookie that somebody made up, if it could be, chooses a limit and no more.
func TestKnownFromAnything(t *testing.T) {
	for _, text := range []string{`{}`, `null`, `{"p":null}`, `{"b":"x","p":{"a":-1}}`, `{"p":{"a":9223372036854775807}}`} {
		var k Known
		if err := json.Unmarshal([]byte(text), &k); err != nil {
			t.Fatal(err)
		}
		_ = k.here("a", time.Unix(0, 0))
		if k.with("a", time.Unix(0, 0)).Browser == "" {
			t.Errorf("%s: no name for the browser", text)
		}
	}
}

// One mailbox must not give both factors.
func TestL02_MailboxAlone(t *testing.T) {
	s, at := newService(t)
	ago := func(d time.Duration) *time.Time { then := at.Add(-d); return &then }
	const day = 24 * time.Hour
	totp := &storage.TOTP{ID: "app"}
	for name, c := range map[string]struct {
		who   storage.Person
		wait  storage.WaitState
		until time.Duration // from now; 0: the address is old enough
		reset bool
	}{
		"nothing to replace":           {who: storage.Person{User: storage.User{PasswordResetAt: ago(time.Hour)}}},
		"settled":                      {who: storage.Person{TOTP: totp}},
		"reset an hour ago":            {who: storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(time.Hour)}}, reset: true},
		"and a code given since":       {who: storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(time.Hour), FactorProvenAt: ago(time.Minute)}}, reset: true},
		"reset long ago":               {who: storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(90 * day), FactorProvenAt: ago(91 * day)}}, reset: true},
		"a day ago, and a code since":  {who: storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(day), FactorProvenAt: ago(time.Hour)}}},
		"a wait runs":                  {who: storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(day)}}, wait: storage.WaitRuns, reset: true},
		"a wait was stopped":           {who: storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(day)}}, wait: storage.WaitStopped, reset: true},
		"a wait is over":               {who: storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(day)}}, wait: storage.WaitOpen},
		"new address":                  {who: storage.Person{TOTP: totp, User: storage.User{EmailChangedAt: ago(day)}}, until: 6 * day},
		"which no wait makes older":    {who: storage.Person{TOTP: totp, User: storage.User{EmailChangedAt: ago(day), PasswordResetAt: ago(day)}}, wait: storage.WaitOpen, until: 6 * day},
		"suspended, new reset":         {who: storage.Person{Suspended: true, User: storage.User{PasswordResetAt: ago(time.Hour)}}, reset: true},
		"nothing but a passkey, reset": {who: storage.Person{Passkeys: 1, User: storage.User{PasswordResetAt: ago(time.Hour)}}, reset: true},
	} {
		want := mailbox{reset: c.reset}
		if c.until > 0 {
			want.until = at.Add(c.until)
		}
		if got := s.mailboxOf(&c.who, c.wait); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
