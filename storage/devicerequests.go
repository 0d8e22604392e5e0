package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"stile/audit"
)

// A device request asks an admin of the account to let a user replace an
// authenticator that is lost. One that is asked in a sign-in belongs to that
// sign-in: to its browser and to the key that only the right password gave
// there. Another sign-in of the same browser may take it over, and then it is
// the other's alone. So nobody uses what was approved for somebody else, not
// even with the password and a cookie that he planted.

// Kinds of device requests.
const (
	DeviceNew   = "new-device" // asked by the user in a sign-in: approved, it goes on there
	DeviceReset = "reset"      // asked by the helpdesk: approved, the authenticator is gone
)

// How long a device request works, and how long one is shown.
const (
	DeviceNewLife   = time.Hour // asked in a sign-in
	DeviceResetLife = day       // asked by the helpdesk
	deviceShown     = 7 * day
)

// DeviceRequestsPath is the page of our own where admins decide.
const DeviceRequestsPath = "/admin/requests"

// ErrOwnRequest says that somebody decides what he asked for, or what is about
// himself.
var ErrOwnRequest = errors.New("nobody decides on a request of his own")

// DeviceRequest is one request for another device.
type DeviceRequest struct {
	ID        string
	AccountID string
	UserID    string // the user whose authenticator it is about
	Label     string // two letters, shown to whoever asks and to whoever decides
	Kind      string // DeviceNew or DeviceReset
	AskedBy   string // id of the user who asked; else the kind of actor and its name
	Network   string // from where, and with what
	UserAgent string
	CreatedAt time.Time
	ExpiresAt time.Time
	DecidedBy string // as AskedBy; empty while nobody has decided
	DecidedAt *time.Time
	Approved  bool
	UsedAt    *time.Time
	EndedAt   *time.Time // used, refused, done, or another one was asked for
	Outdated  bool       // the user's password or authenticators changed since
	Email     string     // of the user
	Name      string
	Decider   string // display name of a user who decided, if there still is one
}

// DeviceState is where a device request stands.
type DeviceState string

// The states of a device request.
const (
	DeviceOpen     DeviceState = "open"
	DeviceApproved DeviceState = "approved" // and, in a sign-in, to be gone on with
	DeviceRefused  DeviceState = "refused"
	DeviceUsed     DeviceState = "used"
	DeviceOver     DeviceState = "over" // too old, or another one took its place
)

// State returns where the request stands at a time.
func (r DeviceRequest) State(now time.Time) DeviceState {
	switch {
	case r.UsedAt != nil:
		return DeviceUsed
	case r.DecidedAt != nil && !r.Approved:
		return DeviceRefused
	case r.DecidedAt != nil && r.Kind == DeviceReset:
		return DeviceApproved
	case r.EndedAt != nil || r.Outdated || !r.ExpiresAt.After(now):
		return DeviceOver
	case r.DecidedAt != nil:
		return DeviceApproved
	default:
		return DeviceOpen
	}
}

// actorName is how an actor stands in a request: users by their id.
func actorName(by audit.Actor) string {
	if by.Kind == "user" {
		return by.ID
	}
	return by.Kind + " " + by.ID
}

// DeviceAsk is a request that is asked in a sign-in.
type DeviceAsk struct {
	SignIn SignIn // as read, with what is to be stored; its label is the request's
	Mails  []Mail
	Event  audit.Event // its actor asks
}

// AskForDevice stores the request of a sign-in, and tells. An earlier one of the
// user, also of another browser, is over. It fails with ErrConflict like
// [DB.SaveProgress].
func (db *DB) AskForDevice(ctx context.Context, a DeviceAsk) (SignIn, error) {
	s, now := a.SignIn, db.now()
	r := DeviceRequest{
		ID: timeID(now), AccountID: s.AccountID, UserID: s.UserID, Label: s.Label, Kind: DeviceNew, AskedBy: s.UserID,
		Network: a.Event.Actor.Network, UserAgent: a.Event.Actor.UserAgent, CreatedAt: now, ExpiresAt: now.Add(DeviceNewLife),
	}
	err := db.write(ctx, func(tx *sql.Tx) error {
		// The user's row first: two who ask at once do so one after the other.
		if err := mustChange(run(ctx, tx, `UPDATE users SET updated_at = $1 WHERE id = $2 AND account_id = $3 AND epoch = $4 AND disabled_at IS NULL`,
			micros(now), s.UserID, s.AccountID, s.Epoch)); err != nil {
			return err
		}
		if err := addDeviceRequest(ctx, tx, r, s.Key.Binding, s.Epoch); err != nil {
			return err
		}
		if err := db.advanceIn(ctx, tx, s); err != nil {
			return err
		}
		e := a.Event
		e.Detail = deviceDetail(r)
		return db.tell(ctx, tx, e, a.Mails)
	})
	return s.advanced(err == nil, err)
}

