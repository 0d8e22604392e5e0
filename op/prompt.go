package op

import (
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// promptCreate asks for the sign-up (Initiating User Registration via OpenID
// Connect 1.0).
const promptCreate = "create"

// promptValues lists the values of prompt that are always understood.
var promptValues = []string{oidc.PromptNone, oidc.PromptLogin, oidc.PromptConsent, oidc.PromptSelectAccount}

// prompts lists those that are understood, for discovery too.
func (p *Provider) prompts() []string {
	if p.SignIns.SignsUp() {
		return append(slices.Clone(promptValues), promptCreate)
	}
	return promptValues
}

func (a *request) parsePrompt(prompt string, understood []string) error {
	values := strings.Fields(prompt)
	for _, v := range values {
		if !slices.Contains(understood, v) {
			return errPrompt()
		}
	}
	a.Silent = slices.Contains(values, oidc.PromptNone)
	a.ask.login = slices.Contains(values, oidc.PromptLogin)
	a.Consent = slices.Contains(values, oidc.PromptConsent)
	a.Create = slices.Contains(values, promptCreate)
	a.Select = slices.Contains(values, oidc.PromptSelectAccount)
	if a.Silent && len(values) > 1 {
		return errPromptNone()
	}
	return nil
}
