package op

import (
	"strings"
	"testing"
)

func TestErrorDescriptionsAreOfTheCharactersThatTheStandardAllows(t *testing.T) {
	if len(allErrors) < 30 {
		t.Fatalf("only %d errors are known", len(allErrors))
	}
	for _, e := range allErrors {
		bad := strings.ContainsFunc(e.Description, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
		if bad || e.Description == "" || e.ErrorType == "" {
			t.Errorf("%s: %q", e.ErrorType, e.Description)
		}
	}
}