// AskForReset stores the request that a user's authenticator be reset, which
// another one, an admin, may approve within a day. Mails tell the admins, unless
// they know of an open one. It fails with ErrNotFound for a user of another
// account, or without an authenticator.
func (db *DB) AskForReset(ctx context.Context, accountID, userID string, by audit.Actor, mails ...Mail) (DeviceRequest, error) {
	return writing(ctx, db, func(tx *sql.Tx) (DeviceRequest, error) {
		u, err := db.lockUser(ctx, tx, userID)
		if err == nil && u.AccountID != accountID {
			err = fmt.Errorf("user %q: %w", userID, ErrNotFound)
		}
		if err != nil {
			return DeviceRequest{}, err
		}
		has, err := one(ctx, tx, scanInt, `SELECT count(*) FROM authenticators WHERE user_id = $1 AND state IN ('active', 'suspended')`, userID)
		if err == nil && has == 0 {
			err = fmt.Errorf("authenticator of user %s: %w", userID, ErrNotFound)
		}
		if err != nil {
			return DeviceRequest{}, err
		}
		now := db.now()
		r := DeviceRequest{
			ID: timeID(now), AccountID: accountID, UserID: userID, Kind: DeviceReset, AskedBy: actorName(by),
			Network: by.Network, UserAgent: by.UserAgent, CreatedAt: now, ExpiresAt: now.Add(DeviceResetLife), Email: u.Email, Name: u.Name,
		}
		open, err := one(ctx, tx, scanInt, `SELECT count(*) FROM device_requests WHERE user_id = $1 AND kind = $2 AND ended_at IS NULL AND expires_at > $3`,
			userID, r.Kind, micros(now))
		if err == nil {
			err = addDeviceRequest(ctx, tx, r, "", u.Epoch)
		}
		if err != nil {
			return DeviceRequest{}, err
		}
		if open > 0 {
			mails = nil
		}
		return r, db.tell(ctx, tx, deviceEvent(audit.DeviceAsked, r, by), mails)
	})
}

// addDeviceRequest makes a request the user's only one of its kind.
func addDeviceRequest(ctx context.Context, tx *sql.Tx, r DeviceRequest, binding string, epoch int64) error {
	if _, err := run(ctx, tx, `UPDATE device_requests SET ended_at = $1 WHERE user_id = $2 AND kind = $3 AND ended_at IS NULL`,
		micros(r.CreatedAt), r.UserID, r.Kind); err != nil {
		return err
	}
	return insert{
		table: "device_requests", columns: `id, account_id, user_id, kind, label, binding, epoch, asked_by, network, user_agent,
		created_at, expires_at, decided_by, decided_at, approved, used_at, ended_at`,
		values: []any{
			r.ID, r.AccountID, r.UserID, r.Kind, r.Label, binding, epoch, r.AskedBy, r.Network, r.UserAgent,
			micros(r.CreatedAt), micros(r.ExpiresAt), "", nil, false, nil, nil,
		},
	}.add(ctx, tx)
}

// DeviceRequestOf returns the newest request that belongs to a sign-in, whatever
// became of it. It fails with ErrNotFound if none was asked for in the last hour.
func (db *DB) DeviceRequestOf(ctx context.Context, s SignIn) (DeviceRequest, error) {
	r, err := one(ctx, db.reader, scanDeviceRequest, `SELECT `+deviceColumns+` WHERE d.user_id = $1 AND d.kind = $2
		AND d.account_id = $3 AND d.binding = $4 AND d.expires_at > $5 ORDER BY d.created_at DESC, d.id DESC LIMIT 1`,
		s.UserID, DeviceNew, s.AccountID, s.Key.Binding, micros(db.now()))
	return r, about("device request", err)
}

// workingDevice is the condition that a request of a sign-in still works, for
// the user, account, epoch and time in $1 to $4.
const workingDevice = `user_id = $1 AND account_id = $2 AND epoch = $3 AND kind = '` + DeviceNew + `'
	AND ended_at IS NULL AND used_at IS NULL AND expires_at > $4`

