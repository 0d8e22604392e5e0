package api

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"stile/manage"
	"stile/web"
)

// Page is how much of a list is asked for.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
	Cursor string `query:"cursor" maxLength:"1000" doc:"Where to go on: next of the page before."`
}

// cursorLife is how long a cursor leads on.
const cursorLife = 24 * time.Hour

// place is a list of one account. Cursors are sealed, since keys may be
// addresses, which stand in no URL, and open for the same list only.
type place struct {
	kit             *web.Kit
	path, accountID string
}

func (a *API) place(path string, w manage.Who) place { return place{a.o.Kit, path, w.AccountID()} }

// after returns the key that the list goes on behind.
func (at place) after(p Page) (key string, err error) {
	if p.Cursor != "" && !at.kit.Unseal(p.Cursor, &key, "cursor", at.path, at.accountID) {
		return "", &Problem{
			Type: typeInput, Status: http.StatusUnprocessableEntity, Detail: "The cursor is not one of ours.",
			Errors: []Fault{{Field: "cursor", Code: "cursor", Detail: "use next of the page before"}},
		}
	}
	return key, nil
}

// cursor leads to what comes behind a key.
func (at place) cursor(key string) string {
	sealed, err := at.kit.Seal(key, cursorLife, "cursor", at.path, at.accountID)
	if err != nil {
		return "" // a string always seals
	}
	return sealed
}

// Paged is a page of a list.
type Paged[T any] struct {
	Link string `header:"Link" doc:"The next page, rel=next (RFC 8288), if there is one."`
	Body PageOf[T]
}

// PageOf is what is on a page.
type PageOf[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; left out on the last one."`
}

// paged makes a page of what a list gave: one more than was asked for means that
// there is another page. key is what the list goes on behind; query is what
// stays the same.
func paged[S, T any](p Page, found []S, key func(S) string, show func(S) T, at place, query url.Values) *Paged[T] {
	page := &Paged[T]{}
	page.Body.Items = make([]T, 0, min(len(found), p.Limit))
	if len(found) > p.Limit {
		found = found[:p.Limit]
		page.Body.Next = at.cursor(key(found[len(found)-1]))
		if query == nil {
			query = url.Values{}
		}
		query.Set("limit", strconv.Itoa(p.Limit))
		query.Set("cursor", page.Body.Next)
		for name, values := range query {
			if len(values) == 1 && values[0] == "" {
				query.Del(name)
			}
		}
		page.Link = "<" + Prefix + at.path + "?" + query.Encode() + `>; rel="next"`
	}
	for _, s := range found {
		page.Body.Items = append(page.Body.Items, show(s))
	}
	return page
}
