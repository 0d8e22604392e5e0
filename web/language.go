package web

import (
	"net/http"
	"net/url"

	"stile/locale"
	"stile/templates"
)

// printer chooses the language of a page. A choice by the switch is kept in a
// cookie.
func (k *Kit) printer(w http.ResponseWriter, r *http.Request, v *view) locale.Printer {
	if chosen := Language(r); chosen != "" && chosen != k.Cookie(r, CookieLang) {
		k.SetCookie(w, CookieLang, chosen, langAge)
	}
	return k.set.Printer(k.LanguageFor(r, v.preferred, v.fallback))
}

// LanguageFor returns the language that a page has: what the switch says, the
// preferred ones, what this browser chose once, what it accepts, the fallback,
// English.
func (k *Kit) LanguageFor(r *http.Request, preferred []string, fallback string) locale.Lang {
	wanted := append([]string{Language(r)}, preferred...)
	return locale.Negotiate(append(wanted, k.Cookie(r, CookieLang), r.Header.Get("Accept-Language"), fallback)...)
}

// Language returns the language that the switch of this page says, or "".
func Language(r *http.Request) string {
	tag := r.URL.Query().Get(templates.FieldLang)
	for _, l := range locale.Supported {
		if tag == string(l) {
			return tag
		}
	}
	return ""
}

// WithLanguage adds the choice of the switch to a path of our own, so that it
// holds on the next page.
func WithLanguage(r *http.Request, path string) string {
	u, err := url.Parse(path)
	chosen := Language(r)
	if err != nil || chosen == "" {
		return path
	}
	query := u.Query()
	query.Set(templates.FieldLang, chosen)
	u.RawQuery = query.Encode()
	return u.String()
}

// languageLinks offers the page that is shown in each language. A page that
// answers a post is found by the request that travels along.
func languageLinks(r *http.Request, request, current string) []templates.LanguageLink {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || r.Method == http.MethodPost {
		query = url.Values{}
	}
	if request != "" {
		query = url.Values{templates.FieldRequest: {request}}
	}
	links := make([]templates.LanguageLink, 0, len(locale.Supported))
	for _, l := range locale.Supported {
		query.Set(templates.FieldLang, string(l))
		links = append(links, templates.LanguageLink{
			Tag: string(l), Name: l.Name(), Href: r.URL.Path + "?" + query.Encode(), Current: string(l) == current,
		})
	}
	return links
}
