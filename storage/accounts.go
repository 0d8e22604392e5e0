package storage

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"stile/audit"
)

// What a change to a record was, as the reason of its event.
const (
	created = "created"
	updated = "updated"
	deleted = "deleted"
	erased  = "erased" // by the user
)

// CreateAccount makes an account and its policy, with two-step verification
// optional. An empty ID is filled in.
func (db *DB) CreateAccount(ctx context.Context, a Account, by audit.Actor) (Account, error) {
	return writing(ctx, db, func(tx *sql.Tx) (Account, error) { return db.createAccount(ctx, tx, a, by) })
}

func (db *DB) createAccount(ctx context.Context, tx *sql.Tx, a Account, by audit.Actor) (Account, error) {
	if err := a.check(); err != nil {
		return Account{}, err
	}
	if a.ID == "" {
		a.ID = randomID()
	}
	a.CreatedAt = db.now()
	now := micros(a.CreatedAt)
	err := insert{
		table: "accounts", columns: "id, name, language, time_zone, suspended_at, created_at, updated_at",
		values: []any{a.ID, a.Name, a.Language, a.TimeZone, nullMicros(a.SuspendedAt), now, now},
	}.add(ctx, tx)
	if err == nil {
		err = insert{
			table: "policies", columns: "account_id, version, settings, updated_at",
			values: []any{a.ID, 1, asJSON(Policy{}), now},
		}.add(ctx, tx)
	}
	if err == nil {
		err = db.event(audit.Event{Kind: audit.AccountChanged, Actor: by, AccountID: a.ID, Reason: created}).add(ctx, tx)
	}
	return a, db.unique(err, "account %q", a.Name)
}

func (a Account) check() error {
	if err := checkName("account", a.Name); err != nil {
		return err
	}
	return checkPlace(a.Language, a.TimeZone)
}

// UpdateAccount changes name, language, time zone and suspension. change may
// run more than once.
func (db *DB) UpdateAccount(ctx context.Context, id string, change func(*Account) error, by audit.Actor) (Account, error) {
	return writing(ctx, db, func(tx *sql.Tx) (Account, error) { return db.updateAccount(ctx, tx, id, change, by) })
}

func (db *DB) updateAccount(ctx context.Context, tx *sql.Tx, id string, change func(*Account) error, by audit.Actor) (Account, error) {
	old, err := db.lockAccount(ctx, tx, id)
	if err != nil {
		return Account{}, err
	}
	a := old
	if err := change(&a); err != nil {
		return Account{}, err
	}
	a.ID, a.CreatedAt = old.ID, old.CreatedAt
	if err := a.check(); err != nil {
		return Account{}, err
	}
	fields := changedFields(map[string]bool{
		"name": a.Name != old.Name, "language": a.Language != old.Language,
		"time_zone": a.TimeZone != old.TimeZone, "suspended": (a.SuspendedAt == nil) != (old.SuspendedAt == nil),
	})
	if fields == "" {
		return old, nil
	}
	_, err = run(ctx, tx, `UPDATE accounts SET name = $2, language = $3, time_zone = $4, suspended_at = $5 WHERE id = $1`,
		a.ID, a.Name, a.Language, a.TimeZone, nullMicros(a.SuspendedAt))
	if err == nil {
		err = db.event(audit.Event{
			Kind: audit.AccountChanged, Actor: by, AccountID: a.ID, Reason: updated,
			Detail: map[string]string{"fields": fields},
		}).add(ctx, tx)
	}
	return a, db.unique(err, "account %q", a.Name)
}

// DeleteAccount removes an account with everything in it: users, products,
// device groups, clients and what they hold. The audit log keeps its lines.
func (db *DB) DeleteAccount(ctx context.Context, id string, by audit.Actor) error {
	return db.write(ctx, func(tx *sql.Tx) error { return db.deleteAccount(ctx, tx, id, by) })
}

func (db *DB) deleteAccount(ctx context.Context, tx *sql.Tx, id string, by audit.Actor) error {
	n, err := run(ctx, tx, `DELETE FROM accounts WHERE id = $1`, id)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err == nil {
		err = db.event(audit.Event{Kind: audit.AccountChanged, Actor: by, AccountID: id, Reason: deleted}).add(ctx, tx)
	}
	if err != nil {
		return fmt.Errorf("account %q: %w", id, err)
	}
	return nil
}

// Account finds an account by its id or, failing that, its name.
func (db *DB) Account(ctx context.Context, idOrName string) (Account, error) {
	return db.account(ctx, db.reader, idOrName)
}

func (db *DB) account(ctx context.Context, q queryer, idOrName string) (Account, error) {
	a, err := one(ctx, q, scanAccount, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1 OR a.name = $1
		ORDER BY CASE WHEN a.id = $1 THEN 0 ELSE 1 END LIMIT 1`, idOrName)
	if err != nil {
		return Account{}, fmt.Errorf("account %q: %w", idOrName, err)
	}
	return a, nil
}

// Accounts lists accounts by name, those after a name, at most limit.
func (db *DB) Accounts(ctx context.Context, after string, limit int) ([]Account, error) {
	return many(ctx, db.reader, scanAccount, `SELECT `+accountColumns+` FROM accounts a WHERE a.name > $1 ORDER BY a.name LIMIT $2`, after, limit)
}

// lockAccount returns an account and holds back everyone else who changes what
// it has set up, until the transaction ends. Reading goes on. What it protects
// is read after it, so that it is seen as the one before left it.
func (db *DB) lockAccount(ctx context.Context, tx *sql.Tx, id string) (Account, error) {
	if _, err := run(ctx, tx, `UPDATE accounts SET updated_at = $2 WHERE id = $1`, id, micros(db.now())); err != nil {
		return Account{}, err
	}
	a, err := one(ctx, tx, scanAccount, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1`, id)
	if err != nil {
		return Account{}, fmt.Errorf("account %q: %w", id, err)
	}
	return a, nil
}