// TakeUpDeviceRequest moves the user's request, if it works, from another
// sign-in of the same browser to this one, where it then belongs alone. older
// are hashes of the bindings that the browser has besides. It fails with
// ErrNotFound if there is none, or ErrConflict like [DB.SaveProgress].
func (db *DB) TakeUpDeviceRequest(ctx context.Context, s SignIn, older []string) (SignIn, error) {
	step, err := db.advance(s)
	if err != nil {
		return SignIn{}, err
	}
	args := []any{s.UserID, s.AccountID, s.Epoch, micros(db.now()), s.Key.Binding}
	bound := "$5"
	for _, b := range older {
		args = append(args, b)
		bound += ", $" + strconv.Itoa(len(args))
	}
	ours := ` WHERE ` + workingDevice + ` AND binding IN (` + bound + `)`
	won, err := db.guard(ctx, guarded{text: `UPDATE device_requests SET binding = $5` + ours, args: args, riders: []rider{step}})
	if err == nil && !won {
		err = db.why(ctx, ErrConflict, ErrNotFound, `SELECT count(*) FROM device_requests`+ours, args...)
	}
	return s.advanced(won, err)
}

// DeviceUse is an approval that a sign-in goes on with.
type DeviceUse struct {
	SignIn    SignIn // as read, with the progress that the approval leads to
	RequestID string
	Event     audit.Event
}

// UseDeviceRequest spends an approval and stores how the sign-in goes on. It
// fails with ErrSpent if it was used before, and with ErrConflict if it is not
// approved, doesn't belong to this sign-in, or works no more.
func (db *DB) UseDeviceRequest(ctx context.Context, u DeviceUse) (SignIn, error) {
	s := u.SignIn
	step, err := db.advance(s)
	if err != nil {
		return SignIn{}, err
	}
	u.Event.Detail = map[string]string{"request": u.RequestID}
	won, err := db.guard(ctx, guarded{
		text:   `UPDATE device_requests SET used_at = $4, ended_at = $4 WHERE ` + workingDevice + ` AND id = $5 AND binding = $6 AND approved`,
		args:   []any{s.UserID, s.AccountID, s.Epoch, micros(db.now()), u.RequestID, s.Key.Binding},
		riders: []rider{step, ride(db.event(u.Event))},
	})
	if err == nil && !won {
		err = db.why(ctx, ErrSpent, ErrConflict, `SELECT count(*) FROM device_requests
			WHERE user_id = $1 AND account_id = $2 AND id = $3 AND binding = $4 AND used_at IS NOT NULL`, s.UserID, s.AccountID, u.RequestID, s.Key.Binding)
	}
	return s.advanced(won, err)
}

// DeviceRequests lists an account's requests: the open ones, then those decided
// in the last seven days, each newest first; those after the one of an id, at
// most limit.
func (db *DB) DeviceRequests(ctx context.Context, accountID, after string, limit int) ([]DeviceRequest, error) {
	now := db.now()
	const open = `CASE WHEN d.decided_at IS NULL THEN 1 ELSE 0 END`
	return many(ctx, db.reader, scanDeviceRequest, `SELECT `+deviceColumns+` WHERE d.account_id = $1
		AND (d.decided_at > $2 OR d.decided_at IS NULL AND d.ended_at IS NULL AND d.expires_at > $3 AND u.disabled_at IS NULL
			AND (d.kind = '`+DeviceReset+`' OR d.epoch = u.epoch))
		AND ($4 = '' OR (`+open+`, d.id) < (SELECT CASE WHEN x.decided_at IS NULL THEN 1 ELSE 0 END, x.id
			FROM device_requests x WHERE x.account_id = $1 AND x.id = $4))
		ORDER BY `+open+` DESC, d.id DESC LIMIT $5`, accountID, micros(now.Add(-deviceShown)), micros(now), after, limit)
}

// DeviceRequest returns one of an account's requests. It fails with ErrNotFound.
func (db *DB) DeviceRequest(ctx context.Context, accountID, id string) (DeviceRequest, error) {
	r, err := deviceRequest(ctx, db.reader, accountID, id)
	return r, about("device request", err)
}

