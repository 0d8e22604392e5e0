package token

import "stile/seal"

// SID returns the sid of a session for one client (OpenID Connect Front- and
// Back-Channel Logout): another value for each client, so that clients can't
// compare, and the same one for the life of the session.
func (i *Issuer) SID(sessionID, clientID string) string {
	return i.hasher.Text(seal.HashSID, sessionID, clientID)
}
