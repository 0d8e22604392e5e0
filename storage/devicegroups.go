package storage

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"stile/audit"
	"stile/device"
)

// DeviceGroup is a set of an account's managed devices.
type DeviceGroup struct {
	ID        string
	AccountID string
	device.Group
	CreatedAt time.Time
}

const deviceGroupColumns = `id, account_id, name, client_version, client_build, created_at`

func scanDeviceGroup(r row) (g DeviceGroup, err error) {
	var version string
	var build int
	if err := r.Scan(&g.ID, &g.AccountID, &g.Name, &version, &build, atTime(&g.CreatedAt)); err != nil {
		return g, err
	}
	g.Has, err = device.Parse(version, build)
	return g, err
}

// SaveDeviceGroup makes a device group, or changes the one of this ID. An empty
// ID is filled in. A group may fall below what the account's policy requires:
// the policy looks when it is turned on. It fails with [FullError] if the account
// has [MaxPerAccount].
func (db *DB) SaveDeviceGroup(ctx context.Context, g DeviceGroup, by audit.Actor) (DeviceGroup, error) {
	return writing(ctx, db, func(tx *sql.Tx) (DeviceGroup, error) {
		saved, err := db.saveDeviceGroup(ctx, tx, g, by)
		if err == nil && g.ID == "" {
			err = fits(ctx, tx, g.AccountID, KindDeviceGroup)
		}
		return saved, err
	})
}

func (db *DB) saveDeviceGroup(ctx context.Context, tx *sql.Tx, g DeviceGroup, by audit.Actor) (DeviceGroup, error) {
	if err := checkName("device group", g.Name); err != nil {
		return DeviceGroup{}, err
	}
	if _, err := device.Parse(g.Has.Text(), g.Has.Build); err != nil {
		return DeviceGroup{}, fmt.Errorf("device group %q: %w", g.Name, err)
	}
	if _, err := db.lockAccount(ctx, tx, g.AccountID); err != nil {
		return DeviceGroup{}, err
	}
	now, reason := db.now(), updated
	var err error
	if g.ID == "" {
		g.ID, g.CreatedAt, reason = randomID(), now, created
		err = insert{
			table: "device_groups", columns: deviceGroupColumns + ", updated_at",
			values: []any{g.ID, g.AccountID, g.Name, g.Has.Text(), g.Has.Build, micros(now), micros(now)},
		}.add(ctx, tx)
	} else {
		g.CreatedAt, err = one(ctx, tx, func(r row) (t time.Time, err error) { return t, r.Scan(atTime(&t)) },
			`UPDATE device_groups SET name = $3, client_version = $4, client_build = $5, updated_at = $6
			WHERE id = $1 AND account_id = $2 RETURNING created_at`, g.ID, g.AccountID, g.Name, g.Has.Text(), g.Has.Build, micros(now))
	}
	if err == nil {
		err = db.deviceGroupEvent(g, reason, by).add(ctx, tx)
	}
	return g, db.unique(err, "device group %q", g.Name)
}

// UpdateDeviceGroup changes the name or version of a device group of an account.
// change may run more than once. Nothing is written when nothing changes.
func (db *DB) UpdateDeviceGroup(ctx context.Context, accountID, id string, change func(*DeviceGroup) error, by audit.Actor) (DeviceGroup, error) {
	return writing(ctx, db, func(tx *sql.Tx) (DeviceGroup, error) {
		if _, err := db.lockAccount(ctx, tx, accountID); err != nil {
			return DeviceGroup{}, fmt.Errorf("device group %q: %w", id, err)
		}
		old, err := deviceGroup(ctx, tx, accountID, id)
		if err != nil {
			return DeviceGroup{}, err
		}
		g := old
		if err := change(&g); err != nil {
			return DeviceGroup{}, err
		}
		g.ID, g.AccountID, g.CreatedAt = old.ID, old.AccountID, old.CreatedAt
		if g.Name == old.Name && g.Has.String() == old.Has.String() {
			return old, nil
		}
		return db.saveDeviceGroup(ctx, tx, g, by)
	})
}

// DeleteDeviceGroup removes a device group. seen, if there is one, looks at it
// before, and may refuse.
func (db *DB) DeleteDeviceGroup(ctx context.Context, accountID, id string, seen func(DeviceGroup) error, by audit.Actor) error {
	return db.write(ctx, func(tx *sql.Tx) error { return db.deleteDeviceGroup(ctx, tx, accountID, id, seen, by) })
}

func (db *DB) deleteDeviceGroup(ctx context.Context, tx *sql.Tx, accountID, id string, seen func(DeviceGroup) error, by audit.Actor) error {
	if _, err := db.lockAccount(ctx, tx, accountID); err != nil {
		return err
	}
	g, err := deviceGroup(ctx, tx, accountID, id)
	if err == nil && seen != nil {
		err = seen(g)
	}
	if err != nil {
		return err
	}
	if _, err = run(ctx, tx, `DELETE FROM device_groups WHERE id = $1`, id); err == nil {
		err = db.deviceGroupEvent(g, deleted, by).add(ctx, tx)
	}
	return db.unique(err, "device group %q", id)
}

func deviceGroup(ctx context.Context, q queryer, accountID, id string) (DeviceGroup, error) {
	g, err := one(ctx, q, scanDeviceGroup, `SELECT `+deviceGroupColumns+` FROM device_groups WHERE id = $1 AND account_id = $2`, id, accountID)
	if err != nil {
		return DeviceGroup{}, fmt.Errorf("device group %q: %w", id, err)
	}
	return g, nil
}

// DeviceGroups lists an account's device groups by name.
func (db *DB) DeviceGroups(ctx context.Context, accountID string) ([]DeviceGroup, error) {
	return deviceGroups(ctx, db.reader, accountID)
}

func deviceGroups(ctx context.Context, q queryer, accountID string) ([]DeviceGroup, error) {
	return many(ctx, q, scanDeviceGroup, `SELECT `+deviceGroupColumns+` FROM device_groups WHERE account_id = $1 ORDER BY name`, accountID)
}

func (db *DB) deviceGroupEvent(g DeviceGroup, reason string, by audit.Actor) insert {
	detail := map[string]string{"device_group": g.ID}
	if reason != deleted {
		detail["version"] = g.Has.String()
	}
	return db.event(audit.Event{Kind: audit.DeviceGroupChanged, Actor: by, AccountID: g.AccountID, Reason: reason, Detail: detail})
}
