package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"stile/manage"
)

var update = flag.Bool("update", false, "write the reference anew")

const referencePath = "../docs/api.md"

const referenceHead = `# Admin API

For programs that do what an account's administrators do: ` + "`/api/v1`" + ` of your installation. This page is made from the
description at ` + "`/api/v1/openapi.json`" + ` (OpenAPI 3.1) by ` + "`make generate`" + `; clients can be generated from the same.

## Tokens

| who | how | what it may do |
|---|---|---|
| a service | client credentials of a client that belongs to the account and is registered for the scopes | what its scopes allow, apart from what only people do: resets and decisions about new devices |
| a person | any sign-in of a client that is registered for the scopes; asks for the multi-factor level | what both the person's role and the scopes allow |

An admin connects a service in the Admin Center, or with ` + "`POST /api/v1/clients`" + `. It asks for a token, which lasts five minutes:

` + "```sh" + `
curl -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials https://id.example.com/token
curl -H "Authorization: Bearer $TOKEN" https://id.example.com/api/v1/policy
` + "```" + `

A token acts on its own account; what is another account's is not found. Changes by people need password and second factor of
the last ten minutes, and the factor is no recovery code: otherwise the answer is the challenge of RFC 9470, see
[step-up.md](step-up.md). After a recovery code its max_age is 0, so that the user is asked anew.

## Conventions

- JSON in and out; what isn't described is refused. Times are RFC 3339 in UTC.
- Lists come a page at a time: go on with the link ` + "`rel=\"next\"`" + `, or with ` + "`cursor`" + ` = ` + "`next`" + `.
- A record is answered with an ` + "`ETag`" + `. To change or remove it, and to give an app another secret, send it in ` + "`If-Match`" + ` (428 without, 412 if somebody else was faster); ` + "`*`" + ` is any state.
- A POST may carry an ` + "`Idempotency-Key`" + ` of your making: for 24 hours a repeat by the same caller with the same app gets the first answer, a secret in it too, and nothing is done twice. The caller needs what the first request needed: role, scope and fresh proofs. 409: the first is
  under way. 422: the key was used for another request. What was refused may be sent again.
- Errors are RFC 9457 problems (` + "`application/problem+json`" + `); ` + "`type`" + ` is stable, ` + "`errors`" + ` names the fields or lines, ` + "`request_id`" + ` is in the log.
- 401 comes with ` + "`WWW-Authenticate`" + `, 429 and 503 with ` + "`Retry-After`" + `. A body may have 60 kB, a list of users 8 MB.

## A client from the description

For TypeScript, ` + "`openapi-typescript`" + ` makes the types, and ` + "`openapi-fetch`" + ` sends the requests by them:

` + "```sh" + `
npm install openapi-fetch openapi-typescript typescript@5
npx openapi-typescript https://id.example.com/api/v1/openapi.json -o stile.d.ts
npx tsc --strict --target es2022 --module nodenext users.ts
node users.js
` + "```" + `

with this as ` + "`users.ts`" + `, and ` + "`{\"type\": \"module\"}`" + ` in ` + "`package.json`" + `:

` + "```ts" + `
import createClient from "openapi-fetch";
import type { paths } from "./stile.js";

const token = "...";
const stile = createClient<paths>({ baseUrl: "https://id.example.com", headers: { Authorization: "Bearer " + token } });
const { data, error } = await stile.GET("/api/v1/users", { params: { query: { state: "to-enrol" } } });
if (error) throw new Error(error.title + ": " + error.detail);
for (const user of data.items) console.log(user.email, user.roles.join(" "));
` + "```" + `

Answers may grow: a client takes members, values of open sets and types of problems that it doesn't know. Members of
what you send, and closed sets (` + "`enum`" + `), are exactly those described.

## Problems

Without a ` + "`type`" + ` the status says it all.

| type | title |
|---|---|
`

// described is the document as far as the page shows it.
type described struct {
	Paths      map[string]map[string]describedOperation
	Components struct {
		Schemas map[string]describedSchema
	}
}

type describedOperation struct {
	Summary, Description string
	Tags                 []string
	Parameters           []struct {
		Name, In, Description string
		Required              bool
	}
	Security    []map[string][]string
	RequestBody *struct {
		Content map[string]struct{ Schema describedSchema }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema describedSchema }
	}
}

type describedSchema struct {
	Ref         string `json:"$ref"`
	Type        any
	Format      string
	Description string
	Enum        []any
	Items       *describedSchema
	Required    []string
	Properties  map[string]describedSchema
}

// what says what a value is, in a few words.
func (s describedSchema) what() string {
	if s.Ref != "" {
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return "[" + name + "](#" + strings.ToLower(name) + ")"
	}
	if s.Items != nil {
		return "list of " + s.Items.what()
	}
	kind := fmt.Sprint(s.Type)
	if list, ok := s.Type.([]any); ok {
		kind = fmt.Sprint(list[0])
	}
	if s.Format != "" && !strings.HasPrefix(s.Format, "int") {
		kind = s.Format
	}
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprintf("`%v`", v))
		}
		kind = strings.Join(values, ", ")
	}
	return kind
}

