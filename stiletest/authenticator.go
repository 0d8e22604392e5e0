package stiletest

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// Authenticator is an authenticator app with one key. It gives each code once,
// and as early as the provider takes it: the codes of the step before, of the
// present step and of the next are all good, so that a test need rarely wait.
type Authenticator struct {
	t    testing.TB
	key  string
	now  func() time.Time
	last int64 // step of the last code that was given
	// Wait lets time pass until the next code. A test whose clock can be put
	// forward puts it forward here.
	Wait func(time.Duration)
}

const period = 30 // seconds, RFC 6238

// margin is how many seconds a code is good for at least when it is given: on a
// busy machine a while goes by until it is entered.
const margin = 15

// NewAuthenticator returns an app that holds a key, which may be in groups.
func NewAuthenticator(t testing.TB, key string, now func() time.Time) *Authenticator {
	t.Helper()
	return &Authenticator{t: t, key: strings.ReplaceAll(key, " ", ""), now: now, Wait: func(d time.Duration) { <-time.After(d) }}
}

// Code returns the oldest code that is good for a while and was not given
// before. It waits for the clock if all of them were given.
func (a *Authenticator) Code() string {
	a.t.Helper()
	step := max(a.last+1, (a.now().Unix()+margin)/period-1)
	for a.now().Unix()/period+1 < step {
		a.Wait(time.Unix((step-1)*period, 0).Sub(a.now()))
	}
	a.last = step
	return a.At(step)
}

// At returns the code of a step.
func (a *Authenticator) At(step int64) string {
	a.t.Helper()
	code, err := totp.GenerateCode(a.key, time.Unix(step*period, 0))
	if err != nil {
		a.t.Fatalf("key %q: %v", a.key, err)
	}
	return code
}

// Last returns the step of the code that was given last.
func (a *Authenticator) Last() int64 { return a.last }

// Key returns the key in Base32.
func (a *Authenticator) Key() string { return a.key }

// Spend notes that a code was given by another program with the same key.
func (a *Authenticator) Spend(code string) {
	a.t.Helper()
	for step := a.now().Unix()/period - 1; step <= a.now().Unix()/period+1; step++ {
		if a.At(step) == code {
			a.last = max(a.last, step)
			return
		}
	}
	a.t.Fatalf("code %s is none of the present ones", code)
}
