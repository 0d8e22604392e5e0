package op

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/seal"
)

// maxClientID bounds the names that are looked up.
const maxClientID = 256

// credentials is what a request says about the client that sent it, RFC 6749
// section 2.3. Nothing of it has been checked.
type credentials struct {
	id     string
	secret seal.Secret
	method oidc.AuthMethod // none: the name alone
}

// presented finds the credentials of a request. The error, an invalid_client,
// says that there are none, several, or some that cannot be read.
func presented(h http.Header, form url.Values) (credentials, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	header := h["Authorization"]
	switch {
	case form.Has("client_assertion") || form.Has("client_assertion_type"):
		return credentials{}, errClientAssertion()
	case len(header) > 1 || len(header) == 1 && secret != "":
		return credentials{}, errClientTwice()
	case len(header) == 1:
		c, ok := parseBasic(header[0])
		if !ok {
			return credentials{}, errClientHeader()
		}
		if id != "" && id != c.id {
			return credentials{}, errClientName()
		}
		return c, nil
	case id == "" || len(id) > maxClientID:
		return credentials{}, errClientMissing()
	case secret != "":
		return credentials{id, seal.Secret(secret), oidc.AuthMethodPost}, nil
	}
	return credentials{id: id, method: oidc.AuthMethodNone}, nil
}

// parseBasic reads an Authorization header as RFC 6749 section 2.3.1 has it:
// both parts are form-encoded before they are joined and base64-encoded, so
// that they may hold colons and any character.
func parseBasic(header string) (credentials, bool) {
	scheme, encoded, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") {
		return credentials{}, false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return credentials{}, false
	}
	left, right, ok := strings.Cut(string(raw), ":")
	if !ok {
		return credentials{}, false
	}
	id, errID := url.QueryUnescape(left)
	secret, errSecret := url.QueryUnescape(right)
	if errID != nil || errSecret != nil || !plain(id) || !plain(secret) || id == "" || len(id) > maxClientID {
		return credentials{}, false
	}
	return credentials{id, seal.Secret(secret), oidc.AuthMethodBasic}, true
}
