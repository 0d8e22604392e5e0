package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Names of Stile's levels, as they are unless an installation is configured
// otherwise.
const (
	Password          = "urn:stile:acr:password" //nolint:gosec // the name of a level
	MultiFactor       = "urn:stile:acr:mfa"
	PhishingResistant = "phr"
)

// Options say whose tokens an API takes. Only Issuer is required.
type Options struct {
	// Issuer is the issuer URL, letter by letter as discovery has it.
	Issuer string
	// ClientID and ClientSecret are the credentials with which the API
	// introspects, by HTTP Basic. Without them only signed tokens are taken.
	ClientID, ClientSecret string
	// Audience is what signed tokens must be for; the issuer if empty, which is
	// what Stile writes where no other resource was named.
	Audience string
	// Algorithms are those that a signed token may have. ES256, RS256, PS256 and
	// EdDSA if empty; algorithms with a shared secret are refused.
	Algorithms []string
	// Levels are the acr values of the issuer, the weakest level first, each
	// with its aliases. A demand is met by its own values and by those of higher
	// levels. [DefaultLevels] if empty.
	Levels [][]string
	// Remember is how long an answer of the introspection endpoint may be used
	// again: for so long a change goes unnoticed. Zero asks each time.
	Remember time.Duration
	// Client sends the requests to the issuer. If nil, one that waits three
	// seconds; redirects are followed by none.
	Client *http.Client
	// Now is the clock, the system's if nil.
	Now func() time.Time
	// Logger is told why the issuer could not be asked; [slog.Default] if nil.
	Logger *slog.Logger
}

// DefaultLevels returns the levels of Stile with the names that it gives them.
func DefaultLevels() [][]string {
	return [][]string{
		{Password, "https://refeds.org/profile/sfa"},
		{MultiFactor, "https://refeds.org/profile/mfa"},
		{PhishingResistant, "phrh"},
	}
}

// Verifier verifies the access tokens of one issuer. It is safe for concurrent
// use.
type Verifier struct {
	o          Options
	client     *http.Client
	algorithms []jose.SignatureAlgorithm
	rank       map[string]int // level of an acr value
	introspect string         // endpoint
	keys       keyCache
	answers    answerCache
}

// New reads the discovery document of the issuer and returns a verifier of its
// access tokens. It fails if the options make no sense or the issuer does not
// answer: an API finds out at its start, not at its first call.
func New(ctx context.Context, o Options) (*Verifier, error) {
	v := &Verifier{o: o, client: newClient(o.Client), rank: map[string]int{}}
	if v.o.Now == nil {
		v.o.Now = time.Now //nolint:forbidigo // this package is used by programs without a clock of ours
	}
	if v.o.Logger == nil {
		v.o.Logger = slog.Default()
	}
	if v.o.Audience == "" {
		v.o.Audience = o.Issuer
	}
	if (o.ClientID == "") != (o.ClientSecret == "") {
		return nil, errors.New("resource: ClientID and ClientSecret go together")
	}
	if err := v.setAlgorithms(); err != nil {
		return nil, err
	}
	if len(v.o.Levels) == 0 {
		v.o.Levels = DefaultLevels()
	}
	for rank, names := range v.o.Levels {
		for _, name := range names {
			v.rank[name] = rank
		}
	}
	v.keys.init()
	return v, v.discover(ctx)
}

// asymmetric are the algorithms whose keys an issuer can publish.
var asymmetric = []jose.SignatureAlgorithm{
	jose.ES256, jose.RS256, jose.PS256, jose.EdDSA, jose.ES384, jose.ES512, jose.RS384, jose.RS512, jose.PS384, jose.PS512,
}

func (v *Verifier) setAlgorithms() error {
	if len(v.o.Algorithms) == 0 {
		v.algorithms = asymmetric[:4]
	}
	for _, name := range v.o.Algorithms {
		alg := jose.SignatureAlgorithm(name)
		if !slices.Contains(asymmetric, alg) {
			return fmt.Errorf("resource: %q is not an algorithm that access tokens may be signed with", name)
		}
		v.algorithms = append(v.algorithms, alg)
	}
	return nil
}

// discover finds the endpoints of the issuer (OpenID Connect Discovery, section
// 4). Where the issuer is an https URL they have to be, too.
func (v *Verifier) discover(ctx context.Context) error {
	issuer, err := url.Parse(v.o.Issuer)
	if err != nil || issuer.Host == "" || issuer.Scheme != "https" && issuer.Scheme != "http" {
		return fmt.Errorf("resource: the issuer %q is not a URL", v.o.Issuer)
	}
	var d struct {
		Issuer        string `json:"issuer"`
		JWKS          string `json:"jwks_uri"`
		Introspection string `json:"introspection_endpoint"`
	}
	at := strings.TrimSuffix(v.o.Issuer, "/") + "/.well-known/openid-configuration"
	if err := v.getJSON(ctx, at, &d); err != nil {
		return fmt.Errorf("resource: discovery: %w", err)
	}
	if d.Issuer != v.o.Issuer {
		return fmt.Errorf("resource: discovery at %s is of the issuer %q, not of %q", at, d.Issuer, v.o.Issuer)
	}
	for _, endpoint := range []string{d.JWKS, d.Introspection} {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != issuer.Scheme {
			return fmt.Errorf("resource: discovery at %s: %q is not an endpoint to be used", at, endpoint)
		}
	}
	v.introspect, v.keys.uri = d.Introspection, d.JWKS
	return nil
}
