package admin

import (
	"fmt"
	"slices"
	"testing"
)

// A packed choice is read as it was written, of the same list alone.
func TestChoiceIsPacked(t *testing.T) {
	var list []string
	for i := range 500 {
		list = append(list, fmt.Sprint("id-", i))
	}
	for name, chosen := range map[string][]string{"none": {}, "one": {"id-7"}, "all": list, "some": {"id-0", "id-499", "id-8"}} {
		packed := pack(chosen, list)
		if len(packed) > 100 {
			t.Errorf("%s: %d letters", name, len(packed))
		}
		got := unpack(packed, list)
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(chosen)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		if more := unpack(packed, append(slices.Clone(list), "id-500")); len(more) > 0 {
			t.Errorf("%s: of another list %v", name, more)
		}
	}
	for _, text := range []string{"", "!", "AAAA", pack(list, list)[1:]} {
		if got := unpack(text, list); len(got) > 0 {
			t.Errorf("%q: %v", text, got)
		}
	}
}
