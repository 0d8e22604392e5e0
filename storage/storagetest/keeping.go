package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stile/audit"
	"stile/limit"
	"stile/storage"
)

var keepingPromises = []promise{
	{"TestSigningKeysAreMadeOnce", signingKeys},
	{"TestLeaseHasOneHolder", leases},
	{"TestOutboxHandsOutEachMessageOnce", outbox},
	{"TestAuditLogIsFiltered", filteredEvents},
	{"TestExpiredRowsGo", janitor},
	{"TestStatementsOfFrequentWrites", statements},
	{"TestQ05_PoolOfOneConnection", poolOfOne},
}

func signingKeys(t *testing.T, e Engine) {
	dbs, clock := e.openTwice(t)
	ctx := t.Context()
	errs := together(16, dbs, func(_ int, db *storage.DB) error { return db.InsertSigningKey(ctx, signingKey("ES256-1", clock), By) })
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, storage.ErrExists) {
			t.Error(err)
		}
	}
	keys := got(dbs[1].SigningKeys(ctx))(t)
	if made != 1 || len(keys) != 1 || keys[0].Private.Reveal() != "private ES256-1" || !keys[0].ActivatesAt.Equal(clock.Now()) {
		t.Errorf("%d of 16 made it: %+v", made, keys)
	}
	if text := fmt.Sprintf("%v %+v %#v", keys, keys, keys); strings.Contains(text, "private ES256") {
		t.Error("a private key is printed")
	}
	clock.Move(2 * time.Hour)
	if keys := got(dbs[0].SigningKeys(ctx))(t); len(keys) != 0 {
		t.Errorf("a key is published after its time: %+v", keys)
	}
	if got := events(t, dbs[0], storage.EventFilter{}); !slices.Equal(got, []string{"key.rotated"}) {
		t.Errorf("events: %v", got)
	}
}

func leases(t *testing.T, e Engine) {
	dbs, clock := e.openTwice(t)
	ctx := t.Context()
	holder := func(i int) string { return fmt.Sprintf("replica-%d", i%2) }
	won := together(16, dbs, func(i int, db *storage.DB) string {
		held, err := db.Lease(ctx, "janitor", holder(i), time.Minute)
		if err != nil {
			t.Error(err)
		}
		if held {
			return holder(i)
		}
		return ""
	})
	winners := slices.Compact(slices.Sorted(slices.Values(slices.DeleteFunc(won, func(s string) bool { return s == "" }))))
	if len(winners) != 1 {
		t.Fatalf("holders: %v", winners)
	}
	loser := map[string]string{"replica-0": "replica-1", "replica-1": "replica-0"}[winners[0]]
	clock.Move(40 * time.Second)
	if !got(dbs[0].Lease(ctx, "janitor", winners[0], time.Minute))(t) {
		t.Error("the holder can't hold it longer")
	}
	clock.Move(40 * time.Second)
	if got(dbs[0].Lease(ctx, "janitor", loser, time.Minute))(t) {
		t.Error("it was taken from its holder")
	}
	clock.Move(20 * time.Second)
	if !got(dbs[0].Lease(ctx, "janitor", loser, time.Minute))(t) {
		t.Error("nobody gets it after its time")
	}
	if !got(dbs[0].Lease(ctx, "other", winners[0], time.Minute))(t) {
		t.Error("another job is held too")
	}
}

