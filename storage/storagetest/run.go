package storagetest

import (
	"slices"
	"testing"

	"stile/storage"
)

// Engine makes databases of one kind.
type Engine struct {
	// Fresh returns the URL of a database for one test: migrated, or what Migrate
	// makes complete.
	Fresh func(testing.TB) string
	// Empty returns the URL of a database without a schema.
	Empty func(testing.TB) string
}

// Embedded and Server are the two engines.
var (
	Embedded = Engine{Fresh: SQLite, Empty: SQLite}
	Server   = Engine{Fresh: Postgres, Empty: EmptyPostgres}
)

// promise is one thing that storage promises. Its name is that of a test.
type promise struct {
	name string
	keep func(*testing.T, Engine)
}

// Run holds an engine to the contract. To add to it, write a promise into the
// list of its subject, or a list into this one.
func Run(t *testing.T, e Engine) {
	for _, p := range slices.Concat(
		schemaPromises, limitPromises, applyPromises, accountPromises, userPromises, clientPromises, keepingPromises,
		invitationPromises, importPromises, roomPromises,
		directoryPromises, schedulePromises, announcementPromises, seriesPromises,
	) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.keep(t, e)
		})
	}
}

// open opens a fresh database at a standing clock.
func (e Engine) open(t testing.TB) (*storage.DB, *Clock) {
	t.Helper()
	clock := NewClock()
	return Open(t, e.Fresh(t), clock.Now), clock
}

// openTwice opens a fresh database through two handles, as two replicas do.
func (e Engine) openTwice(t testing.TB) ([2]*storage.DB, *Clock) {
	t.Helper()
	clock, url := NewClock(), e.Fresh(t)
	return [2]*storage.DB{Open(t, url, clock.Now), Open(t, url, clock.Now)}, clock
}

// together calls f n times at the same instant, alternating between the
// handles, and returns what each call returned.
func together[T any](n int, dbs [2]*storage.DB, f func(i int, db *storage.DB) T) []T {
	results := make([]T, n)
	ready, done := make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			<-ready
			results[i] = f(i, dbs[i%2])
			done <- struct{}{}
		}()
	}
	close(ready)
	for range n {
		<-done
	}
	return results
}
