package factor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"

	"stile/seal"
)

// Floor of the work for one password. Configuration may raise it.
const (
	FloorMemory uint32 = 19456 // KiB
	FloorTime   uint32 = 2     // passes over the memory
)

// Bounds on what counts as a password at all.
const (
	MaxPasswordRunes = 256
	MaxPasswordBytes = 1024
)

// ErrDamaged says that a stored record is of no known form. The check has
// failed and did the same work as any; log it with the id of the user, and show
// the user what a wrong password shows.
var ErrDamaged = errors.New("factor: the stored password record is damaged or of an unknown kind: set a new password for this user")

// pepper names the key of the keyed hash before Argon2id, in front of every record.
const pepper = "pepper-1"

// record is the form of what is stored: the name of the pepper, then a PHC
// string of Argon2id with a salt of 16 bytes and a tag of 32.
var record = regexp.MustCompile(`^` + pepper + `(\$argon2id\$v=19\$m=([1-9][0-9]{0,7}),t=([1-9][0-9]{0,2}),p=([1-9])\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43})$`)

// Bounds on the work that a stored record can ask for, whatever it says.
const (
	maxMemory uint32 = 1 << 20 // KiB
	maxTime   uint32 = 64
)

// PasswordOptions say how much work a password takes. Zero values are defaults.
type PasswordOptions struct {
	Memory  uint32           // KiB; at least FloorMemory
	Time    uint32           // passes; at least FloorTime
	Workers int              // hashes at once; default: one a processor, in a quarter of GOMEMLIMIT
	Queue   time.Duration    // most work that may wait; default 2 s
	Now     func() time.Time // measures the work; without it the work is estimated
	Common  []string         // further passwords that nobody may choose

	// BelowFloor makes passwords and recovery codes as cheap as can be unless
	// Memory and Time say otherwise. It is for tests.
	BelowFloor bool
}

// Passwords checks passwords and recovery codes, as many at once as memory
// allows. It is safe for concurrent use. No database connection should be held
// while it works.
type Passwords struct {
	hasher   *seal.Hasher
	params   argon2id.Params
	pool     *pool
	dummy    string // record of a password that nobody knows
	common   map[string]bool
	recovery recoveryWork
}

