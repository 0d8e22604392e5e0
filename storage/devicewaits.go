package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"stile/audit"
)

// Kinds of waits, by why a code sent by e-mail is not enough without one.
const (
	WaitAfterReset = "reset"      // the password was reset, and no second factor proven since
	WaitLastAdmin  = "last-admin" // there is no admin who could approve but the user
)

// How long a wait takes, how long it then opens the way, how often its owner
// hears of it, and how long nobody may start another once it was stopped.
const (
	waitAfterReset = day
	waitLastAdmin  = 3 * day
	waitOpen       = 2 * day
	waitTold       = day
	waitStopped    = day
)

// DeviceWait is a wait that was announced to the owner of an address: whoever
// has password and mailbox may connect another device only after the owner and
// the account's admins had the time to stop it. It belongs to no browser.
type DeviceWait struct {
	UserID, AccountID  string
	Kind               string // WaitAfterReset or WaitLastAdmin
	Epoch              int64  // of the user when it began
	Network, UserAgent string // from where, and with what
	StartedAt          time.Time
	OpensAt, ClosesAt  time.Time // between them the way is open, once: connecting a device raises the epoch
	ToldAt             time.Time // when the owner heard of it last
	CancelledAt        *time.Time
}

// WaitState is where a wait stands.
type WaitState string

// The states of a wait.
const (
	WaitNone    WaitState = ""        // there is none, or it is over
	WaitRuns    WaitState = "runs"    // not open yet
	WaitOpen    WaitState = "open"    // the way is open
	WaitStopped WaitState = "stopped" // by a link of a message, so that none begins before StoppedUntil
)

// State returns where the wait of a user of this epoch stands at a time.
func (w DeviceWait) State(epoch int64, now time.Time) WaitState {
	switch {
	case w.CancelledAt != nil && now.Before(w.StoppedUntil()):
		return WaitStopped
	case w.CancelledAt != nil || w.UserID == "" || w.Epoch != epoch || !now.Before(w.ClosesAt):
		return WaitNone
	case now.Before(w.OpensAt):
		return WaitRuns
	default:
		return WaitOpen
	}
}

// StoppedUntil is when another wait may begin after this one was stopped.
func (w DeviceWait) StoppedUntil() time.Time { return w.CancelledAt.Add(waitStopped) }

// WaitOpens returns when a wait of a kind opens that begins at a time.
func WaitOpens(kind string, begins time.Time) time.Time {
	if kind == WaitLastAdmin {
		return begins.Add(waitLastAdmin)
	}
	return begins.Add(waitAfterReset)
}

// DeviceWaitStart is a wait that is begun in a sign-in.
type DeviceWaitStart struct {
	SignIn  SignIn // as read
	Kind    string
	OpensAt time.Time
	Mails   []Mail
	Event   audit.Event // its actor begins it
}

// StartDeviceWait begins a wait, and tells. It fails with ErrConflict if one runs
// or is open, if one was stopped a short while ago, and like [DB.SaveProgress].
func (db *DB) StartDeviceWait(ctx context.Context, a DeviceWaitStart) (SignIn, error) {
	s, now := a.SignIn, db.now()
	err := db.write(ctx, func(tx *sql.Tx) error {
		// The user's row first: two who start at once do so one after the other.
		if err := mustChange(run(ctx, tx, `UPDATE users SET updated_at = $1 WHERE id = $2 AND account_id = $3 AND epoch = $4 AND disabled_at IS NULL`,
			micros(now), s.UserID, s.AccountID, s.Epoch)); err != nil {
			return err
		}
		begun, err := run(ctx, tx, `INSERT INTO device_waits (user_id, account_id, kind, epoch, network, user_agent, started_at, opens_at, closes_at, told_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $7)
			ON CONFLICT (user_id) DO UPDATE SET account_id = excluded.account_id, kind = excluded.kind, epoch = excluded.epoch,
				network = excluded.network, user_agent = excluded.user_agent, started_at = excluded.started_at, opens_at = excluded.opens_at,
				closes_at = excluded.closes_at, told_at = excluded.told_at, cancelled_at = NULL
			WHERE CASE WHEN device_waits.cancelled_at IS NOT NULL THEN device_waits.cancelled_at <= $10
				ELSE device_waits.epoch <> excluded.epoch OR device_waits.kind <> excluded.kind OR device_waits.closes_at <= $7 END`,
			s.UserID, s.AccountID, a.Kind, s.Epoch, a.Event.Actor.Network, a.Event.Actor.UserAgent, micros(now), micros(a.OpensAt),
			micros(a.OpensAt.Add(waitOpen)), micros(now.Add(-waitStopped)))
		if err := mustChange(begun, err); err != nil {
			return err
		}
		if err := db.advanceIn(ctx, tx, s); err != nil {
			return err
		}
		return db.tell(ctx, tx, a.Event, a.Mails)
	})
	return s.advanced(err == nil, err)
}

// stopWait stops the user's wait, if one runs or is open, and tells whether.
func stopWait(ctx context.Context, tx *sql.Tx, u User, now time.Time) (bool, error) {
	n, err := run(ctx, tx, `UPDATE device_waits SET cancelled_at = $1 WHERE user_id = $2 AND epoch = $3 AND cancelled_at IS NULL AND closes_at > $1`,
		micros(now), u.ID, u.Epoch)
	return n > 0, err
}

// RemindDeviceWaits tells of waits that were last told of a day ago: of each once
// a day, however many call it at once. mails makes the messages; it may run more
// than once.
func (db *DB) RemindDeviceWaits(ctx context.Context, mails func(context.Context, Person, DeviceWait) ([]Mail, error)) error {
	now := db.now()
	due, err := many(ctx, db.reader, scanWait, `SELECT `+waitColumns+` FROM device_waits w JOIN users u ON u.id = w.user_id AND u.epoch = w.epoch
		WHERE w.told_at <= $1 AND w.cancelled_at IS NULL AND w.closes_at > $2 AND u.disabled_at IS NULL ORDER BY w.told_at LIMIT 1000`,
		micros(now.Add(-waitTold)), micros(now))
	if err != nil {
		return fmt.Errorf("device waits: %w", err)
	}
	for _, w := range due {
		who, err := db.PersonByID(ctx, w.UserID)
		if err != nil {
			return fmt.Errorf("device wait: %w", err)
		}
		if who.User.Epoch != w.Epoch {
			continue // over meanwhile
		}
		list, err := mails(ctx, who, w)
		if err != nil {
			return fmt.Errorf("device wait: %w", err)
		}
		riders, err := db.enqueueAll(list)
		if err != nil {
			return err
		}
		_, err = db.guard(ctx, guarded{
			text: `UPDATE device_waits SET told_at = $1 WHERE user_id = $2 AND epoch = $3 AND told_at = $4 AND cancelled_at IS NULL`,
			args: []any{micros(now), w.UserID, w.Epoch, micros(w.ToldAt)}, riders: riders,
		})
		if err != nil {
			return fmt.Errorf("device wait: %w", err)
		}
	}
	return nil
}

const waitColumns = `COALESCE(w.user_id, ''), COALESCE(w.account_id, ''), COALESCE(w.kind, ''), COALESCE(w.epoch, 0), COALESCE(w.network, ''),
	COALESCE(w.user_agent, ''), COALESCE(w.started_at, 0), COALESCE(w.opens_at, 0), COALESCE(w.closes_at, 0), COALESCE(w.told_at, 0), w.cancelled_at`

func waitDest(w *DeviceWait) []any {
	return []any{
		&w.UserID, &w.AccountID, &w.Kind, &w.Epoch, &w.Network, &w.UserAgent, atTime(&w.StartedAt), atTime(&w.OpensAt), atTime(&w.ClosesAt),
		atTime(&w.ToldAt), atNullTime(&w.CancelledAt),
	}
}

func scanWait(r row) (w DeviceWait, err error) { return w, r.Scan(waitDest(&w)...) }
