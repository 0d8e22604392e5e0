package storage

import "testing"

// What users have allowed holds for the reach that they were told of.
func TestWhatMakesAClientReachFurther(t *testing.T) {
	base := Metadata{
		Name: "App", RedirectURIs: []string{"https://app.example/cb", "https://app.example/other"},
		GrantTypes: []string{GrantCode, GrantRefresh}, Scope: "openid email",
	}
	for name, c := range map[string]struct {
		change func(*Metadata)
		grown  bool
	}{
		"nothing":                    {func(*Metadata) {}, false},
		"a redirect URI more":        {func(m *Metadata) { m.RedirectURIs = append(m.RedirectURIs, "https://app.example/third") }, true},
		"another redirect URI":       {func(m *Metadata) { m.RedirectURIs = []string{"https://app.example/cb", "https://elsewhere.example/cb"} }, true},
		"a redirect URI less":        {func(m *Metadata) { m.RedirectURIs = m.RedirectURIs[:1] }, false},
		"redirect URIs turned round": {func(m *Metadata) { m.RedirectURIs = []string{m.RedirectURIs[1], m.RedirectURIs[0]} }, false},
		"a grant type more":          {func(m *Metadata) { m.GrantTypes = append(m.GrantTypes, GrantDevice) }, true},
		"a grant type less":          {func(m *Metadata) { m.GrantTypes = m.GrantTypes[:1] }, false},
		"a scope more":               {func(m *Metadata) { m.Scope += " phone" }, true},
		"a scope less":               {func(m *Metadata) { m.Scope = "openid" }, false},
		"scopes turned round":        {func(m *Metadata) { m.Scope = " email  openid" }, false},
		"no list of scopes":          {func(m *Metadata) { m.Scope = "" }, true},
		"without its secret":         {func(m *Metadata) { m.TokenEndpointAuthMethod = AuthNone }, true},
		"the secret sent otherwise":  {func(m *Metadata) { m.TokenEndpointAuthMethod = AuthPost }, false},
		"another name":               {func(m *Metadata) { m.Name = "Another" }, true},
		"another home page":          {func(m *Metadata) { m.ClientURI = "https://elsewhere.example/" }, true},
		"without PKCE":               {func(m *Metadata) { m.RequirePKCE = new(false) }, true},
		"where sign-out leads":       {func(m *Metadata) { m.PostLogoutRedirectURIs = []string{"https://app.example/bye"} }, false},
	} {
		m := base
		m.RedirectURIs, m.GrantTypes = append([]string(nil), base.RedirectURIs...), append([]string(nil), base.GrantTypes...)
		c.change(&m)
		if got := m.Filled().grownSince(base.Filled(), true); got != c.grown {
			t.Errorf("%s: grown %v", name, got)
		}
	}
	renamed := base
	renamed.Name = "Another"
	if renamed.Filled().grownSince(base.Filled(), false) {
		t.Error("one of ours has grown by its name")
	}
	public := base
	public.TokenEndpointAuthMethod = AuthNone
	if base.Filled().grownSince(public.Filled(), true) || public.Filled().grownSince(public.Filled(), true) {
		t.Error("a client that gets a secret, or never had one, has grown")
	}
}
