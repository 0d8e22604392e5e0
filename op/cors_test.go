package op

import (
	"slices"
	"testing"

	"stile/storage"
)

func TestOriginsAreThoseOfRedirectURIsAndTheRegisteredOnes(t *testing.T) {
	c := storage.Client{Metadata: storage.Metadata{
		RedirectURIs: []string{
			"https://App.example.com/cb?x=1", "https://app.example.com:443/other", "https://b.example.com:8443/cb",
			"http://localhost:3000/cb", "http://127.0.0.1/cb", "http://[::1]:80/cb", "com.example.app:/cb",
		},
		AllowedOrigins: []string{"https://pages.example.com"},
	}}
	want := []string{
		"https://pages.example.com", "https://app.example.com", "https://app.example.com", "https://b.example.com:8443",
		"http://localhost:3000", "http://127.0.0.1", "http://[::1]",
	}
	if got := originsOf(c); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	c.Disabled = true
	if got := originsOf(c); got != nil {
		t.Errorf("a disabled client has %q", got)
	}
}
