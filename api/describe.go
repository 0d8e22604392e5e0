package api

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"stile/storage"
)

// schemaName names the schemas of the document: as the types are called, and a
// page or list by what is on it.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for prefix, suffix := range map[string]string{"PageOf": "Page", "ListOf": "List"} {
		if of, ok := strings.CutPrefix(name, prefix); ok {
			name = of + suffix
		}
	}
	switch name {
	case "EventRecord", "EventRecordPage":
		return strings.Replace(name, "EventRecord", "Event", 1)
	case "Metadata":
		return "ClientMetadata"
	}
	return name
}

// Role is what a user may do in the account.
type Role string

// Schema implements [huma.SchemaProvider].
func (Role) Schema(r huma.Registry) *huma.Schema {
	const name = "Role"
	if r.Map()[name] == nil {
		roles := &huma.Schema{Type: huma.TypeString, Description: "Every user has the role member; the others come on top."}
		for _, role := range storage.Roles() {
			roles.Enum = append(roles.Enum, role)
		}
		roles.PrecomputeMessages()
		r.Map()[name] = roles
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

// texts turns a list of names into one of strings, or back. It is never nil.
func texts[T, S ~string](list []S) []T {
	as := make([]T, len(list))
	for i, s := range list {
		as[i] = T(s)
	}
	return as
}

// TransformSchema implements [huma.SchemaTransformer]: the types of problems are
// no closed set, so they are examples.
func (*Problem) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, kind := range problemTypes() {
		s.Properties["type"].Examples = append(s.Properties["type"].Examples, kind)
	}
	return s
}

// TransformSchema implements [huma.SchemaTransformer]: a registered app has what
// its metadata left to the defaults.
func (Client) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = append(s.Required, "application_type", "grant_types", "id_token_signed_response_alg", "token_endpoint_auth_method")
	return s
}

// headers are what answers with a status come with.
var headers = map[int][2]string{
	http.StatusUnauthorized:       {"WWW-Authenticate", "What is missing (RFC 6750, RFC 9470)."},
	http.StatusTooManyRequests:    {"Retry-After", "After how many seconds it may be tried again."},
	http.StatusServiceUnavailable: {"Retry-After", "After how many seconds it may be tried again."},
}

// takesBody tells whether an operation with such an input is sent a body.
func takesBody(input reflect.Type) bool {
	_, parsed := input.FieldByName("Body")
	_, raw := input.FieldByName("RawBody")
	return parsed || raw
}

// describe completes what the library says of an operation, which answers with
// another media type than JSON if one is named.
func describe(op *huma.Operation, answers string) {
	for _, p := range op.Parameters {
		if p.Name == "If-Match" { // the library would answer 422, not 428
			p.Required = true
		}
	}
	for status, header := range headers {
		if r := op.Responses[strconv.Itoa(status)]; r != nil {
			r.Headers = map[string]*huma.Param{header[0]: text(header[1])}
		}
	}
	done := op.Responses[strconv.Itoa(op.DefaultStatus)]
	if done.Headers == nil {
		done.Headers = map[string]*huma.Param{}
	}
	if op.Method == http.MethodPost {
		done.Headers[headerReplayed] = text("true, if it is the answer to an earlier request with the same Idempotency-Key.")
	}
	if answers != "" {
		done.Content = map[string]*huma.MediaType{answers: {Schema: &huma.Schema{Type: huma.TypeString}}}
		delete(done.Headers, "Content-Type")
	}
	if op.RequestBody != nil && op.RequestBody.Content["text/csv"] != nil {
		op.RequestBody.Content["text/csv"].Schema = &huma.Schema{Type: huma.TypeString}
	}
}

// leaveOpen lets answers grow: only what is sent is held to the members that are
// described.
func leaveOpen(d *huma.OpenAPI) {
	schemas := d.Components.Schemas.Map()
	sent := map[string]bool{}
	var follow func(s *huma.Schema)
	follow = func(s *huma.Schema) {
		switch name, isRef := strings.CutPrefix(s.Ref, "#/components/schemas/"); {
		case isRef && !sent[name]:
			sent[name] = true
			follow(schemas[name])
		case s.Items != nil:
			follow(s.Items)
		}
		for _, member := range s.Properties {
			follow(member)
		}
	}
	for _, item := range d.Paths {
		for _, op := range []*huma.Operation{item.Post, item.Put, item.Patch} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, content := range op.RequestBody.Content {
				follow(content.Schema)
			}
		}
	}
	for name, s := range schemas {
		if closed, _ := s.AdditionalProperties.(bool); !closed && s.Type == huma.TypeObject && !sent[name] {
			s.AdditionalProperties = nil
		}
	}
}

// text is a header of words.
func text(about string) *huma.Param {
	return &huma.Param{Description: about, Schema: &huma.Schema{Type: huma.TypeString}}
}
