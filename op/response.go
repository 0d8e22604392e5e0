package op

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"stile/templates"
	"stile/web"
)

// responseMode is how an answer reaches the client (OAuth 2.0 Multiple Response
// Types, section 2.1; Form Post Response Mode).
type responseMode string

// The response modes; query is the one of the code flow.
const (
	modeQuery    responseMode = "query"
	modeFragment responseMode = "fragment"
	modeFormPost responseMode = "form_post"
)

// responseModes lists what discovery announces.
var responseModes = []responseMode{modeQuery, modeFragment, modeFormPost}

// target is where the answer to a request goes.
type target struct {
	URI   redirectURI  `json:"uri"`
	Mode  responseMode `json:"mode"`
	State string       `json:"state,omitempty"`
}

// takes tells whether answers can be given in a mode: nothing can be posted to
// a private scheme.
func (t target) takes(m responseMode) bool {
	return slices.Contains(responseModes, m) && (m != modeFormPost || onWeb(string(t.URI)))
}

// onWeb tells whether a URI is one that browsers load and post to.
func onWeb(uri string) bool {
	return strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://")
}

// field is one parameter of an answer.
type field = templates.FormField

// answerCode gives the client its code.
func (p *Provider) answerCode(w http.ResponseWriter, r *http.Request, t target, code string) error {
	return p.answer(w, r, t, field{Name: "code", Value: code})
}

// answerError gives the client an error, in the same way as a code.
func (p *Provider) answerError(w http.ResponseWriter, r *http.Request, t target, e *oidc.Error) error {
	return p.answer(w, r, t,
		field{Name: "error", Value: string(e.ErrorType)},
		field{Name: "error_description", Value: e.Description})
}

// answer sends fields to the client, with state and iss (RFC 9207) on each.
func (p *Provider) answer(w http.ResponseWriter, r *http.Request, t target, fields ...field) error {
	if t.State != "" {
		fields = append(fields, field{Name: "state", Value: t.State})
	}
	fields = append(fields, field{Name: "iss", Value: p.Issuer})
	switch t.Mode {
	case modeFormPost:
		return p.Kit.Page(w, r, http.StatusOK,
			templates.FormPost{Action: string(t.URI), Fields: fields}, web.Policy(formPostPolicy(t.URI)))
	case modeFragment:
		return p.Kit.Leave(w, r, string(t.URI)+"#"+encode(fields))
	default:
		return p.Kit.Leave(w, r, withQuery(string(t.URI), fields...))
	}
}

// withQuery adds fields to the query of a registered URI, whose own bytes stay
// as they are.
func withQuery(uri string, fields ...field) string {
	switch {
	case len(fields) == 0:
		return uri
	case !strings.Contains(uri, "?"):
		return uri + "?" + encode(fields)
	case strings.HasSuffix(uri, "?"), strings.HasSuffix(uri, "&"):
		return uri + encode(fields)
	default:
		return uri + "&" + encode(fields)
	}
}

// encode writes fields as application/x-www-form-urlencoded, with %20 for a
// space: readers that expect a plain URI understand that too.
func encode(fields []field) string {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(f.Name)
		b.WriteByte('=')
		b.WriteString(strings.ReplaceAll(url.QueryEscape(f.Value), "+", "%20"))
	}
	return b.String()
}

// formPostPolicy lets the page that carries an answer post to the redirect URI
// and nowhere else, and run the one script that does so. A policy knows no
// query, and an address in brackets only by its scheme.
func formPostPolicy(uri redirectURI) string {
	to, _, _ := strings.Cut(string(uri), "?")
	if strings.HasPrefix(to, "http://[") {
		to = "http:"
	}
	to = strings.NewReplacer(";", "%3B", ",", "%2C", " ", "%20").Replace(to)
	return "default-src 'none'; style-src 'self'; img-src 'self'; script-src " + templates.FormPostScriptHash +
		"; base-uri 'none'; frame-ancestors 'none'; form-action " + to
}
