package op

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"stile/audit"
	"stile/seal"
	"stile/storage"
)

// nobody is the stored hash that the secret of an unknown or public client is
// compared with.
var nobody = seal.HashToken("nobody")

// authenticate returns the client of a call if it proved who it is, by the very
// method that it registered (RFC 6749 section 2.3). Failures are counted by
// client and network; a secret of 256 random bits need not be protected from
// guessing, so the right one always passes and nobody locks a client out.
func (p *Provider) authenticate(ctx context.Context, c *call) (*client, error) {
	id := c.credentials.id
	_, remembered := p.clients.get(id, p.Now())
	found, err := p.client(ctx, id)
	if remembered && !p.proven(found, c.credentials) {
		// Perhaps it was registered, or got its secret, a moment ago.
		p.clients.forget(id)
		found, err = p.client(ctx, id)
	}
	switch {
	case err != nil && !errors.Is(err, storage.ErrNotFound):
		return nil, failure(ctx, err)
	case p.proven(found, c.credentials):
		return found, nil
	}
	network, _ := netip.ParseAddr(c.actor.Network)
	if wait := p.failures.Wait(network); wait > 0 { // before anything is written
		c.header.Set("Retry-After", seconds(wait))
		return nil, p.unauthorized(c, errClientPaused())
	}
	event := c.unproven(found)
	bookings := p.Limits.BookClient(seal.HashToken(event.ClientID), network)
	paused := storage.LimitedError{}
	switch _, err := p.DB.BookAttempts(ctx, bookings); {
	case err == nil: // no more lines of the audit log than failures are booked
		if err := p.DB.Record(ctx, event); err != nil {
			return nil, failure(ctx, err)
		}
		return nil, p.unauthorized(c, errClientUnproven())
	case errors.As(err, &paused):
		c.header.Set("Retry-After", seconds(paused.Until.Sub(p.Now())))
		return nil, p.unauthorized(c, errClientPaused())
	default:
		return nil, failure(ctx, err)
	}
}

// unproven is the audit log's line about a client that did not prove who it is.
// Whatever ids strangers think up are counted as one, and not written down.
func (c *call) unproven(found *client) audit.Event {
	e := audit.Event{Kind: audit.ClientRefused, Outcome: audit.Refused, Actor: c.actor, Reason: "unknown_client"}
	if found == nil {
		return e
	}
	e.AccountID, e.ClientID, e.Reason = found.AccountID, found.ID, "wrong_secret"
	if c.credentials.method != found.AuthMethod() {
		e.Reason = "wrong_method"
	}
	return e
}

// proven compares the secret whoever asks, so that an unknown client and a
// public one take as long as any other.
func (p *Provider) proven(c *client, given credentials) bool {
	stored := nobody
	if c != nil && c.SecretHash != "" {
		stored = c.SecretHash
	}
	right := p.DB.IsClientSecret(storage.Client{ID: given.id, SecretHash: stored}, given.secret.Reveal())
	if c == nil || given.method != c.AuthMethod() {
		return false
	}
	return right || c.public()
}

// seconds writes a time to wait as the header Retry-After has it.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}

// unauthorized says that the client is not known for who it is (RFC 6749
// section 5.2).
func (p *Provider) unauthorized(c *call, err error) error {
	c.header.Set("WWW-Authenticate", p.realm("Basic")+`, charset="UTF-8"`)
	return refuse(http.StatusUnauthorized, err)
}
