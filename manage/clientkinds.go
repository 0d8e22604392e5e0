package manage

import (
	"net/url"
	"slices"

	"stile/storage"
)

// Kinds of apps, each of which a few fields of a registration make.
const (
	KindWeb     = "web"     // on a server, with a secret
	KindSPA     = "spa"     // in the browser
	KindNative  = "native"  // on a computer or phone
	KindService = "service" // without people
)

// ClientKinds lists the kinds of apps.
func ClientKinds() []string { return []string{KindWeb, KindSPA, KindNative, KindService} }

// Preset sets what belongs to a kind of app. It says false of a kind that there
// is not. redirects are its redirect URIs, which stay to be set.
func Preset(kind string, redirects []string, m *storage.Metadata) bool {
	const people = "openid profile email offline_access"
	switch kind {
	case KindWeb:
		m.ApplicationType, m.TokenEndpointAuthMethod, m.Scope = storage.TypeWeb, storage.AuthBasic, people
	case KindSPA:
		m.ApplicationType, m.TokenEndpointAuthMethod, m.Scope = storage.TypeWeb, storage.AuthNone, people
		m.AllowedOrigins = origins(redirects)
	case KindNative:
		m.ApplicationType, m.TokenEndpointAuthMethod, m.Scope = storage.TypeNative, storage.AuthNone, people
	case KindService:
		m.TokenEndpointAuthMethod, m.GrantTypes, m.ResponseTypes = storage.AuthBasic, []string{storage.GrantClientCredentials}, nil
		return true
	default:
		return false
	}
	m.GrantTypes = []string{storage.GrantCode, storage.GrantRefresh}
	return true
}

// origins are where the pages of a single-page application come from.
func origins(redirects []string) []string {
	var list []string
	for _, r := range redirects {
		if u, err := url.Parse(r); err == nil && u.Host != "" {
			if origin := u.Scheme + "://" + u.Host; !slices.Contains(list, origin) {
				list = append(list, origin)
			}
		}
	}
	return list
}

// SetRedirects changes the redirect URIs of an app. The origins that followed from
// the old ones follow from the new ones.
func SetRedirects(m *storage.Metadata, redirects []string) {
	if len(m.AllowedOrigins) > 0 && slices.Equal(m.AllowedOrigins, origins(m.RedirectURIs)) {
		m.AllowedOrigins = origins(redirects)
	}
	m.RedirectURIs = redirects
}

// ScopesOf lists the scopes to choose among for a kind of app, and those that it
// has.
func ScopesOf(kind string, has []string) []string {
	list := []string{"openid", "profile", "email", "account", "roles", "entitlements", "offline_access"}
	if kind == KindService {
		list = Scopes()
	}
	for _, s := range has {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// KindOf says which kind of app a registration is nearest to.
func KindOf(m storage.Metadata) string {
	switch {
	case len(m.RedirectURIs) == 0 && slices.Contains(m.GrantTypes, storage.GrantClientCredentials):
		return KindService
	case m.ApplicationType == storage.TypeNative:
		return KindNative
	case m.Public():
		return KindSPA
	}
	return KindWeb
}
