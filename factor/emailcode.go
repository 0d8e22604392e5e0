package factor

import (
	"crypto/rand"
	"fmt"
	"math/big"
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
	first := below(len(labelLetters))
	second := below(len(labelLetters) - 1)
	if second >= first {
		second++
	}
	return string([]byte{labelLetters[first], labelLetters[second]})
}

// below returns a random number from 0 to n-1.
func below(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic("factor: no randomness: " + err.Error()) // never happens, see crypto/rand
	}
	return int(i.Int64())
}
