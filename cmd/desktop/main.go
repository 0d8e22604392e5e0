// Command desktop is a sample native app: it signs in through the system
// browser with a loopback redirect and PKCE (RFC 8252), keeps its tokens in the
// keyring of the operating system or, where there is none, in a file that only
// its owner reads, and prints the claims of its ID token.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/pkg/browser"
	"github.com/spf13/cobra"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

type app struct {
	issuer, clientID, acr string
	scopes                []string
	noBrowser, refresh    bool
	json                  bool
	timeout               time.Duration
	out                   io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(os.Stdout).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "desktop:", err)
		os.Exit(1)
	}
}

func command(out io.Writer) *cobra.Command {
	a := app{out: out}
	c := &cobra.Command{
		Use:   "desktop --issuer URL --client-id ID",
		Short: "Sign in as a desktop app does",
		Long: "Signs in through the system browser with a loopback redirect and PKCE, keeps the\n" +
			"tokens in the keyring or, where there is none, in a file that only you can read,\n" +
			"and prints what the ID token says.",
		Example: "  desktop --issuer http://localhost:8080 --client-id desktop\n" +
			"  desktop --issuer http://localhost:8080 --client-id desktop --no-browser --json",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return a.run(c.Context()) },
	}
	f := c.Flags()
	f.StringVar(&a.issuer, "issuer", "", "URL of the provider")
	f.StringVar(&a.clientID, "client-id", "", "client_id of this app")
	f.StringSliceVar(&a.scopes, "scope", []string{"openid", "profile", "email", "offline_access"}, "scopes to ask for")
	f.StringVar(&a.acr, "acr-values", "", "acr_values to ask for, such as urn:stile:acr:mfa")
	f.BoolVar(&a.noBrowser, "no-browser", false, "print the URL instead of opening it")
	f.BoolVar(&a.refresh, "refresh", false, "use the tokens kept by an earlier run instead of signing in")
	f.BoolVar(&a.json, "json", false, "end by printing the claims as one JSON object")
	f.DurationVar(&a.timeout, "timeout", time.Hour, "how long to wait for the sign-in")
	_ = c.MarkFlagRequired("issuer")
	_ = c.MarkFlagRequired("client-id")
	return c
}

func (a *app) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	keep := newStore(a.issuer, a.clientID)
	var tokens *oidc.Tokens[*oidc.IDTokenClaims]
	var err error
	if a.refresh {
		tokens, err = a.renew(ctx, keep)
	} else {
		tokens, err = a.signIn(ctx)
	}
	if err != nil {
		return err
	}
	if tokens.RefreshToken != "" {
		where, err := keep.save(tokens.RefreshToken)
		if err != nil {
			return err
		}
		if !a.json {
			fmt.Fprintf(a.out, "The tokens are kept in %s.\n", where)
		}
	}
	return a.print(tokens.IDToken)
}

// signIn sends the user to the provider with the system browser and waits for
// the answer on the loopback interface.
func (a *app) signIn(ctx context.Context) (*oidc.Tokens[*oidc.IDTokenClaims], error) {
	answers, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	defer answers.close(context.WithoutCancel(ctx))
	party, err := a.party(ctx, answers.redirectURI())
	if err != nil {
		return nil, err
	}
	r := newRequest()
	url := rp.AuthURL(r.state, party, r.options(a.acr)...)
	if a.noBrowser {
		fmt.Fprintln(a.out, url)
	} else if err := browser.OpenURL(url); err != nil {
		fmt.Fprintf(a.out, "Open this page to sign in:\n%s\n", url)
	}
	code, err := answers.wait(ctx, r.state, a.issuer)
	if err != nil {
		return nil, err
	}
	ctx = context.WithValue(ctx, nonceKey{}, r.nonce)
	tokens, err := rp.CodeExchange[*oidc.IDTokenClaims](ctx, code, party, rp.WithCodeVerifier(r.verifier))
	if err != nil {
		return nil, fmt.Errorf("the provider did not give good tokens for the code: %w", err)
	}
	return tokens, nil
}

// renew asks for new tokens with the refresh token of an earlier run.
func (a *app) renew(ctx context.Context, keep store) (*oidc.Tokens[*oidc.IDTokenClaims], error) {
	refreshToken, err := keep.load()
	if err != nil {
		return nil, err
	}
	party, err := a.party(ctx, "")
	if err != nil {
		return nil, err
	}
	tokens, err := rp.RefreshTokens[*oidc.IDTokenClaims](ctx, party, refreshToken, "", "")
	if err != nil {
		return nil, fmt.Errorf("the kept tokens are no longer good, sign in again without --refresh: %w", err)
	}
	return tokens, nil
}

func (a *app) party(ctx context.Context, redirectURI string) (rp.RelyingParty, error) {
	party, err := rp.NewRelyingPartyOIDC(ctx, a.issuer, a.clientID, "", redirectURI, a.scopes,
		rp.WithSigningAlgsFromDiscovery(), rp.WithVerifierOpts(rp.WithNonce(nonceOf)), rp.WithHTTPClient(&http.Client{Timeout: 30 * time.Second}))
	if err != nil {
		return nil, fmt.Errorf("no OpenID provider answers at %s: %w", a.issuer, err)
	}
	return party, nil
}

func (a *app) print(idToken string) error {
	var claims map[string]any
	if _, err := oidc.ParseToken(idToken, &claims); err != nil {
		return fmt.Errorf("the ID token can not be read: %w", err)
	}
	if a.json {
		return json.NewEncoder(a.out).Encode(claims)
	}
	names := make([]string, 0, len(claims))
	for name := range claims {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text, err := json.Marshal(claims[name])
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%-14s %s\n", name, strings.Trim(string(text), `"`))
	}
	return nil
}
