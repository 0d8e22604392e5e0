package resource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"stile/resource"
)

// An API that takes payments of users who have given a code within the last ten
// minutes. The issuer here knows one token, of somebody who gave a password only.
func Example() {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"issuer": "http://" + r.Host, "jwks_uri": "http://" + r.Host + "/jwks", "introspection_endpoint": "http://" + r.Host + "/introspect"}
		if r.URL.Path == "/introspect" {
			answer = map[string]any{
				"active": true, "sub": "alex", "client_id": "console", "token_type": "Bearer", "scope": "payments",
				"acr": "urn:stile:acr:password", "auth_time": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer issuer.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()

	verifier, err := resource.New(context.Background(), resource.Options{
		Issuer:       issuer.URL, // https://id.example.com
		ClientID:     "payments-api",
		ClientSecret: "its secret",
		Client:       &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	pay := verifier.Require(resource.Demand{
		Scopes: []string{"payments"},
		ACR:    []string{resource.MultiFactor},
		MaxAge: 10 * time.Minute,
	})
	api := pay(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("paid by", resource.From(r.Context()).Subject)
	}))

	// A client calls, and hears what its user has to prove.
	r := httptest.NewRequest(http.MethodPost, "/payments", nil)
	r.Header.Set("Authorization", "Bearer handle")
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	if challenge, ok := resource.ChallengeOf(w.Result()); ok && challenge.StepUp() {
		fmt.Println("send the user to sign in with", challenge.ACRValues, "not longer ago than", challenge.MaxAge)
	}
	// Output:
	// 401 Bearer error="insufficient_user_authentication", error_description="The user has to prove more, or more freshly.", acr_values="urn:stile:acr:mfa", max_age="600"
	// send the user to sign in with [urn:stile:acr:mfa] not longer ago than 10m0s
}