// Product is something that an account has bought.
type Product struct {
	ID        string
	AccountID string
	Name      string // unique in the account
	CreatedAt time.Time
}

const productColumns = `id, account_id, name, created_at`

func scanProduct(r row) (p Product, err error) {
	return p, r.Scan(&p.ID, &p.AccountID, &p.Name, atTime(&p.CreatedAt))
}

// CreateProduct gives an account a product. An empty ID is filled in. It fails
// with [FullError] if the account has [MaxPerAccount].
func (db *DB) CreateProduct(ctx context.Context, p Product, by audit.Actor) (Product, error) {
	return writing(ctx, db, func(tx *sql.Tx) (Product, error) {
		made, err := db.createProduct(ctx, tx, p, by)
		if err == nil {
			err = fits(ctx, tx, p.AccountID, KindProduct)
		}
		return made, err
	})
}

func (db *DB) createProduct(ctx context.Context, tx *sql.Tx, p Product, by audit.Actor) (Product, error) {
	if err := checkName("product", p.Name); err != nil {
		return Product{}, err
	}
	if _, err := db.lockAccount(ctx, tx, p.AccountID); err != nil {
		return Product{}, err
	}
	if p.ID == "" {
		p.ID = randomID()
	}
	p.CreatedAt = db.now()
	err := insert{table: "products", columns: productColumns, values: []any{p.ID, p.AccountID, p.Name, micros(p.CreatedAt)}}.add(ctx, tx)
	if err == nil {
		err = db.productEvent(p, created, by).add(ctx, tx)
	}
	return p, db.unique(err, "product %q", p.Name)
}

// UpdateProduct gives a product of an account another name. change may run more
// than once. Nothing is written when nothing changes.
func (db *DB) UpdateProduct(ctx context.Context, accountID, id string, change func(*Product) error, by audit.Actor) (Product, error) {
	return writing(ctx, db, func(tx *sql.Tx) (Product, error) {
		if _, err := db.lockAccount(ctx, tx, accountID); err != nil {
			return Product{}, fmt.Errorf("product %q: %w", id, err)
		}
		old, err := product(ctx, tx, accountID, id)
		if err != nil {
			return Product{}, err
		}
		p := old
		if err := change(&p); err != nil {
			return Product{}, err
		}
		if p.Name == old.Name {
			return old, nil
		}
		if err := checkName("product", p.Name); err != nil {
			return Product{}, err
		}
		old.Name = p.Name
		if _, err = run(ctx, tx, `UPDATE products SET name = $2 WHERE id = $1`, id, p.Name); err == nil {
			err = db.productEvent(old, updated, by).add(ctx, tx)
		}
		return old, db.unique(err, "product %q", p.Name)
	})
}

func product(ctx context.Context, q queryer, accountID, id string) (Product, error) {
	p, err := one(ctx, q, scanProduct, `SELECT `+productColumns+` FROM products WHERE id = $1 AND account_id = $2`, id, accountID)
	if err != nil {
		return Product{}, fmt.Errorf("product %q: %w", id, err)
	}
	return p, nil
}

// DeleteProduct takes a product, and all seats of it, from an account. It fails
// with ErrInUse while the policy names it: without the name the policy could
// cover others than before. seen, if there is one, looks at the product before,
// and may refuse.
func (db *DB) DeleteProduct(ctx context.Context, accountID, id string, seen func(Product) error, by audit.Actor) error {
	return db.write(ctx, func(tx *sql.Tx) error { return db.deleteProduct(ctx, tx, accountID, id, seen, by) })
}

func (db *DB) deleteProduct(ctx context.Context, tx *sql.Tx, accountID, id string, seen func(Product) error, by audit.Actor) error {
	state, err := db.lockState(ctx, tx, accountID)
	if err != nil {
		return err
	}
	p, err := product(ctx, tx, accountID, id)
	if err == nil && seen != nil {
		err = seen(p)
	}
	if err != nil {
		return err
	}
	if slices.Contains(state.Policy.Products, id) {
		return fmt.Errorf("product %q: %w: take it out of the account's policy first", id, ErrInUse)
	}
	if _, err = run(ctx, tx, `DELETE FROM products WHERE id = $1`, id); err == nil {
		err = db.productEvent(p, deleted, by).add(ctx, tx)
	}
	return db.unique(err, "product %q", id)
}

// Products lists an account's products by name.
func (db *DB) Products(ctx context.Context, accountID string) ([]Product, error) {
	return products(ctx, db.reader, accountID)
}

func products(ctx context.Context, q queryer, accountID string) ([]Product, error) {
	return many(ctx, q, scanProduct, `SELECT `+productColumns+` FROM products WHERE account_id = $1 ORDER BY name`, accountID)
}

func (db *DB) productEvent(p Product, reason string, by audit.Actor) insert {
	return db.event(audit.Event{
		Kind: audit.ProductChanged, Actor: by, AccountID: p.AccountID, Reason: reason,
		Detail: map[string]string{"product": p.ID},
	})
}

// changedFields names what is marked, in order, for the detail of an event.
func changedFields(marked map[string]bool) string {
	var names []string
	for name, changed := range marked {
		if changed {
			names = append(names, name)
		}
	}
	return strings.Join(sorted(names), " ")
}
