package factor

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"stile/authn"
)

// Passkeys asks for passkeys of one site, and judges the answers (WebAuthn
// level 3). A passkey is made and used with user verification only, so that it
// is something held and something known at once; no other site can ask for it.
//
// It keeps nothing: the challenge of an answer, and that it is answered once,
// are the caller's to see to.
type Passkeys struct {
	site, origin, name string
	works              bool
}

// NewPasskeys returns the passkeys of an issuer's host. name is what
// authenticators call the site.
func NewPasskeys(issuer, name string) *Passkeys {
	k := &Passkeys{name: name}
	if u, err := url.Parse(issuer); err == nil && u.Host != "" {
		k.site, k.origin = u.Hostname(), u.Scheme+"://"+u.Host
	}
	_, bare := netip.ParseAddr(k.site)
	k.works = k.site != "" && bare != nil
	return k
}

// Work tells whether browsers use passkeys on this site: it is named by a
// domain, not by a bare network address.
func (k *Passkeys) Work() bool { return k.works }

// Credential is a passkey as the site knows it. Nothing in it is secret.
type Credential struct {
	ID         []byte // chosen by the authenticator
	PublicKey  []byte // COSE
	Counter    uint32 // rises with each use; always 0 with authenticators that don't count
	Transports []string
	Synced     bool // may be copied among its user's devices (backup eligible); never changes
	BackedUp   bool // is kept elsewhere too, at the moment
}

// Method is what a proof with the passkey is worth.
func (c Credential) Method() authn.Method {
	if c.Synced {
		return authn.SyncedPasskey
	}
	return authn.Passkey
}

// Why an answer is not accepted.
var (
	// ErrPasskeyForm says that something is no answer of an authenticator at all.
	ErrPasskeyForm = errors.New("factor: no answer of an authenticator")
	// ErrPasskey says that the answer is not what was asked for.
	ErrPasskey = errors.New("factor: passkey is not accepted")
	// ErrPasskeyCounter says that the answer is right but for its counter, which
	// did not rise: there may be a copy of the authenticator.
	ErrPasskeyCounter = errors.New("factor: counter of the passkey did not rise")
)

// maxPasskey bounds an answer, maxCredentialID an id (WebAuthn, section 4), and
// maxTransports how many ways to an authenticator are remembered.
const maxPasskey, maxCredentialID, maxTransports = 16 << 10, 1023, 8

// algorithms are those of the keys that are taken, in the order of preference.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// transports are the ways to an authenticator that there are.
var transports = []string{"ble", "hybrid", "internal", "nfc", "smart-card", "usb"}

// NewChallenge makes what an answer has to sign, in base64url.
func NewChallenge() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// passkeyTimeout is what browsers are told to wait for, in milliseconds.
const passkeyTimeout = 300_000

type descriptor struct {
	Type       string   `json:"type"`
	ID         string   `json:"id"`
	Transports []string `json:"transports,omitempty"`
}

func descriptors(list []Credential) []descriptor {
	all := []descriptor{}
	for _, c := range list {
		all = append(all, descriptor{string(protocol.PublicKeyCredentialType), base64.RawURLEncoding.EncodeToString(c.ID), c.Transports})
	}
	return all
}

