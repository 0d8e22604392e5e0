package admin

import (
	"encoding/json"
	"fmt"
	"strconv"

	"stile/manage"
	"stile/storage"
)

// snippet is program text to begin with, for an app of its kind. It holds no
// secret: that comes from the surroundings of the program.
func snippet(issuer string, c storage.Client) string {
	redirect := ""
	if uris := c.Metadata.RedirectURIs; len(uris) > 0 {
		redirect = uris[0]
	}
	switch kind := manage.KindOf(c.Metadata); kind {
	case manage.KindService:
		scope := ""
		if c.Metadata.Scope != "" {
			scope = ` -d "scope=` + c.Metadata.Scope + `"`
		}
		return fmt.Sprintf(`curl -u "%s:$CLIENT_SECRET" \
  -d grant_type=client_credentials%s \
  "%s/token"
`, c.ID, scope, issuer)
	case manage.KindSPA:
		return fmt.Sprintf(`import { UserManager } from "oidc-client-ts";

const users = new UserManager({
  authority: %s,
  client_id: %s,
  redirect_uri: %s,
  scope: "openid profile email",
});

// To sign in. With acr_values, a second factor is asked for.
await users.signinRedirect({ acr_values: "urn:stile:acr:mfa" });

// At the redirect URI:
const user = await users.signinCallback();
`, inJS(issuer), inJS(c.ID), inJS(redirect))
	default:
		secret := ""
		if kind == manage.KindWeb {
			secret = "\n\tClientSecret: os.Getenv(\"CLIENT_SECRET\"),"
		}
		return fmt.Sprintf(`// github.com/coreos/go-oidc/v3/oidc and golang.org/x/oauth2
provider, err := oidc.NewProvider(ctx, %s)
config := oauth2.Config{
	ClientID: %s,%s
	RedirectURL: %s,
	Endpoint: provider.Endpoint(),
	Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
}

// To sign in. With acr_values, a second factor is asked for.
verifier := oauth2.GenerateVerifier()
url := config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier),
	oauth2.SetAuthURLParam("acr_values", "urn:stile:acr:mfa"))

// At the redirect URI:
token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
`, strconv.Quote(issuer), strconv.Quote(c.ID), secret, strconv.Quote(redirect))
	}
}

func inJS(s string) string {
	text, _ := json.Marshal(s) // strings always encode
	return string(text)
}
