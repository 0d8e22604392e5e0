package api_test

import (
	"strings"
	"testing"
)

func TestQ13_SearchThatIsTooLong(t *testing.T) {
	w := newWorld(t)
	r := w.call(w.admin(), "GET", "/users?text=a+b+c+d+e+f+g+h+i+j+k", "")
	if r.status != 422 || !strings.Contains(r.text, `"text"`) || !strings.Contains(r.text, `"search"`) {
		t.Errorf("eleven words: %d %s", r.status, r.text)
	}
	if r := w.call(w.admin(), "GET", "/users?text="+strings.Repeat("a", 201), ""); r.status != 422 {
		t.Errorf("201 characters: %d", r.status)
	}
}