func outbox(t *testing.T, e Engine) {
	url := e.Fresh(t)
	clock := NewClock()
	dbs := [2]*storage.DB{Open(t, url, clock.Now), Open(t, url, clock.Now)}
	db, raw, ctx := dbs[0], Raw(t, url), t.Context()
	u := person(t, db, "agent@example.com")
	const n = 40
	for i := range n {
		clock.Move(time.Millisecond)
		must(t, enqueue(t, db, u, fmt.Sprintf("kind-%02d", i)))
	}
	var stored string
	must(t, raw.QueryRow(`SELECT min(sealed) FROM outbox`).Scan(&stored))
	if strings.Contains(stored, "123456") || strings.Contains(stored, u.Email) {
		t.Error("a message is stored in clear")
	}
	batches := together(8, dbs, func(_ int, db *storage.DB) []storage.Mail {
		var mine []storage.Mail
		for {
			mails, err := db.LeaseMail(ctx, 3, time.Minute)
			if err != nil {
				t.Error(err)
			}
			if mine = append(mine, mails...); len(mails) == 0 {
				return mine
			}
		}
	})
	var kinds []string
	all := slices.Concat(batches...)
	for _, m := range all {
		kinds = append(kinds, m.Kind)
		if m.To != u.Email || m.Data["code"] != "123456" || m.Attempts != 1 || m.ID == "" || m.Lang != "en" {
			t.Errorf("message = %+v", m)
		}
	}
	if slices.Sort(kinds); len(kinds) != n || len(slices.Compact(kinds)) != n {
		t.Fatalf("%d messages of %d were handed out: %v", len(kinds), n, kinds)
	}
	must(t, db.MailSent(ctx, all[0].ID))
	must(t, db.MailFailed(ctx, all[1].ID, clock.Now().Add(30*time.Second)))
	lease := func() []storage.Mail { t.Helper(); return got(db.LeaseMail(ctx, 100, time.Minute))(t) }
	if mails := lease(); len(mails) != 0 {
		t.Errorf("%d messages are handed out twice", len(mails))
	}
	clock.Move(30 * time.Second)
	if mails := lease(); len(mails) != 1 || mails[0].ID != all[1].ID || mails[0].Attempts != 2 {
		t.Errorf("the one that failed: %+v", mails)
	}
	clock.Move(30 * time.Second) // the first leases end: those workers died
	if mails := lease(); len(mails) != n-2 {
		t.Errorf("%d messages come back, want %d", len(mails), n-2)
	}
	if length := got(db.OutboxLength(ctx))(t); length != n-1 {
		t.Errorf("%d messages wait, want %d", length, n-1)
	}
	clock.Move(72 * time.Hour)
	if mails := lease(); len(mails) != 0 {
		t.Errorf("%d messages are handed out after their time", len(mails))
	}
}

func filteredEvents(t *testing.T, e Engine) {
	db, clock := e.open(t)
	ctx := t.Context()
	start := clock.Now()
	for n := range 9 {
		must(t, db.Record(ctx, audit.Event{
			Kind: []audit.Kind{audit.SignInFailed, audit.LimitReached, audit.TokenRefused}[n%3], Outcome: audit.Refused,
			AccountID: fmt.Sprintf("a%d", n%2), SubjectID: "u", ClientID: "c", SessionID: "s", GrantID: "g", Reason: fmt.Sprint(n),
			Actor:  audit.Actor{Kind: "user", ID: "u", Network: "192.0.2.1", UserAgent: "agent", RequestID: "r"},
			Detail: map[string]string{"n": fmt.Sprint(n)},
		}))
		clock.Move(time.Second)
	}
	list := func(f storage.EventFilter) (reasons string) {
		for _, e := range got(db.Events(ctx, f))(t) {
			reasons += e.Reason
		}
		return reasons
	}
	for want, f := range map[string]storage.EventFilter{
		"876543210": {},
		"7531":      {AccountID: "a1"},
		"630":       {Kind: audit.SignInFailed},
		"60":        {Kind: audit.SignInFailed, AccountID: "a0"},
		"876":       {Limit: 3},
		"6543":      {Since: start.Add(3 * time.Second), Until: start.Add(7 * time.Second)},
		"":          {Outcome: audit.OK},
	} {
		if got := list(f); got != want {
			t.Errorf("%+v: %s, want %s", f, got, want)
		}
	}
	page := got(db.Events(ctx, storage.EventFilter{Limit: 4}))(t)
	if rest := list(storage.EventFilter{After: page[3].ID}); rest != "43210" {
		t.Errorf("the page after the first four: %s", rest)
	}
	first := page[0]
	if !first.At.Equal(start.Add(8*time.Second)) || first.Actor.RequestID != "r" || first.Actor.UserAgent != "agent" || first.Detail["n"] != "8" || first.GrantID != "g" || first.SessionID != "s" {
		t.Errorf("event = %+v", first)
	}
}