// CreationOptions are the options of navigator.credentials.create as JSON: for
// one more passkey of a user, in an authenticator that has none of those yet.
func (k *Passkeys) CreationOptions(challenge, userID, address, name string, has []Credential) string {
	type object = map[string]any
	return asJSON(object{
		"rp":                     object{"id": k.site, "name": k.name},
		"user":                   object{"id": base64.RawURLEncoding.EncodeToString([]byte(userID)), "name": address, "displayName": name},
		"challenge":              challenge,
		"pubKeyCredParams":       algorithms,
		"timeout":                passkeyTimeout,
		"excludeCredentials":     descriptors(has),
		"authenticatorSelection": object{"residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
		"attestation":            "none",
	})
}

// RequestOptions are the options of navigator.credentials.get as JSON: for one
// of these passkeys, or without any for whichever the user has for this site.
func (k *Passkeys) RequestOptions(challenge string, of []Credential) string {
	return asJSON(map[string]any{
		"challenge": challenge, "timeout": passkeyTimeout, "rpId": k.site, "userVerification": "required", "allowCredentials": descriptors(of),
	})
}

func asJSON(v any) string {
	text, _ := json.Marshal(v) // texts and numbers always encode
	return string(text)
}

// Made judges the answer to [Passkeys.CreationOptions] with this challenge.
// Attestation is not asked for; what comes all the same has to be right.
func (k *Passkeys) Made(answer, challenge string) (Credential, error) {
	if len(answer) > maxPasskey {
		return Credential{}, ErrPasskeyForm
	}
	made, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return Credential{}, fmt.Errorf("%w: %w", ErrPasskeyForm, err)
	}
	object := &made.Response.AttestationObject
	switch f := protocol.AttestationFormat(object.Format); f {
	case protocol.AttestationFormatNone, protocol.AttestationFormatPacked:
	default:
		return Credential{}, fmt.Errorf("%w: attestation %q", ErrPasskey, f)
	}
	if err := k.ours(made.Response.CollectedClientData); err != nil {
		return Credential{}, err
	}
	_, err = made.Verify(challenge, k.site, []string{k.origin}, nil, nil, protocol.TopOriginExplicitVerificationMode,
		false, true, true, nil, algorithms, protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	if err != nil {
		return Credential{}, fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	attested := object.AuthData.AttData
	if _, err := webauthncose.ParsePublicKey(attested.CredentialPublicKey); err != nil {
		return Credential{}, fmt.Errorf("%w: key: %w", ErrPasskey, err)
	}
	if n := len(attested.CredentialID); n == 0 || n > maxCredentialID {
		return Credential{}, fmt.Errorf("%w: id of %d bytes", ErrPasskey, n)
	}
	c := Credential{
		ID: attested.CredentialID, PublicKey: attested.CredentialPublicKey, Counter: object.AuthData.Counter,
		Synced: object.AuthData.Flags.HasBackupEligible(), BackedUp: object.AuthData.Flags.HasBackupState(),
	}
	if c.BackedUp && !c.Synced {
		return Credential{}, fmt.Errorf("%w: backed up, but not to be", ErrPasskey)
	}
	for _, t := range made.Response.Transports {
		if name := string(t); slices.Contains(transports, name) && !slices.Contains(c.Transports, name) && len(c.Transports) < maxTransports {
			c.Transports = append(c.Transports, name)
		}
	}
	return c, nil
}

// Assertion is an answer that was read, and not judged yet.
type Assertion struct {
	ID     []byte // of the credential that it says to be of
	UserID string // whose it says to be; empty where the authenticator doesn't say
	parsed *protocol.ParsedCredentialAssertionData
}

// ReadAssertion reads the answer to [Passkeys.RequestOptions], so that the
// passkey that it speaks of can be found.
func ReadAssertion(answer string) (Assertion, error) {
	if len(answer) > maxPasskey {
		return Assertion{}, ErrPasskeyForm
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return Assertion{}, fmt.Errorf("%w: %w", ErrPasskeyForm, err)
	}
	if len(parsed.RawID) > maxCredentialID {
		return Assertion{}, ErrPasskeyForm
	}
	return Assertion{ID: parsed.RawID, UserID: string(parsed.Response.UserHandle), parsed: parsed}, nil
}

// Check judges an answer under the challenge that was asked and the passkey that
// it is of, and returns the passkey as it is afterwards. Whose passkey it is, and
// that the same answer counts once, is for the caller to see.
func (k *Passkeys) Check(a Assertion, challenge string, c Credential) (Credential, error) {
	if a.parsed == nil || !slices.Equal(a.ID, c.ID) {
		return c, fmt.Errorf("%w: of another passkey", ErrPasskey)
	}
	if err := k.ours(a.parsed.Response.CollectedClientData); err != nil {
		return c, err
	}
	err := a.parsed.Verify(challenge, k.site, "", []string{k.origin}, nil, nil, protocol.TopOriginExplicitVerificationMode,
		false, true, true, c.PublicKey, protocol.SignaturePolicy{})
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	data := a.parsed.Response.AuthenticatorData
	if data.Flags.HasBackupEligible() != c.Synced || data.Flags.HasBackupState() && !c.Synced {
		return c, fmt.Errorf("%w: backup flags changed", ErrPasskey)
	}
	if (data.Counter > 0 || c.Counter > 0) && data.Counter <= c.Counter {
		return c, ErrPasskeyCounter
	}
	c.Counter, c.BackedUp = data.Counter, data.Flags.HasBackupState()
	return c, nil
}

// ours tells whether an answer was given on a page of this site that stood on
// its own. The library compares origins as addresses; here they are text.
func (k *Passkeys) ours(data protocol.CollectedClientData) error {
	if data.Origin != k.origin || data.CrossOrigin || data.TopOrigin != "" {
		return fmt.Errorf("%w: origin %.100q", ErrPasskey, data.Origin)
	}
	return nil
}
