package storage

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"stile/audit"
	"stile/authn"
)

// What a sign-in came to, as the keys of [DayCount].
const (
	CountCode            = "code"             // finished with a second factor
	CountSession         = "already_proven"   // finished by the second factor that the session had
	CountTrusted         = "trusted_browser"  // finished with the password alone, in a trusted browser
	CountNotRequired     = "not_required"     // finished with the password alone, which was enough
	CountRefusedPassword = "refused_password" // address or password not accepted
	CountRefusedCode     = "refused_code"     // code of any kind not accepted
	CountGivenUp         = "given_up"         // begun with the right password, and not finished
)

// DayCount is how many of each kind there were in one day.
type DayCount struct {
	Day    time.Time // its first instant
	Counts map[string]int
}

// DayEnrolled is how many users had a second factor at the end of a day.
type DayEnrolled struct {
	Day      time.Time
	Enrolled int
}

// slot is the piece of time that the database counts in: every time zone's
// days begin at a whole one.
const slot = 15 * time.Minute

// maxDays bounds a series; the audit log goes back no further.
const maxDays = 800

// days lists the first instants of the days from the one that since is in to the
// last before until.
func days(since, until time.Time, zone *time.Location) ([]time.Time, error) {
	if zone == nil {
		zone = time.UTC
	}
	if !since.Before(until) {
		return nil, nil
	}
	if until.Sub(since) > maxDays*day {
		return nil, errors.New("too many days")
	}
	y, m, d := since.In(zone).Date()
	var list []time.Time
	for n := 0; ; n++ {
		begin := time.Date(y, m, d+n, 0, 0, 0, 0, zone)
		if !begin.Before(until) {
			return list, nil
		}
		list = append(list, begin)
	}
}

// dayOf is the place of a bucket's day in the list.
func dayOf(list []time.Time, n int64) int {
	at := time.UnixMicro(n * slot.Microseconds())
	after := sort.Search(len(list), func(i int) bool { return list[i].After(at) })
	return max(0, after-1)
}

// bucketCount is how many there were in a bucket, by up to two codes.
type bucketCount struct {
	bucket       int64
	kind, reason string
	n            int
}

func scanBucket(r row) (b bucketCount, err error) {
	return b, r.Scan(&b.bucket, &b.kind, &b.reason, &b.n)
}

// SignInsByDay counts an account's sign-ins of each day in a time zone by what
// they came to, from the day that since is in. Those before since or after until
// are not counted; a day without any is in the list too.
func (db *DB) SignInsByDay(ctx context.Context, accountID string, since, until time.Time, zone *time.Location) ([]DayCount, error) {
	list, err := days(since, until, zone)
	if err != nil {
		return nil, fmt.Errorf("sign-ins by day: %w", err)
	}
	series := make([]DayCount, len(list))
	for i, begin := range list {
		series[i] = DayCount{Day: begin, Counts: map[string]int{}}
	}
	if len(list) == 0 {
		return nil, nil
	}
	counts, err := many(ctx, db.reader, scanBucket, `SELECT at / $1 AS bucket, kind, reason, count(*) FROM audit_events
		WHERE account_id = $2 AND kind IN ($3, $4, $5, $6) AND id >= $7 AND id < $8 AND at >= $9 AND at < $10 GROUP BY 1, 2, 3`,
		slot.Microseconds(), accountID, audit.SignInSucceeded, audit.SignInFailed, audit.SignInGivenUp, audit.ProofRefused,
		firstTimeID(since), firstTimeID(until.Add(time.Millisecond)), micros(since), micros(until))
	if err != nil {
		return nil, fmt.Errorf("sign-ins by day: %w", err)
	}
	for _, c := range counts {
		series[dayOf(list, c.bucket)].Counts[countedAs(audit.Kind(c.kind), c.reason)] += c.n
	}
	return series, nil
}

// countedAs is what an event counts as.
func countedAs(kind audit.Kind, reason string) string {
	switch {
	case kind == audit.SignInFailed:
		return CountRefusedPassword
	case kind == audit.SignInGivenUp:
		return CountGivenUp
	case kind == audit.ProofRefused:
		return CountRefusedCode
	case reason == string(authn.ReasonNotRequired):
		return CountNotRequired
	case reason == string(authn.ReasonTrusted):
		return CountTrusted
	case reason == string(authn.ReasonAlreadyProven):
		return CountSession
	default:
		return CountCode
	}
}

// EnrolmentByDay counts the users of an account who had a second factor at the
// end of each day in a time zone, or before until on the last one. Whoever has
// several counts once. Users who were removed since are not in it.
func (db *DB) EnrolmentByDay(ctx context.Context, accountID string, since, until time.Time, zone *time.Location) ([]DayEnrolled, error) {
	list, err := days(since, until, zone)
	if err != nil {
		return nil, fmt.Errorf("enrolment by day: %w", err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	series := make([]DayEnrolled, len(list))
	for i, begin := range list {
		series[i].Day = begin
	}
	// What came before the first day counts with it. A user comes in with the
	// first of his factors, and goes with the last of them.
	counts, err := many(ctx, db.reader, scanBucket, `SELECT bucket, '', '', CAST(sum(CASE WHEN has > 0 THEN 1 ELSE 0 END - CASE WHEN has > n THEN 1 ELSE 0 END) AS BIGINT) FROM (
			SELECT bucket, n, sum(n) OVER (PARTITION BY user_id ORDER BY bucket) AS has FROM (
				SELECT user_id, bucket, sum(n) AS n FROM (
					SELECT user_id, created_at / $1 AS bucket, 1 AS n FROM authenticators WHERE account_id = $2 AND kind IN `+secondFactors+` AND created_at < $3
					UNION ALL
					SELECT user_id, ended_at / $1, -1 FROM authenticators WHERE account_id = $2 AND kind IN `+secondFactors+` AND ended_at < $3) changes
				GROUP BY user_id, bucket) sums) held GROUP BY bucket`,
		slot.Microseconds(), accountID, micros(until))
	if err != nil {
		return nil, fmt.Errorf("enrolment by day: %w", err)
	}
	for _, c := range counts {
		series[dayOf(list, c.bucket)].Enrolled += c.n
	}
	for i := 1; i < len(series); i++ {
		series[i].Enrolled += series[i-1].Enrolled
	}
	return series, nil
}
