package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"stile/storage"
)

// A search does no more work than ten words need, however long the text is.
func TestQ13_SearchOfUsersIsBounded(t *testing.T) {
	Each(t, func(t *testing.T, h *House) {
		words := func(n int) string {
			var all []string
			for i := range n {
				all = append(all, fmt.Sprint("w", i))
			}
			return strings.Join(all, " ")
		}
		for _, test := range []struct {
			name, text string
			refused    bool
		}{
			{"ten words", words(10), false},
			{"the same word often", strings.Repeat("alex ", 40), false},
			{"eleven words", words(11), true},
			{"200 characters", strings.Repeat("é", 200), false},
			{"201 characters", strings.Repeat("é", 201), true},
			{"2000 words", words(2000), true},
		} {
			before := h.DB.Statements()
			_, err := h.DB.Directory(t.Context(), storage.UserFilter{AccountID: h.Account.ID, Text: test.text})
			if errors.Is(err, storage.ErrSearch) != test.refused || err != nil && !test.refused {
				t.Errorf("%s: %v", test.name, err)
			}
			if sent := h.DB.Statements() - before; test.refused && sent > 0 {
				t.Errorf("%s: %d statements", test.name, sent)
			}
		}
	})
}
