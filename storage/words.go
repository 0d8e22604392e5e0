package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Users are found by the beginnings of the words of their address and name. The
// words lie in user_words, in an order of their bytes, and are written with the
// user that they belong to.

// maxWord is how much of a word counts, in characters: the rest would only make
// the index wide.
const maxWord = 60

// maxWords is how many words a user is found by: more than any name needs that
// was not made to have many.
const maxWords = 100

// Of what somebody looks for: each word is a range of an index of its own, so
// that there may be no more of them than a person types.
const (
	maxSought     = 200 // characters
	maxSoughtWord = 10
)

// ErrSearch says that a search has too many words, or too long ones.
var ErrSearch = errors.New("search for at most ten words, of 200 characters together")

// lastRune ends a range of words that begin alike: no word has it.
const lastRune = "\U0010ffff"

// folded is how words are compared: in one form of what looks alike, without
// case and marks.
func folded(text string) string {
	// A transformer keeps state, so each call has its own.
	t := transform.Chain(norm.NFKD, runes.Map(unicode.ToLower), norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
	s, _, err := transform.String(t, text)
	if err != nil {
		return strings.ToLower(text)
	}
	return s
}

func notOfWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.M, r)
}

// soughtWords are the words of what somebody looks for. Each must begin a word
// of the user's. It fails with [ErrSearch] before it looks at what is too long.
func soughtWords(text string) ([]string, error) {
	if utf8.RuneCountInString(text) > maxSought {
		return nil, ErrSearch
	}
	var words []string
	for field := range strings.FieldsSeq(folded(text)) {
		if w := cutWord(field); w != "" {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	if words = slices.Compact(words); len(words) > maxSoughtWord {
		return nil, ErrSearch
	}
	return words, nil
}

// cutWord drops what stands around a word, and what is too long.
func cutWord(w string) string {
	w = strings.TrimFunc(w, notOfWord)
	if n := []rune(w); len(n) > maxWord {
		w = string(n[:maxWord])
	}
	return w
}

// words are all that a user is found by: the parts of the name between spaces,
// the address and its domain, and within them whatever stands between signs.
func (u User) words() []string {
	local, domain, _ := strings.Cut(u.Email, "@")
	words := []string{cutWord(folded(u.Email)), cutWord(folded(domain))}
	for _, text := range []string{local, u.Name} {
		for field := range strings.FieldsSeq(folded(text)) {
			words = append(words, cutWord(field))
			for part := range strings.FieldsFuncSeq(field, notOfWord) {
				words = append(words, cutWord(part))
			}
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	if words[0] == "" {
		words = words[1:]
	}
	return words[:min(len(words), maxWords)]
}

// wordsOf is what the words of a user are made of, as the column words_of has it.
func (u User) wordsOf() string { return u.Email + " " + u.Name }

// putWords writes the words of users in place of the ones that they had.
func putWords(ctx context.Context, tx *sql.Tx, users ...User) error {
	for some := range slices.Chunk(users, wordsBatch) {
		var ids, words []any
		var rows []string
		for _, u := range some {
			ids = append(ids, u.ID)
			for _, w := range u.words() {
				rows = append(rows, "("+marks(len(words), 3)+")")
				words = append(words, u.AccountID, w, u.ID)
			}
		}
		if _, err := run(ctx, tx, `DELETE FROM user_words WHERE user_id IN (`+marks(0, len(ids))+`)`, ids...); err != nil {
			return err
		}
		if _, err := run(ctx, tx, `INSERT INTO user_words (account_id, word, user_id) VALUES `+strings.Join(rows, ", ")+`
			ON CONFLICT DO NOTHING`, words...); err != nil {
			return err
		}
	}
	return nil
}

// wordsBatch is how many users get their words at once. With all the words that
// they may have it stays below what a statement takes.
const wordsBatch = 100

// writeWords writes the words of the users who have none, or have those of
// another name: in batches, so that what is done stays done if it is broken
// off. Several may do it at once.
func (db *DB) writeWords(ctx context.Context) error {
	for {
		// The rows are held from the moment that their names are read.
		done, err := writing(ctx, db, func(tx *sql.Tx) (int, error) {
			users, err := many(ctx, tx, func(r row) (u User, err error) {
				return u, r.Scan(&u.ID, &u.AccountID, &u.Email, &u.Name)
			}, `UPDATE users SET words_of = email || ' ' || name WHERE id IN (
				SELECT id FROM users WHERE words_of <> email || ' ' || name ORDER BY id LIMIT `+strconv.Itoa(wordsBatch)+`)
				RETURNING id, account_id, email, name`)
			if err != nil || len(users) == 0 {
				return 0, err
			}
			return len(users), putWords(ctx, tx, users...)
		})
		if err != nil {
			return fmt.Errorf("words of users: %w", err)
		}
		if done == 0 {
			return nil
		}
	}
}
