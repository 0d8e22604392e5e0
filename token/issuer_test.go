package token

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"stile/audit"
	"stile/seal"
	"stile/storage"
)

const issuerURL = "https://id.example"

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// replicas returns n issuers with handles of their own on one database, and the
// clock that they share.
func replicas(t *testing.T, n int) ([]*Issuer, *time.Time) {
	t.Helper()
	now := start
	path := filepath.Join(t.TempDir(), "stile.db")
	ring, err := seal.NewRing(seal.Key{ID: "test", Secret: [seal.KeySize]byte{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	issuers := make([]*Issuer, n)
	for i := range issuers {
		clock := func() time.Time { return now }
		db, err := storage.Open(t.Context(), "sqlite:"+path, storage.Options{Ring: ring, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		issuers[i] = New(db, issuerURL, clock)
	}
	return issuers, &now
}

func one(t *testing.T) (*Issuer, *time.Time) {
	t.Helper()
	issuers, now := replicas(t, 1)
	return issuers[0], now
}

func mustID(t *testing.T, i *Issuer, alg string, c IDClaims) string {
	t.Helper()
	text, err := i.ID(t.Context(), alg, c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// published verifies a token as a client would: with the key set and nothing else.
func published(t *testing.T, i *Issuer, text string) (header jose.Header, claims map[string]any) {
	t.Helper()
	body, _, err := i.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		t.Fatal(err)
	}
	header = signed.Signatures[0].Header
	payload, err := signed.Verify(set)
	if err != nil {
		t.Fatalf("the published keys do not verify it: %v", err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return header, claims
}

func TestIDTokenHoldsWhatItShouldForEachAlgorithm(t *testing.T) {
	i, _ := one(t)
	verified := false
	for _, alg := range append(Algorithms(), "") {
		text := mustID(t, i, alg, IDClaims{
			Subject: "user", Audience: "client", AuthorizedParty: "client", AuthTime: 1_700_000_000, Nonce: "n",
			ACR: "urn:stile:acr:mfa", AMR: []string{"mfa", "otp", "pwd"}, SID: "sid",
			AccessToken: "sta_token", Person: Person{Email: "a@example.com", EmailVerified: &verified},
		})
		header, claims := published(t, i, text)
		want := alg
		if want == "" {
			want = "RS256"
		}
		if header.Algorithm != want || header.ExtraHeaders["typ"] != "JWT" || header.KeyID == "" {
			t.Errorf("%s: header %+v", alg, header)
		}
		for name, value := range map[string]any{
			"iss": issuerURL, "sub": "user", "aud": "client", "azp": "client", "nonce": "n", "sid": "sid",
			"iat": float64(start.Unix()), "exp": float64(start.Add(10 * time.Minute).Unix()), "auth_time": 1.7e9,
			"acr": "urn:stile:acr:mfa", "email": "a@example.com", "email_verified": false,
		} {
			if claims[name] != value {
				t.Errorf("%s: %s is %v, want %v", alg, name, claims[name], value)
			}
		}
		if hash, _ := claims["at_hash"].(string); len(hash) < 22 {
			t.Errorf("%s: at_hash is %q", alg, hash)
		}
		if _, there := claims["AccessToken"]; there || strings.Contains(text, "sta_token") {
			t.Errorf("%s: the access token is in the ID token", alg)
		}
		if _, there := claims["name"]; there {
			t.Errorf("%s: an empty claim is sent", alg)
		}
	}
	if _, err := i.ID(t.Context(), "HS256", IDClaims{}); err == nil {
		t.Error("a token was signed with an algorithm that is not offered")
	}
}

func TestAccessJWTIsOneOfRFC9068(t *testing.T) {
	i, now := one(t)
	text, err := i.AccessJWT(t.Context(), AccessClaims{Subject: "service", ClientID: "service", ID: "jti", Scope: "read"})
	if err != nil {
		t.Fatal(err)
	}
	header, claims := published(t, i, text)
	if header.Algorithm != "ES256" || header.ExtraHeaders["typ"] != "at+jwt" {
		t.Errorf("header %+v", header)
	}
	if claims["aud"] != issuerURL || claims["client_id"] != "service" || claims["scope"] != "read" || claims["jti"] != "jti" {
		t.Errorf("claims %v", claims)
	}
	read, err := i.VerifyAccess(t.Context(), text)
	if err != nil || read.ClientID != "service" || read.Scope != "read" || !slices.Equal(read.Audience, Audience{issuerURL}) {
		t.Errorf("read back %+v, %v", read, err)
	}
	*now = now.Add(AccessLife)
	if _, err := i.VerifyAccess(t.Context(), text); err == nil {
		t.Error("it is taken at the moment when it has expired")
	}
}

func TestTwoReplicasThatStartAtOnceAgreeOnTheKeys(t *testing.T) {
	issuers, _ := replicas(t, 4)
	sets := make([]string, len(issuers))
	var wg sync.WaitGroup
	for n, i := range issuers {
		wg.Go(func() {
			if err := i.Rotate(context.Background()); err != nil {
				t.Error(err)
				return
			}
			body, etag, err := i.JWKS(context.Background())
			if err != nil || etag == "" {
				t.Error(err)
			}
			sets[n] = string(body)
		})
	}
	wg.Wait()
	for _, s := range sets {
		if s != sets[0] || strings.Count(s, `"kid"`) != len(algorithms) {
			t.Errorf("key sets differ: %s and %s", s, sets[0])
		}
	}
	if strings.Contains(sets[0], `"d"`) {
		t.Error("the key set holds a private part")
	}
}

func TestO05_NoTokenFailsToVerifyWhileKeysRotate(t *testing.T) {
	issuers, now := replicas(t, 2)
	a, b := issuers[0], issuers[1] // a rotates, b only uses what it finds
	if err := a.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	type made struct {
		text string
		at   time.Time
	}
	var tokens []made
	seen := map[string]time.Time{} // kid: when it was published first
	kids := map[string]bool{}
	for range 200 { // days
		for range 4 {
			*now = now.Add(6 * time.Hour)
			body, _, err := b.JWKS(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var set jose.JSONWebKeySet
			if err := json.Unmarshal(body, &set); err != nil {
				t.Fatal(err)
			}
			for _, k := range set.Keys {
				if _, known := seen[k.KeyID]; !known {
					seen[k.KeyID] = *now
				}
			}
			text := mustID(t, b, "ES256", IDClaims{Subject: "u", Audience: "c"})
			header, _ := published(t, b, text)
			if !kids[header.KeyID] && len(kids) > 0 && now.Sub(seen[header.KeyID]) < 12*time.Hour {
				t.Errorf("key %s signs %v after it was published", header.KeyID, now.Sub(seen[header.KeyID]))
			}
			kids[header.KeyID] = true
			tokens = append(tokens, made{text, *now})
		}
		if err := a.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(kids) != 3 {
		t.Errorf("%d keys signed in 200 days, want 3", len(kids))
	}
	for _, m := range tokens {
		if age := now.Sub(m.at); age < 30*24*time.Hour {
			if _, err := b.VerifyIDTokenHint(t.Context(), m.text, "c"); err != nil {
				t.Fatalf("a token %v old no longer verifies", age)
			}
		}
	}
	if _, err := b.VerifyIDTokenHint(t.Context(), tokens[0].text, "c"); err == nil {
		t.Error("a key that was removed still verifies")
	}
}

func TestKeyThatReplacesAnotherWaitsADay(t *testing.T) {
	i, now := one(t)
	first, _ := published(t, i, mustID(t, i, "ES256", IDClaims{Audience: "c", Subject: "u"}))
	for range 2 { // the second wish finds the first fulfilled
		if err := i.Replace(t.Context(), audit.System); err != nil {
			t.Fatal(err)
		}
	}
	body, _, _ := i.JWKS(t.Context())
	if n := strings.Count(string(body), `"kid"`); n != 2*len(algorithms) {
		t.Errorf("%d keys are published, want the present and the next of each algorithm", n)
	}
	still, _ := published(t, i, mustID(t, i, "ES256", IDClaims{Audience: "c", Subject: "u"}))
	*now = now.Add(publishBefore)
	then, _ := published(t, i, mustID(t, i, "ES256", IDClaims{Audience: "c", Subject: "u"}))
	if still.KeyID != first.KeyID || then.KeyID == first.KeyID {
		t.Errorf("keys %s, %s, %s: want the first twice, then another", first.KeyID, still.KeyID, then.KeyID)
	}
}

func TestKeysAreMadeAnewAfterALongStandstill(t *testing.T) {
	i, now := one(t)
	before, _ := published(t, i, mustID(t, i, "ES256", IDClaims{Audience: "c", Subject: "u"}))
	*now = now.Add(signFor + keepFor + 24*time.Hour) // nobody ran Rotate meanwhile
	after, _ := published(t, i, mustID(t, i, "ES256", IDClaims{Audience: "c", Subject: "u"}))
	if after.KeyID == before.KeyID {
		t.Error("the key of before the standstill still signs")
	}
}

func TestQ02_KeysInMemoryGoOnWhenTheDatabaseIsAway(t *testing.T) {
	i, now := one(t)
	text := mustID(t, i, "ES256", IDClaims{Audience: "c", Subject: "u"})
	before, etag, _ := i.JWKS(t.Context())
	if err := i.db.Close(); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Hour)
	after, again, err := i.JWKS(t.Context())
	if err != nil || string(after) != string(before) || etag != again {
		t.Errorf("the key set is %s, %v", after, err)
	}
	if _, err := i.VerifyIDTokenHint(t.Context(), text, "c"); err != nil {
		t.Errorf("hint: %v", err)
	}
}

func TestA10_HintIsOursAndForTheClientOrRefused(t *testing.T) {
	i, now := one(t)
	other, _ := one(t)
	good := mustID(t, i, "ES256", IDClaims{Subject: "user", Audience: "client", SID: "sid"})
	access, err := i.AccessJWT(t.Context(), AccessClaims{Subject: "user", ClientID: "client", Audience: Audience{"client"}})
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	for name, hint := range map[string]string{
		"empty":              "",
		"opaque":             "sta_abc",
		"another issuer's":   mustID(t, other, "ES256", IDClaims{Subject: "user", Audience: "client"}),
		"an access token":    access, // E07
		"unsigned":           encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".",
		"HS256":              encode([]byte(`{"alg":"HS256","typ":"JWT","kid":"k"}`)) + "." + parts[1] + "." + parts[2],
		"signature dropped":  parts[0] + "." + parts[1] + ".",
		"payload changed":    parts[0] + "." + encode([]byte(`{"iss":"https://id.example","sub":"admin","aud":"client"}`)) + "." + parts[2],
		"encrypted":          good + ".a.b",
		"for another client": mustID(t, i, "ES256", IDClaims{Subject: "user", Audience: "other"}),
		"azp differs":        mustID(t, i, "ES256", IDClaims{Subject: "user", Audience: "client", AuthorizedParty: "other"}),
		"without a subject":  mustID(t, i, "ES256", IDClaims{Audience: "client"}),
	} {
		if h, err := i.VerifyIDTokenHint(t.Context(), hint, "client"); err == nil {
			t.Errorf("%s: taken as %+v", name, h)
		}
	}
	want := Hint{Subject: "user", ClientID: "client", SID: "sid"}
	for _, client := range []string{"client", ""} {
		if h, err := i.VerifyIDTokenHint(t.Context(), good, client); err != nil || h != want {
			t.Errorf("good: %+v, %v", h, err)
		}
	}
	*now = now.Add(24 * time.Hour)
	want.Expired = true
	if h, err := i.VerifyIDTokenHint(t.Context(), good, "client"); err != nil || h != want {
		t.Errorf("expired: %+v, %v", h, err)
	}
	*now = start.Add(-time.Hour)
	if _, err := i.VerifyIDTokenHint(t.Context(), good, "client"); err == nil {
		t.Error("a token from the future is taken")
	}
}

func TestE07_TokenOfAnotherDeploymentWithTheSameKeysIsRefused(t *testing.T) {
	i, _ := one(t)
	other := New(i.db, "https://other.example", i.now)
	if _, err := i.VerifyIDTokenHint(t.Context(), mustID(t, other, "ES256", IDClaims{Subject: "u", Audience: "c"}), "c"); err == nil {
		t.Error("its ID token is taken")
	}
	access, err := other.AccessJWT(t.Context(), AccessClaims{Subject: "c", ClientID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.VerifyAccess(t.Context(), access); err == nil {
		t.Error("its access token is taken")
	}
	if _, err := i.VerifyAccess(t.Context(), mustID(t, i, "ES256", IDClaims{Subject: "u", Audience: "c"})); err == nil {
		t.Error("an ID token is taken for an access token")
	}
}

func TestE06_HeadersThatWeNeverWriteAreRefused(t *testing.T) {
	i, _ := one(t)
	if err := i.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	k := i.keys.Load().active(jose.ES256, start)
	rows, err := i.db.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var private any
	for _, row := range rows {
		if row.Alg == "ES256" {
			if private, err = parsePrivate(row); err != nil {
				t.Fatal(err)
			}
		}
	}
	payload := []byte(`{"iss":"https://id.example","sub":"u","aud":"c","iat":1,"exp":2}`)
	for name, extra := range map[jose.HeaderKey]any{"jku": "https://evil.example", "b64": true, "zip": "DEF", "x": 1} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: k.id}},
			(&jose.SignerOptions{}).WithType(typeID).WithHeader(name, extra))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := signed.CompactSerialize()
		if _, err := i.VerifyIDTokenHint(t.Context(), text, "c"); err == nil {
			t.Errorf("a token with the header %s is taken", name)
		}
	}
	text, err := sign(k.id, k.idSigner, json.RawMessage(payload))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.VerifyIDTokenHint(t.Context(), text, "c"); err != nil {
		t.Errorf("the same token without it: %v", err)
	}
}
