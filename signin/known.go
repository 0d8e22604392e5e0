package signin

import (
	"crypto/rand"
	"time"

	"stile/seal"
)

// KnownAge is how long a browser counts as known after its last sign-in.
const KnownAge = 180 * 24 * time.Hour

// maxKnown bounds how many people one browser knows; beyond, the one who
// signed in longest ago is forgotten.
const maxKnown = 16

// Known is what the known cookie holds: the name of a browser, and who has
// completed a sign-in in it. It only chooses which limit counts an attempt; it
// proves nothing. People are keyed hashes of their addresses, so the cookie
// tells nobody who they are.
type Known struct {
	Browser string           `json:"b,omitempty"`
	People  map[string]int64 `json:"p,omitempty"` // by when it ends, in seconds
	Opened  map[string]int64 `json:"o,omitempty"` // the same of who has opened a link here that was sent to the address
}

// here returns the browser's name if this person is known in it, else "".
func (k Known) here(person string, now time.Time) string {
	if until, ok := k.People[person]; ok && now.Unix() < until {
		return k.Browser
	}
	return ""
}

// openedAge is how long a link that was opened lets a browser try passwords.
const openedAge = time.Hour

// opened returns the browser's name if a link for this person was opened in it
// lately, else "".
func (k Known) opened(person string, now time.Time) string {
	if until, ok := k.Opened[person]; ok && now.Unix() < until {
		return k.Browser
	}
	return ""
}

// Opened returns the cookie after a link was opened that was sent to an address.
func (s *Service) Opened(k Known, email string) Known {
	if k.Browser == "" {
		k.Browser = rand.Text()
	}
	k.Opened = map[string]int64{s.addressKey(email): s.now().Add(openedAge).Unix()} // one is enough
	return k
}

// with returns the cookie after this person has completed a sign-in.
func (k Known) with(person string, now time.Time) Known {
	next := Known{Browser: k.Browser, People: map[string]int64{person: now.Add(KnownAge).Unix()}}
	if next.Browser == "" {
		next.Browser = rand.Text()
	}
	for p, until := range k.People {
		if p != person && now.Unix() < until {
			next.People[p] = until
		}
	}
	for len(next.People) > maxKnown {
		oldest := person
		for p, until := range next.People {
			if until < next.People[oldest] {
				oldest = p
			}
		}
		delete(next.People, oldest)
	}
	return next
}

// addressKey is what limits and known browsers call an address: unknown
// addresses have one like all others.
func (s *Service) addressKey(canonical string) string {
	return s.hasher.Text(seal.HashAddress, canonical)
}