func janitor(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	db, raw := Open(t, url, clock.Now), Raw(t, url)
	ctx := t.Context()
	u := person(t, db, "agent@example.com")
	must(t, second(db.CreateClient(ctx, webClient(db, "console"), By)))
	must(t, enqueue(t, db, u, "kind"))
	must(t, db.InsertSigningKey(ctx, signingKey("ES256-1", clock), By))
	grant(t, raw, u, "console", "g")
	session(t, raw, u, "s")
	ends := clock.Now().Add(time.Hour).UnixMicro()
	for _, text := range []string{
		`UPDATE grants SET expires_at = $1`, `UPDATE sessions SET expires_at = $1`,
		`INSERT INTO access_tokens (hash, grant_id, scope, issued_at, expires_at) VALUES ('h', 'g', '', 0, $1)`,
		`INSERT INTO requests (hash, sealed, expires_at) VALUES ('r', '', $1)`,
		`INSERT INTO email_codes (purpose, txn, user_id, hash, tries, sent_at, expires_at) SELECT 'p', 't', id, '', 0, 0, $1 FROM users`,
		`INSERT INTO sign_ins (id, binding, account_id, user_id, epoch, version, label, progress, secrets, started_at, expires_at)
			SELECT 'i', 'b', account_id, id, 1, 1, '', '', '', 0, $1 FROM users`,
	} {
		must(t, second(raw.Exec(text, ends)))
	}
	var bookings []limit.Booking
	for n := range 1200 { // more than a batch or two
		bookings = append(bookings, booking(fmt.Sprintf("totp|%04d", n), "5 in 1m"))
	}
	for chunk := range slices.Chunk(bookings, 200) {
		must(t, second(db.BookAttempts(ctx, chunk)))
	}
	tables := []string{"access_tokens", "grants", "email_codes", "sign_ins", "sessions", "requests", "limits", "outbox", "signing_keys", "audit_events"}
	counts := func() (list []string) {
		for _, table := range tables {
			var n int
			must(t, raw.QueryRow(`SELECT count(*) FROM `+table).Scan(&n))
			list = append(list, fmt.Sprintf("%s %d", table, n))
		}
		return list
	}
	want := counts()
	must(t, db.RemoveExpired(ctx))
	if got := counts(); !slices.Equal(got, want) {
		t.Errorf("of what lives, this is left: %v, want %v", got, want)
	}
	clock.Move(73 * time.Hour)
	must(t, db.Record(ctx, audit.Event{Kind: audit.SignInFailed}))
	must(t, db.RemoveExpired(ctx))
	lines := strings.Fields(want[9])[1]
	for i, line := range counts()[:9] {
		if line != tables[i]+" 0" {
			t.Errorf("of what has ended, this is left: %s", line)
		}
	}
	must(t, second(db.SealAudit(ctx, time.Time{})))
	clock.Move(398 * 24 * time.Hour) // the older lines are over 400 days old, the newest isn't
	must(t, db.RemoveExpired(ctx))
	if got := counts()[9]; got != "audit_events 2" { // and the sign-in that was given up
		t.Errorf("%s of %s and two newer", got, lines)
	}
}

// statements holds what happens at every sign-in to its number of round trips.
func statements(t *testing.T, e Engine) {
	db, _ := e.open(t)
	ctx := t.Context()
	bookings := []limit.Booking{booking("password|u", "10 in 15m"), booking("network|n", "30 in 10m")}
	late := slices.Clone(bookings)
	late[1].Late = true
	event := audit.Event{Kind: audit.SignInFailed}
	one := int64(1)
	embedded := map[bool]int64{true: 2, false: 1}[db.Embedded()] // its transactions are not sent anywhere
	for name, c := range map[string]struct {
		want int64
		act  func() error
	}{
		"book":               {one, func() error { return second(db.BookAttempts(ctx, bookings)) }},
		"book and look":      {one, func() error { return second(db.BookAttempts(ctx, late)) }},
		"give back":          {one, func() error { return db.RefundAttempts(ctx, limit.Success(bookings)) }},
		"give nothing back":  {0, func() error { return db.RefundAttempts(ctx, nil) }},
		"refusal":            {one, func() error { return db.Record(ctx, event) }},
		"refusal that costs": {embedded, func() error { return db.Record(ctx, event, bookings...) }},
		"client":             {one, func() error { _ = second(db.Client(ctx, "x")); return nil }},
	} {
		before := db.Statements()
		must(t, c.act())
		if sent := db.Statements() - before; sent != c.want {
			t.Errorf("%s: %d statements, want %d", name, sent, c.want)
		}
	}
}

// poolOfOne does with one connection what takes several steps: none waits for
// another one while it holds it.
func poolOfOne(t *testing.T, e Engine) {
	clock, url := NewClock(), e.Fresh(t)
	if strings.HasPrefix(url, "postgres") {
		url += "&pool_max_conns=1"
	}
	db := Open(t, url, clock.Now)
	apply(t, db, desired(db), storage.ApplyOptions{})
	errs := together(16, [2]*storage.DB{db, db}, func(i int, db *storage.DB) error {
		b := []limit.Booking{booking("password|u", "1 in 15m"), booking("network|n", "300 in 10m")}
		_, err := db.BookAttempts(t.Context(), b)
		var limited storage.LimitedError
		if err != nil && !errors.As(err, &limited) {
			return err
		}
		_, err = db.Apply(t.Context(), desired(db), storage.ApplyOptions{}, By)
		return errors.Join(err, db.RemoveExpired(t.Context()))
	})
	must(t, errors.Join(errs...))
}
