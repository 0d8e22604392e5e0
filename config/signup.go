package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"stile/address"
)

// SignUp holds the account, by name or id, of each e-mail domain whose people may
// sign up.
type SignUp map[string]string

// Canonical returns the map with domains in the form of package address. What is
// no domain is left out: [Config.Validate] refuses it.
func (s SignUp) Canonical() map[string]string {
	all := map[string]string{}
	for written, account := range s {
		if domain, err := address.Domain(written); err == nil {
			all[domain] = account
		}
	}
	return all
}

func (c *Config) checkSignUp(check func(string, error)) {
	first := map[string]string{}
	for _, written := range slices.Sorted(maps.Keys(c.SignUp)) {
		key := "sign_up"
		if _, placed := c.origins[join(key, written)]; placed {
			key = join(key, written)
		}
		domain, err := address.Domain(written)
		if other, twice := first[domain]; err == nil && twice {
			err = fmt.Errorf("%q and %q are the same domain: remove one", other, written)
		}
		if err == nil && c.SignUp[written] == "" {
			err = errors.New("names no account: write its name or id, or remove the line")
		}
		check(key, err)
		first[domain] = written
	}
}
