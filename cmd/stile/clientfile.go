package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"stile/manage"
	"stile/storage"
)

// maxMetadata bounds a registration, in bytes.
const maxMetadata = 256 << 10

func newClientID() string { return uuid.NewString() }

// clientFlags describe a client: a file with metadata, or flags for the common
// cases.
type clientFlags struct {
	command *cobra.Command

	file, kind, name, scope   string
	redirects, signedOut      []string
	thirdParty, introspectAll bool
	disable, enable           bool

	loaded *registration // of the file; nil without one
}

func (f *clientFlags) register(c *cobra.Command) {
	f.command = c
	c.Flags().StringVar(&f.file, "file", "", "metadata of RFC 7591 in JSON, from a `FILE`; - reads standard input")
	c.Flags().StringVar(&f.kind, "type", "", "web, spa, native or service: presets of grants, authentication and scopes")
	c.Flags().StringVar(&f.name, "name", "", "client_name")
	c.Flags().StringSliceVar(&f.redirects, "redirect-uri", nil, "redirect URI; may be repeated")
	c.Flags().StringSliceVar(&f.signedOut, "post-logout-redirect-uri", nil, "where to go after sign-out; may be repeated")
	c.Flags().StringVar(&f.scope, "scope", "", "scopes that the client may ask for, separated by spaces")
	c.Flags().BoolVar(&f.thirdParty, "third-party", false, "its users are asked for consent")
	c.Flags().BoolVar(&f.introspectAll, "introspect-all", false, "it is an API that may introspect the tokens of all clients")
	for _, other := range []string{"type", "name", "redirect-uri", "post-logout-redirect-uri", "scope", "introspect-all"} {
		c.MarkFlagsMutuallyExclusive("file", other)
	}
}

// apply writes what the file, once loaded, and the flags say over c. A fresh
// client needs a file or a type.
func (f *clientFlags) apply(c *storage.Client, fresh bool) error {
	switch {
	case f.loaded != nil:
		f.loaded.over(c)
	case fresh && f.kind == "":
		return wrongUsage("give --file, or --type with --name and --redirect-uri")
	case f.kind != "":
		if !manage.Preset(f.kind, f.redirects, &c.Metadata) {
			return wrongUsage("--type %q: use web, spa, native or service", f.kind)
		}
	}
	set(f.command, "name", &c.Metadata.Name, f.name)
	set(f.command, "redirect-uri", &c.Metadata.RedirectURIs, f.redirects)
	set(f.command, "post-logout-redirect-uri", &c.Metadata.PostLogoutRedirectURIs, f.signedOut)
	set(f.command, "scope", &c.Metadata.Scope, f.scope)
	set(f.command, "introspect-all", &c.Metadata.IntrospectAll, f.introspectAll)
	set(f.command, "third-party", &c.ThirdParty, f.thirdParty)
	set(f.command, "disable", &c.Disabled, f.disable)
	if f.enable {
		c.Disabled = false
	}
	return nil
}

// registration is what a file may hold beside the metadata.
type registration struct {
	ID         *string `json:"client_id"`
	Secret     *string `json:"client_secret"`
	ThirdParty *bool   `json:"third_party"`
	storage.Metadata
}

// load reads the file, if one is named. Metadata that Stile does not know is left
// out, as RFC 7591 section 2 wants, but said.
func (f *clientFlags) load(p *program) error {
	if f.file == "" {
		return nil
	}
	name, in := f.file, p.in
	if name == "-" {
		name = "standard input"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxMetadata+1))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxMetadata {
		return fmt.Errorf("%s: larger than %d bytes", name, maxMetadata)
	}
	var r registration
	var keys map[string]json.RawMessage
	for _, into := range []any{&keys, &r} {
		if err := json.Unmarshal(text, into); err != nil {
			return jsonError(name, text, err)
		}
	}
	switch {
	case keys == nil:
		return fmt.Errorf("%s: write one JSON object with the client's metadata", name)
	case r.Secret != nil:
		return fmt.Errorf("%s: client_secret: leave it out: secrets are made here and printed once", name)
	}
	if unknown := unknownKeys(keys); len(unknown) > 0 {
		p.say("stile: %s: not supported and left out: %s", name, strings.Join(unknown, ", "))
	}
	f.loaded = &r
	return nil
}

// over writes the registration over a client: the metadata as a whole.
func (r *registration) over(c *storage.Client) {
	c.Metadata = r.Metadata
	if r.ID != nil {
		c.ID = *r.ID
	}
	if r.ThirdParty != nil {
		c.ThirdParty = *r.ThirdParty
	}
}

// unknownKeys returns the keys that no field takes. What a registration
// response adds is passed over, so that one can be fed back.
func unknownKeys(keys map[string]json.RawMessage) []string {
	known := map[string]bool{"account_id": true, "disabled": true, "client_id_issued_at": true, "client_secret_expires_at": true}
	jsonKeys(reflect.TypeFor[registration](), known)
	var unknown []string
	for key := range keys {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// jsonKeys collects the keys of a struct and of what is embedded in it.
func jsonKeys(t reflect.Type, known map[string]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			jsonKeys(f.Type, known)
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[key] = true
	}
}

// jsonError says where a JSON text is wrong.
func jsonError(name string, text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	line := func(offset int64) int {
		return 1 + strings.Count(string(text[:min(max(offset, 0), int64(len(text)))]), "\n")
	}
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s:%d: not JSON: %w", name, line(syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("%s:%d: %s is a %s, not a %s", name, line(kind.Offset), strings.TrimPrefix(kind.Field, "Metadata."), article(kind.Type.String()), kind.Value)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// article names a type of JSON as people do.
func article(t string) string {
	switch {
	case strings.HasPrefix(t, "[]"):
		return "list"
	case strings.Contains(t, "int"):
		return "number"
	case strings.Contains(t, "bool"):
		return "true or false"
	case strings.HasPrefix(t, "map"), strings.Contains(t, "."):
		return "object"
	}
	return "text"
}
