package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"stile/seal"
)

// A refresh token is the prefix of its kind and, in base64url, the grant's id
// (16 bytes), the generation (4 bytes, big endian) and a keyed hash of both
// (32 bytes). The store keeps grant and generation only, and the successor of a
// token can be made again for a client that lost the answer.
const (
	refreshHead = 16 + 4
	refreshSize = refreshHead + sha256.Size
)

// Refresh returns the refresh token of one generation of a grant. It is empty
// for an id that is not a UUID or a generation outside of 32 bits: there are none.
func (i *Issuer) Refresh(grantID string, generation int64) seal.Secret {
	id, err := uuid.Parse(grantID)
	if err != nil || generation < 0 || generation > math.MaxUint32 {
		return ""
	}
	raw := make([]byte, 0, refreshSize)
	raw = append(raw, id[:]...)
	raw = binary.BigEndian.AppendUint32(raw, uint32(generation))
	raw = append(raw, i.refreshMAC(id.String(), generation)...)
	return seal.Secret(string(seal.KindRefresh) + base64.RawURLEncoding.EncodeToString(raw))
}

// ParseRefresh returns grant and generation of a token that [Issuer.Refresh]
// made; ok is false for anything else. Whether the grant still takes it is for
// the store to say.
func (i *Issuer) ParseRefresh(s string) (grantID string, generation int64, ok bool) {
	text, ok := strings.CutPrefix(s, string(seal.KindRefresh))
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(refreshSize) {
		return "", 0, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", 0, false
	}
	id, err := uuid.FromBytes(raw[:16])
	if err != nil {
		return "", 0, false
	}
	generation = int64(binary.BigEndian.Uint32(raw[16:refreshHead]))
	if !hmac.Equal(raw[refreshHead:], i.refreshMAC(id.String(), generation)) {
		return "", 0, false
	}
	return id.String(), generation, true
}

func (i *Issuer) refreshMAC(grantID string, generation int64) []byte {
	return i.hasher.Sum(seal.HashRefresh, grantID, strconv.FormatInt(generation, 10))
}
