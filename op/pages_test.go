package op

import (
	"strings"
	"testing"

	"stile/storage"
)

// Where forms may lead: to the answer, on from there, and into the app of a
// client whose page opens it.
func TestH09_FormTargets(t *testing.T) {
	const page, app = "https://app.example/signed-in", "com.example.app:/signed-in"
	for _, c := range []struct {
		registered []string
		strict     bool
		to         redirectURI
		want       string
	}{
		{[]string{page}, false, page, "https://app.example https:"},
		{[]string{page, app, "com.example.app:/other"}, false, page, "https://app.example https: com.example.app:"},
		{[]string{page, app}, false, app, "com.example.app:"},
		{[]string{page, app}, true, page, "https://app.example"},
		{[]string{"http://127.0.0.1/cb", app}, false, "http://127.0.0.1:7/cb", "http://127.0.0.1:7 com.example.app:"},
	} {
		client := &client{Client: storage.Client{Metadata: storage.Metadata{RedirectURIs: c.registered, StrictFormAction: c.strict}}}
		if got := strings.Join(client.formTargets(c.to), " "); got != c.want {
			t.Errorf("%q to %s: %q, want %q", c.registered, c.to, got, c.want)
		}
	}
}
