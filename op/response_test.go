package op

import "testing"

func TestAnswersAreAddedToWhatIsRegistered(t *testing.T) {
	for uri, want := range map[string]string{
		"https://rp/cb":           "https://rp/cb?state=a%20b%26c",
		"https://rp/cb?":          "https://rp/cb?state=a%20b%26c",
		"https://rp/cb?z=1&a=%2f": "https://rp/cb?z=1&a=%2f&state=a%20b%26c",
		"https://rp/cb?z=1&":      "https://rp/cb?z=1&state=a%20b%26c",
		"com.example:/cb":         "com.example:/cb?state=a%20b%26c",
	} {
		if got := withQuery(uri, field{Name: "state", Value: "a b&c"}); got != want {
			t.Errorf("%s becomes %s, want %s", uri, got, want)
		}
	}
	if got := withQuery("https://rp/cb"); got != "https://rp/cb" {
		t.Errorf("nothing added gives %s", got)
	}
}

func TestFormPostIsForWebAddresses(t *testing.T) {
	for uri, want := range map[redirectURI]bool{
		"https://rp.test/cb": true, "http://127.0.0.1:4711/cb": true, "com.example.app:/cb": false,
		"http.example.app:/cb": false, "https.example.app://cb": false, "httpx://rp.test/cb": false,
	} {
		to := target{URI: uri}
		if to.takes(modeFormPost) != want || !to.takes(modeQuery) {
			t.Errorf("%s: form_post is %v", uri, !want)
		}
	}
}

func TestFormPostGoesToTheRedirectURIAndNowhereElse(t *testing.T) {
	for uri, want := range map[redirectURI]string{
		"https://rp.test/cb":       "form-action https://rp.test/cb",
		"https://rp.test/cb?x=1":   "form-action https://rp.test/cb",
		"https://rp.test/a;b,c":    "form-action https://rp.test/a%3Bb%2Cc", // neither ends the directive
		"http://127.0.0.1:4711/cb": "form-action http://127.0.0.1:4711/cb",
		"http://[::1]:4711/cb":     "form-action http:",
	} {
		policy := formPostPolicy(uri)
		if got := policy[len(policy)-len(want):]; got != want {
			t.Errorf("%s: %s", uri, policy)
		}
	}
}