// NewPasswords returns a checker whose records are bound to the hasher's
// pepper. It makes one hash at once, and so knows what that costs here.
func NewPasswords(h *seal.Hasher, o PasswordOptions) (*Passwords, error) {
	least := argon2id.Params{Memory: FloorMemory, Iterations: FloorTime}
	work := recoveryWork{memory: recoveryMemory, time: recoveryTime}
	if o.BelowFloor {
		least = argon2id.Params{Memory: 8, Iterations: 1}
		work = recoveryWork{memory: 8, time: 1}
	}
	o.Memory = cmp.Or(o.Memory, least.Memory)
	o.Time = cmp.Or(o.Time, least.Iterations)
	o.Queue = cmp.Or(o.Queue, 2*time.Second)
	o.Workers = cmp.Or(o.Workers, workersFor(o.Memory))
	if o.Memory < least.Memory || o.Time < least.Iterations {
		return nil, fmt.Errorf("factor: Argon2id with %d KiB and %d passes is too little: use at least %d and %d", o.Memory, o.Time, least.Memory, least.Iterations)
	}
	if o.Memory > maxMemory || o.Time > maxTime {
		return nil, fmt.Errorf("factor: Argon2id with %d KiB and %d passes is too much: use at most %d and %d", o.Memory, o.Time, maxMemory, maxTime)
	}
	p := &Passwords{
		hasher:   h,
		params:   argon2id.Params{Memory: o.Memory, Iterations: o.Time, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		pool:     newPool(o.Workers, o.Queue, estimate(o.Memory, o.Time), o.Now),
		common:   map[string]bool{},
		recovery: work,
	}
	for _, word := range o.Common {
		p.common[fold(word)] = true
	}
	began := p.clock()
	var err error
	if p.dummy, err = p.make(rand.Text()); err != nil {
		return nil, err
	}
	if took := p.clock().Sub(began); took > 0 {
		p.pool.cost = min(took, p.pool.queue)
	}
	return p, nil
}

// estimate says what a hash costs on an ordinary server, for want of a clock.
func estimate(memory, passes uint32) time.Duration {
	return time.Duration(memory) * time.Duration(passes) * time.Microsecond
}

func (p *Passwords) clock() time.Time {
	if p.pool.now == nil {
		return time.Time{}
	}
	return p.pool.now()
}

// Cost says what one password costs here, from the hashes so far.
func (p *Passwords) Cost() time.Duration {
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	return p.pool.cost
}

// Check tells whether the password is the one of the stored record. An empty
// record, of a user who is unknown or has no password, takes the same work and
// is never right. If the record is weaker than the present setting, rehash is
// the one to store in its place.
//
// It fails with [ErrBusy], the context's error, [ErrDamaged], or a *[Rejection]
// of a password that is too long for anybody.
func (p *Passwords) Check(ctx context.Context, stored, password string) (ok bool, rehash string, err error) {
	if err := tooLong(password); err != nil {
		return false, "", err
	}
	phc, params, readErr := p.read(stored)
	if stored == "" || readErr != nil {
		phc, params, _ = p.read(p.dummy)
	}
	busy := p.pool.do(ctx, 1, func() { ok, err = argon2id.ComparePasswordAndHash(p.pepper(password), phc) })
	switch {
	case busy != nil:
		return false, "", busy
	case stored == "":
		return false, "", nil
	case readErr != nil || err != nil:
		return false, "", ErrDamaged
	}
	if ok && p.stronger(params) {
		rehash, _ = p.hash(ctx, password) // when busy, the next sign-in renews it
	}
	return ok, rehash, nil
}

// Hash returns the record to store for a new password. It fails like [Passwords.Check],
// and with a *[Rejection] of what is no text; [Passwords.Judge] it first.
func (p *Passwords) Hash(ctx context.Context, password string) (stored string, err error) {
	if err := tooLong(password); err != nil {
		return "", err
	}
	if err := noText(password); err != nil {
		return "", err
	}
	return p.hash(ctx, password)
}

func (p *Passwords) hash(ctx context.Context, password string) (stored string, err error) {
	if busy := p.pool.do(ctx, 1, func() { stored, err = p.make(password) }); busy != nil {
		return "", busy
	}
	return stored, err
}

func (p *Passwords) make(password string) (string, error) {
	phc, err := argon2id.CreateHash(p.pepper(password), &p.params)
	return pepper + phc, err
}

// pepper returns the keyed hash of the password in its normal form, so that it
// doesn't matter how a keyboard puts an accent together.
func (p *Passwords) pepper(password string) string {
	return string(p.hasher.Sum(seal.HashPepper, norm.NFKC.String(password)))
}

// read returns the PHC string of a stored record and what it asks for.
func (p *Passwords) read(stored string) (phc string, params argon2id.Params, err error) {
	m := record.FindStringSubmatch(stored)
	if m == nil {
		return "", params, ErrDamaged
	}
	memory, _ := strconv.ParseUint(m[2], 10, 32) // digits only, few enough
	passes, _ := strconv.ParseUint(m[3], 10, 32)
	lanes, _ := strconv.ParseUint(m[4], 10, 8)
	params = argon2id.Params{Memory: uint32(memory), Iterations: uint32(passes), Parallelism: uint8(lanes)}
	if params.Memory > maxMemory || params.Iterations > maxTime {
		return "", params, ErrDamaged
	}
	return m[1], params, nil
}

// stronger tells whether the present setting is stronger than a record's.
func (p *Passwords) stronger(than argon2id.Params) bool {
	return than.Memory < p.params.Memory || than.Iterations < p.params.Iterations
}

// fold is the form in which passwords and words are compared with lists.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }
