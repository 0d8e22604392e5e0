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
func TestEmailClosed(t *testing.T) {
	s, at := newService(t)
	ago := func(d time.Duration) *time.Time { then := at.Add(-d); return &then }
	totp := &storage.TOTP{ID: "app"}
	for name, c := range map[string]struct {
		who  storage.Person
		open time.Duration // from now; 0: open already
	}{
		"nothing to replace":   {storage.Person{User: storage.User{PasswordResetAt: ago(time.Hour)}}, 0},
		"settled":              {storage.Person{TOTP: totp}, 0},
		"reset an hour ago":    {storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(time.Hour)}}, 23 * time.Hour},
		"reset a day ago":      {storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(24 * time.Hour)}}, 0},
		"new address":          {storage.Person{TOTP: totp, User: storage.User{EmailChangedAt: ago(24 * time.Hour)}}, 6 * 24 * time.Hour},
		"both":                 {storage.Person{TOTP: totp, User: storage.User{PasswordResetAt: ago(time.Hour), EmailChangedAt: ago(6*24*time.Hour + 12*time.Hour)}}, 23 * time.Hour},
		"suspended, new reset": {storage.Person{Suspended: true, User: storage.User{PasswordResetAt: ago(time.Hour)}}, 23 * time.Hour},
	} {
		want := time.Time{}
		if c.open > 0 {
			want = at.Add(c.open)
		}
		if got := s.emailClosed(&c.who); !got.Equal(want) {
			t.Errorf("%s: until %s, want %s", name, got, want)
		}
	}
}