func reference(document []byte) ([]byte, error) {
	var d described
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(referenceHead)
	for _, kind := range problemTypes() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", kind, titles[kind])
	}
	b.WriteString("\n")
	var tags []string
	sections := map[string]*bytes.Buffer{}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			o, ok := d.Paths[path][method]
			if !ok {
				continue
			}
			tag := o.Tags[0]
			if sections[tag] == nil {
				tags, sections[tag] = append(tags, tag), &bytes.Buffer{}
			}
			o.write(sections[tag], strings.ToUpper(method), path)
		}
	}
	for _, tag := range tags {
		fmt.Fprintf(&b, "## %s\n\n%s", tag, sections[tag])
	}
	b.WriteString("## Shapes\n\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		d.Components.Schemas[name].write(&b, name)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func (o describedOperation) write(b *bytes.Buffer, method, path string) {
	fmt.Fprintf(b, "### %s\n\n`%s %s`", o.Summary, method, path)
	var scopes []string
	for _, s := range o.Security {
		scopes = append(scopes, "`"+strings.Join(s[scheme], "` and `")+"`")
	}
	fmt.Fprintf(b, " with %s\n\n", strings.Join(scopes, ", or "))
	if o.Description != "" {
		fmt.Fprintf(b, "%s\n\n", o.Description)
	}
	var rows []string
	for _, p := range o.Parameters {
		if p.Name != headerKey {
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |", p.Name, p.In, p.Description))
		}
	}
	if len(rows) > 0 {
		fmt.Fprintf(b, "| parameter | in | meaning |\n|---|---|---|\n%s\n\n", strings.Join(rows, "\n"))
	}
	if o.RequestBody != nil {
		for kind, c := range o.RequestBody.Content {
			sent := c.Schema.what()
			if kind != "application/json" {
				sent = "text"
			}
			fmt.Fprintf(b, "Send %s: %s\n\n", kind, sent)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		if status >= "300" {
			continue
		}
		answer := ""
		for kind, c := range o.Responses[status].Content {
			answer = ": " + c.Schema.what()
			if kind != "application/json" {
				answer = ": " + kind
			}
		}
		fmt.Fprintf(b, "Answers %s%s\n\n", status, answer)
	}
}

func (s describedSchema) write(b *bytes.Buffer, name string) {
	if len(s.Enum) > 0 {
		fmt.Fprintf(b, "### %s\n\n%s: %s\n\n", name, strings.TrimSuffix(s.Description, "."), s.what())
		return
	}
	fmt.Fprintf(b, "### %s\n\n| member | | |\n|---|---|---|\n", name)
	for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[member]
		mark := ""
		if slices.Contains(s.Required, member) {
			mark = " (always)"
		}
		fmt.Fprintf(b, "| `%s`%s | %s | %s |\n", member, mark, p.what(), p.Description)
	}
	b.WriteString("\n")
}

// docs/api.md is what the description says. `make generate` writes it anew.
func TestReferenceIsMadeFromTheDescription(t *testing.T) {
	a, err := New(Options{Issuer: "https://id.example.com", Manage: &manage.Service{}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := reference(a.Document())
	if err != nil {
		t.Fatal(err)
	}
	page = append(page, '\n')
	if *update {
		if err := os.WriteFile(referencePath, page, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if old, err := os.ReadFile(referencePath); err != nil || !bytes.Equal(old, page) {
		t.Errorf("docs/api.md is not what the description says (%v): run make generate", err)
	}
}

// The document holds together: every reference leads somewhere, every operation
// says who may call it, how it can fail, and what it is about.
func TestDescriptionHoldsTogether(t *testing.T) {
	a, err := New(Options{Issuer: "https://id.example.com", Manage: &manage.Service{}})
	if err != nil {
		t.Fatal(err)
	}
	var d described
	if err := json.Unmarshal(a.Document(), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Paths) < 20 {
		t.Errorf("only %d paths", len(d.Paths))
	}
	for path, methods := range d.Paths {
		for method, o := range methods {
			if o.Summary == "" || len(o.Tags) != 1 || len(o.Security) == 0 {
				t.Errorf("%s %s: summary %q, tags %v, security %v", method, path, o.Summary, o.Tags, o.Security)
			}
			for _, p := range o.Parameters {
				if p.Name == "If-Match" && !p.Required {
					t.Errorf("%s %s: If-Match is needed", method, path)
				}
			}
			statuses := []string{"401", "403", "429", "503"}
			if o.RequestBody != nil {
				statuses = append(statuses, "413", "415", "422")
			}
			for _, status := range statuses {
				if o.Responses[status].Content["application/problem+json"].Schema.Ref == "" {
					t.Errorf("%s %s: nothing is said of %s", method, path, status)
				}
			}
		}
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				if _, known := d.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]; !known {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			if kinds, ok := v["type"].([]any); ok {
				t.Errorf("a value is one of %v: nothing of ours is null", kinds)
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	var whole any
	_ = json.Unmarshal(a.Document(), &whole)
	walk(whole)
}