// DecideDeviceRequest approves or refuses an open request, once. Approving a
// reset does it in the same transaction, see [DB.ResetAuthenticator]. Whether
// the actor may decide is the caller's to know, but nobody decides for himself:
// [ErrOwnRequest]. It fails with ErrNotFound for a request of another account,
// and, with the request, with ErrSpent if somebody decided before or it is over.
func (db *DB) DecideDeviceRequest(ctx context.Context, accountID, id string, approve bool, by audit.Actor, mails ...Mail) (DeviceRequest, error) {
	r, err := writing(ctx, db, func(tx *sql.Tx) (DeviceRequest, error) {
		r, err := deviceRequest(ctx, tx, accountID, id)
		if err != nil {
			return r, err
		}
		if who := actorName(by); who == r.UserID || who == r.AskedBy {
			return r, ErrOwnRequest
		}
		if err := db.decideDevice(ctx, tx, r, approve, by, mails); err != nil {
			return r, err
		}
		return deviceRequest(ctx, tx, accountID, id)
	})
	if errors.Is(err, ErrSpent) {
		if now, failed := deviceRequest(ctx, db.reader, accountID, id); failed == nil {
			r = now // as whoever was faster left it
		}
	}
	return r, about("device request", err)
}

func (db *DB) decideDevice(ctx context.Context, tx *sql.Tx, r DeviceRequest, approve bool, by audit.Actor, mails []Mail) error {
	kind, reset := audit.DeviceRefused, approve && r.Kind == DeviceReset
	if approve {
		kind = audit.DeviceApproved
	}
	var user User
	if reset { // before the request: see the order of locks
		var err error
		if user, err = db.lockUser(ctx, tx, r.UserID); err != nil {
			return err
		}
	}
	n, err := run(ctx, tx, `UPDATE device_requests SET decided_by = $1, decided_at = $2, approved = $3, ended_at = $4
		WHERE account_id = $5 AND id = $6 AND decided_at IS NULL AND ended_at IS NULL AND expires_at > $2
		AND (kind = '`+DeviceReset+`' OR epoch = (SELECT u.epoch FROM users u WHERE u.id = device_requests.user_id AND u.disabled_at IS NULL))`,
		actorName(by), micros(db.now()), approve, deviceEnd(r, approve, db.now()), r.AccountID, r.ID)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrSpent
	}
	event := deviceEvent(kind, r, by)
	if !reset {
		return db.tell(ctx, tx, event, mails)
	}
	if err := db.event(event).add(ctx, tx); err != nil {
		return err
	}
	err = db.resetAuthenticator(ctx, tx, user, by, mails)
	if errors.Is(err, ErrNotFound) {
		err = ErrSpent // it is gone already
	}
	return err
}

// deviceEnd is when a request that is decided now ends: an approval of a sign-in
// is still to be used.
func deviceEnd(r DeviceRequest, approve bool, now time.Time) any {
	if approve && r.Kind == DeviceNew {
		return nil
	}
	return micros(now)
}

func deviceRequest(ctx context.Context, q queryer, accountID, id string) (DeviceRequest, error) {
	return one(ctx, q, scanDeviceRequest, `SELECT `+deviceColumns+` WHERE d.account_id = $1 AND d.id = $2`, accountID, id)
}

func deviceEvent(kind audit.Kind, r DeviceRequest, by audit.Actor) audit.Event {
	return audit.Event{Kind: kind, Actor: by, AccountID: r.AccountID, SubjectID: r.UserID, Reason: r.Kind, Detail: deviceDetail(r)}
}

func deviceDetail(r DeviceRequest) map[string]string {
	detail := map[string]string{"request": r.ID}
	if r.Label != "" {
		detail["label"] = r.Label
	}
	return detail
}

// deviceColumns are the columns of a request and its user, and their tables.
const deviceColumns = `d.id, d.account_id, d.user_id, d.label, d.kind, d.asked_by, d.network, d.user_agent, d.created_at, d.expires_at,
	d.decided_by, d.decided_at, d.approved, d.used_at, d.ended_at, d.kind = '` + DeviceNew + `' AND d.epoch <> u.epoch, u.email, u.name,
	COALESCE((SELECT w.name FROM users w WHERE w.id = d.decided_by), '')
	FROM device_requests d JOIN users u ON u.id = d.user_id`

func scanDeviceRequest(r row) (d DeviceRequest, err error) {
	return d, r.Scan(&d.ID, &d.AccountID, &d.UserID, &d.Label, &d.Kind, &d.AskedBy, &d.Network, &d.UserAgent, atTime(&d.CreatedAt), atTime(&d.ExpiresAt),
		&d.DecidedBy, atNullTime(&d.DecidedAt), &d.Approved, atNullTime(&d.UsedAt), atNullTime(&d.EndedAt), &d.Outdated, &d.Email, &d.Name, &d.Decider)
}
