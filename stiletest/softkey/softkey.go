// Package softkey is an authenticator of software, for tests: it makes passkeys
// and uses them as a browser and its authenticator do together, and lies where
// a test wants it to.
package softkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// Flags of authenticator data (WebAuthn, section 6.1).
const (
	UserPresent    = 0x01
	UserVerified   = 0x04
	BackupEligible = 0x08
	BackedUp       = 0x10
	attested       = 0x40
)

// Authenticator holds passkeys. The zero value of each field after Origin is
// honest.
type Authenticator struct {
	Origin string // of the page that asks, as the browser says it
	Flags  byte   // New: UserPresent | UserVerified
	Counts bool   // the counter rises with each use; else it is always 0
	Keys   []*Key

	Site        string // RP ID that is signed, in place of the one asked for
	Challenge   string // that is signed, in place of the one asked for
	Type        string // of the ceremony
	CrossOrigin bool
	Format      string         // of the attestation
	Statement   map[string]any // of the attestation
	Algorithm   int            // that the public key says it is of
}

// Key is one passkey.
type Key struct {
	ID      []byte
	User    string // user handle
	Counter uint32
	Private *ecdsa.PrivateKey
}

// New returns an authenticator that verifies its user, on pages of an origin.
func New(origin string) *Authenticator {
	return &Authenticator{Origin: origin, Flags: UserPresent | UserVerified, Counts: true}
}

type options struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Allow []struct {
		ID string `json:"id"`
	} `json:"allowCredentials"`
}

func read(text string) options {
	var o options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(fmt.Sprintf("softkey: options %q: %v", text, err))
	}
	return o
}

var encoding = base64.RawURLEncoding

// Create makes a passkey, as navigator.credentials.create does, and returns the
// answer as JSON.
func (a *Authenticator) Create(optionsJSON string) string {
	o := read(optionsJSON)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	user, _ := encoding.DecodeString(o.User.ID)
	key := &Key{ID: make([]byte, 32), User: string(user), Private: private}
	_, _ = rand.Read(key.ID)
	a.Keys = append(a.Keys, key)
	return a.Made(key, optionsJSON)
}

// Made is the answer of Create for a key that is there already.
func (a *Authenticator) Made(key *Key, optionsJSON string) string {
	o := read(optionsJSON)
	data := a.data(or(a.Site, o.RP.ID), attested, key)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(key.ID)))
	data = append(append(data, key.ID...), a.public(key)...)
	format, statement := or(a.Format, "none"), a.Statement
	if statement == nil {
		statement = map[string]any{}
	}
	object, err := webauthncbor.Marshal(map[string]any{"fmt": format, "attStmt": statement, "authData": data})
	if err != nil {
		panic(err)
	}
	return answer(key, map[string]any{
		"clientDataJSON":    encoding.EncodeToString(a.client("webauthn.create", o.Challenge)),
		"attestationObject": encoding.EncodeToString(object), "transports": []string{"internal", "hybrid"},
	})
}

// Get uses a passkey, as navigator.credentials.get does, and returns the answer
// as JSON: the newest one that is asked for, or the newest of all.
func (a *Authenticator) Get(optionsJSON string) string {
	o := read(optionsJSON)
	for _, key := range slices.Backward(a.Keys) {
		if len(o.Allow) == 0 || slices.ContainsFunc(o.Allow, func(d struct {
			ID string `json:"id"`
		},
		) bool {
			return d.ID == encoding.EncodeToString(key.ID)
		}) {
			return a.Use(key, optionsJSON)
		}
	}
	panic("softkey: no such passkey")
}

// Use is Get with a key, asked for or not.
func (a *Authenticator) Use(key *Key, optionsJSON string) string {
	o := read(optionsJSON)
	if a.Counts {
		key.Counter++
	}
	data, client := a.data(or(a.Site, o.RPID), 0, key), a.client("webauthn.get", o.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(slices.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, key.Private, digest[:])
	if err != nil {
		panic(err)
	}
	return answer(key, map[string]any{
		"clientDataJSON": encoding.EncodeToString(client), "authenticatorData": encoding.EncodeToString(data),
		"signature": encoding.EncodeToString(signature), "userHandle": encoding.EncodeToString([]byte(key.User)),
	})
}

func answer(key *Key, response map[string]any) string {
	id := encoding.EncodeToString(key.ID)
	text, err := json.Marshal(map[string]any{
		"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response,
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (a *Authenticator) data(site string, more byte, key *Key) []byte {
	hash := sha256.Sum256([]byte(site))
	return binary.BigEndian.AppendUint32(append(hash[:], a.Flags|more), key.Counter)
}

func (a *Authenticator) client(kind, challenge string) []byte {
	text, _ := json.Marshal(map[string]any{
		"type": or(a.Type, kind), "challenge": or(a.Challenge, challenge), "origin": a.Origin, "crossOrigin": a.CrossOrigin,
	})
	return text
}

// public is the key in COSE.
func (a *Authenticator) public(key *Key) []byte {
	point, err := key.Private.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	alg := a.Algorithm
	if alg == 0 {
		alg = -7 // ES256
	}
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: alg, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		panic(err)
	}
	return cose
}

func or(own, asked string) string {
	if own != "" {
		return own
	}
	return asked
}
