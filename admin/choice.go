package admin

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"stile/manage"
	"stile/storage"
	"stile/templates"
	"stile/web"
)

// choice is what was chosen: on this page, or on the one that leads to the review.
func (v *Visit) choice() url.Values {
	if v.Fields.Has(templates.FieldTwoStep) {
		return v.Fields
	}
	return v.Query
}

// choose goes on to the review.
func (v *Visit) choose() error {
	state, err := v.Manage.Account(v.R.Context(), v.Who)
	if err != nil {
		return err
	}
	return v.Kit.Redirect(v.W, v.R, web.WithLanguage(v.R, withQuery(reviewPath, v.packed(state.Products))))
}

// wanted reads what was chosen.
func (v *Visit) wanted(products []storage.Product) (c manage.PolicyChange, err error) {
	on, covered, from := true, []string{}, time.Time{}
	switch v.choice().Get(templates.FieldTwoStep) {
	case templates.TwoStepOff:
		on = false
	case templates.TwoStepEveryone:
	case templates.TwoStepProducts:
		if covered = v.covered(products); len(covered) == 0 {
			return c, manage.InputError{Field: "products", Code: manage.InputProduct, Detail: "none is chosen"}
		}
	default:
		return c, manage.InputError{Field: templates.FieldTwoStep, Code: manage.InputMissing, Detail: "nothing is chosen"}
	}
	if day := v.choice().Get(templates.FieldFrom); day != "" && on {
		if from, err = time.ParseInLocation(time.DateOnly, day, v.zone()); err != nil {
			return c, manage.InputError{Field: templates.FieldFrom, Code: manage.InputDate, Detail: "not a day"}
		}
	}
	return manage.PolicyChange{TwoStep: &on, Products: &covered, From: &from}, nil
}

// covered returns the ids of the products that were ticked.
func (v *Visit) covered(products []storage.Product) []string {
	if packed := v.choice().Get(templates.FieldChosen); packed != "" {
		return unpack(packed, ids(products))
	}
	covered := []string{}
	for _, p := range products {
		if v.choice().Has(templates.PrefixSeat + p.ID) {
			covered = append(covered, p.ID)
		}
	}
	return covered
}

// packed is what was chosen, short enough for a link however many products
// there are.
func (v *Visit) packed(products []storage.Product) url.Values {
	short := url.Values{}
	for _, name := range []string{templates.FieldTwoStep, templates.FieldFrom} {
		if value := v.choice().Get(name); value != "" {
			short.Set(name, value)
		}
	}
	if covered := v.covered(products); len(covered) > 0 {
		short.Set(templates.FieldChosen, pack(covered, ids(products)))
	}
	return short
}

// pack writes which of a list of ids are chosen: a bit for each in their order,
// after a sum of the list.
func pack(chosen, list []string) string {
	list = slices.Sorted(slices.Values(list))
	bits := make([]byte, (len(list)+7)/8)
	for i, id := range list {
		if slices.Contains(chosen, id) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return base64.RawURLEncoding.EncodeToString(append(sumOf(list), bits...))
}

// unpack reads what pack wrote of this list; of another one nothing is chosen.
func unpack(packed string, list []string) []string {
	list, chosen := slices.Sorted(slices.Values(list)), []string{}
	text, err := base64.RawURLEncoding.DecodeString(packed)
	sum := sumOf(list)
	if err != nil || len(text) != len(sum)+(len(list)+7)/8 || !slices.Equal(text[:len(sum)], sum) {
		return chosen
	}
	for i, id := range list {
		if text[len(sum)+i/8]&(1<<(i%8)) != 0 {
			chosen = append(chosen, id)
		}
	}
	return chosen
}

func sumOf(list []string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(list, " ")))
	return sum[:6]
}
