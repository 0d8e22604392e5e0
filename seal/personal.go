package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"strings"
)

// personalPrefix begins what [Hasher.SealPersonal] returns.
const personalPrefix = "p1."

// NewPersonalKey returns the key of a person: 128 random bits. It opens nothing
// without the root of the hasher, and the root opens nothing without it.
func NewPersonalKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// SealPersonal hides a text until the key of the person whom it tells of is
// gone. bind names the record: it doesn't open in another one.
func (h *Hasher) SealPersonal(key, bind, text string) string {
	aead := h.personal(key)
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails, see crypto/rand
	return personalPrefix + base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(text), []byte(bind)))
}

// IsPersonal tells whether a text is one that SealPersonal has hidden.
func IsPersonal(s string) bool { return strings.HasPrefix(s, personalPrefix) }

// OpenPersonal opens what SealPersonal has hidden; false without its key.
func (h *Hasher) OpenPersonal(key, bind, s string) (text string, ok bool) {
	rest, is := strings.CutPrefix(s, personalPrefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	aead := h.personal(key)
	if !is || err != nil || key == "" || len(raw) < aead.NonceSize() {
		return "", false
	}
	plain, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(bind))
	return string(plain), err == nil
}

func (h *Hasher) personal(key string) cipher.AEAD {
	block, err := aes.NewCipher(h.Sum(HashPersonal, key))
	if err != nil {
		panic("seal: " + err.Error()) // the key is of 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: " + err.Error()) // AES has blocks of 16 bytes
	}
	return aead
}
