package op

import (
	"slices"
	"strings"
	"testing"

	"stile/authn"
)

const (
	acrPassword = "urn:stile:acr:password"
	acrMFA      = "urn:stile:acr:mfa"
	acrREFEDS   = "https://refeds.org/profile/mfa"
)

func TestACRIsAnsweredInTheClientsDialectAndNeverTooHigh(t *testing.T) {
	l := defaultLevels()
	for _, c := range []struct {
		reached authn.Level
		asked   string
		want    string
	}{
		{authn.LevelPassword, "", acrPassword},
		{authn.LevelMFA, "", acrMFA},
		{authn.LevelMFA, acrREFEDS, acrREFEDS},
		{authn.LevelPassword, acrREFEDS, acrPassword}, // what was asked for was not reached
		{authn.LevelPassword, "phr " + acrMFA, acrPassword},
		{authn.LevelMFA, "phr " + acrREFEDS + " " + acrMFA, acrREFEDS},
		{authn.LevelMFA, acrPassword, acrPassword}, // one below is no lie
		{authn.LevelMFA, "0 unknown", acrMFA},
		{authn.LevelNone, acrPassword, ""},
	} {
		if got := l.Answer(c.reached, strings.Fields(c.asked)); got != c.want {
			t.Errorf("level %d, asked for %q: %q, want %q", c.reached, c.asked, got, c.want)
		}
	}
}

func TestACRTableCanBeConfigured(t *testing.T) {
	l := Levels{
		Names:   map[authn.Level]string{authn.LevelPassword: "1", authn.LevelMFA: "2", authn.LevelPhishingResistant: "3"},
		Aliases: map[string]authn.Level{"silver": authn.LevelMFA, "bronze": authn.LevelPassword, "gold": authn.LevelPhishingResistant},
	}
	if got := l.Of(strings.Fields("gold x silver 1")); !slices.Equal(got, []authn.Level{authn.LevelPhishingResistant, authn.LevelMFA, authn.LevelPassword}) {
		t.Errorf("levels %v", got)
	}
	if got := l.Supported(); !slices.Equal(got, []string{"1", "bronze", "2", "silver"}) {
		t.Errorf("discovery would list %v: only what somebody can reach", got)
	}
}

// defaultLevels names the levels as Stile does, with the aliases of the REFEDS
// profiles and of the OpenID Extended Authentication Profile.
func defaultLevels() Levels {
	return Levels{
		Names: map[authn.Level]string{
			authn.LevelPassword:          "urn:stile:acr:password",
			authn.LevelMFA:               "urn:stile:acr:mfa",
			authn.LevelPhishingResistant: "phr",
		},
		Aliases: map[string]authn.Level{
			"https://refeds.org/profile/sfa": authn.LevelPassword,
			"https://refeds.org/profile/mfa": authn.LevelMFA,
			"phrh":                           authn.LevelPhishingResistant,
		},
	}
}
