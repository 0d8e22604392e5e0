package factor

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
)

// NewEmailCode returns six random digits, each number as likely as any other.
func NewEmailCode() string {
	return fmt.Sprintf("%06d", below(1_000_000))
}

// labelLetters can't be taken for one another and make no words.
const labelLetters = "BCDFGHJKMNPRSTVWXZ"

// Label returns two different letters by which a message and the page that
// asked for it know each other. They are no secret.
func Label() string {
	first := below(uint32(len(labelLetters)))
	second := below(uint32(len(labelLetters)) - 1)
	if second >= first {
		second++
	}
	return string([]byte{labelLetters[first], labelLetters[second]})
}

// below returns a random number from 0 to n-1, none likelier than another: what
// would fall into the last, incomplete stretch of n is drawn anew.
func below(n uint32) uint32 {
	for whole := math.MaxUint32 - math.MaxUint32%n; ; {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails, see crypto/rand
		if drawn := binary.BigEndian.Uint32(b[:]); drawn < whole {
			return drawn % n
		}
	}
}
