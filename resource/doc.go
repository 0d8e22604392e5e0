// Package resource protects an API whose users sign in with Stile.
//
// A resource server learns from an access token who calls, for which app, with
// which scopes, and what the user has proven and when. This package verifies
// tokens, holds them against what a route demands, and answers what falls short
// in words that clients understand, so that a client can have its user prove
// what is missing and come back (RFC 9470):
//
//	verifier, err := resource.New(ctx, resource.Options{
//		Issuer:       "https://id.example.com",
//		ClientID:     "payments-api", // registered with introspect_all
//		ClientSecret: secret,
//	})
//	…
//	pay := verifier.Require(resource.Demand{
//		Scopes: []string{"payments"},
//		ACR:    []string{resource.MultiFactor},
//		MaxAge: 10 * time.Minute,
//	})
//	mux.Handle("POST /payments", pay(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//		who := resource.From(r.Context())
//		…
//	})))
//
// Where a demand depends on the request, such as on the sum to be paid, a
// handler asks [Verifier.Allow] itself.
//
// # What is verified
//
// Tokens of users are random strings. Their issuer is asked about each use
// (RFC 7662) with the client credentials of the API, so a user who is disabled, a
// session that has ended or an account that now asks for two steps is heard of
// at the very next call. Where that is too much asking, [Options.Remember] says
// for how long an answer may be used again.
//
// Tokens of services are signed (RFC 9068) and read here, with the issuer's
// published keys: the algorithm is one of a list, typ, iss, aud, exp and iat are
// right. No user stands behind them, so they never meet a demand for an acr or
// an age, and [Token.Subject] is the service itself.
//
// # What is answered
//
//	no token                      401, WWW-Authenticate: Bearer
//	a token that is none, or over 401, error="invalid_token"
//	a scope is missing            403, error="insufficient_scope", scope="…"
//	too little or too old proofs  401, error="insufficient_user_authentication", acr_values="…", max_age="…"
//	the issuer does not answer    503, Retry-After; never a pass
//
// A token is taken from the Authorization header only: in a URL it would end up
// in logs.
//
// # The other side
//
// A client reads the answer with [ChallengeOf] and sends its user to the
// authorization endpoint with the acr_values and max_age that it names.
package resource
