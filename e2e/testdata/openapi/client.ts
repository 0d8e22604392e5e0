// A program of somebody who has only the description: its types are made of the
// document, and every answer is held against it. Prints a line of JSON for each
// step.
import { Ajv2020 } from "ajv/dist/2020.js";
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./stile.js";

type User = components["schemas"]["User"];
type Problem = components["schemas"]["Problem"];

declare const process: { argv: string[] };
const [issuer, token, email] = process.argv.slice(2) as [string, string, string];

// Formats are left to the eye; everything else must be as described.
const document = await (await fetch(`${issuer}/api/v1/openapi.json`)).json();
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(document, "stile.json");
const asDescribed: Middleware = {
  async onResponse({ request, response, schemaPath }) {
    const method = request.method.toLowerCase();
    const said = document.paths[schemaPath][method].responses[response.status];
    const kind = response.headers.get("Content-Type");
    if (!said || (said.content && !(kind! in said.content))) throw new Error(`${method} ${schemaPath}: ${response.status} ${kind} is not described`);
    if (!said.content) return;
    const steps = ["paths", schemaPath, method, "responses", String(response.status), "content", kind!, "schema"];
    const pointer = steps.map((s) => encodeURIComponent(s.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
    const fits = ajv.compile({ $ref: `stile.json#/${pointer}` });
    if (!fits(await response.clone().json())) throw new Error(`${method} ${schemaPath}: ${ajv.errorsText(fits.errors)}`);
  },
};

const stile = createClient<paths>({ baseUrl: issuer, headers: { Authorization: `Bearer ${token}` } });
stile.use(asDescribed);

const say = (step: string, more: object) => console.log(JSON.stringify({ step, ...more }));

// done is what was answered; a problem ends the program.
function done<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.error) throw new Error(`${answer.error.title}: ${answer.error.detail} (${answer.error.request_id})`);
  return answer.data as T;
}

// Users, a page at a time.
const users: User[] = [];
let pages = 0;
for (let cursor: string | undefined; ; pages++) {
  const page = done(await stile.GET("/api/v1/users", { params: { query: { limit: 2, role: "member", ...(cursor && { cursor }) } } }));
  users.push(...page.items);
  cursor = page.next;
  if (!cursor) break;
}
say("users", { pages: pages + 1, emails: users.map((u) => u.email), roles: users.map((u) => u.roles) });

// One of them is changed; whoever has seen the state of before is refused.
const id = users.find((u) => u.email === email)!.id;
const read = await stile.GET("/api/v1/users/{id}", { params: { path: { id } } });
const seen = read.response.headers.get("ETag")!;
const rename = (name: string) =>
  stile.PATCH("/api/v1/users/{id}", { params: { path: { id }, header: { "If-Match": seen } }, body: { name, roles: ["member", "auditor"] } });
const user = done(await rename("Renamed by Program"));
say("changed", { before: done(read).name, name: user.name, roles: user.roles });
const stale = await rename("Too Late");
say("stale", { status: stale.response.status, type: stale.error?.type, title: stale.error?.title });

// An invitation that is sent twice is made once.
const invite = (name: string) =>
  stile.POST("/api/v1/invitations", { params: { header: { "Idempotency-Key": "first" } }, body: { email: "new@example.com", name, roles: ["member"] } });
for (const answer of [await invite("New Person"), await invite("New Person"), await invite("Other Person")]) {
  say("invited", { status: answer.response.status, replayed: answer.response.headers.get("Idempotency-Replayed"), type: answer.error?.type });
}

const policy = done(await stile.GET("/api/v1/policy"));
const coverage = done(await stile.GET("/api/v1/coverage"));
say("policy", { two_step: policy.two_step, from: policy.from, products: policy.products, users: coverage.users, covered: coverage.covered });

// A device group comes, is renamed, and goes.
const made = await stile.POST("/api/v1/device-groups", { body: { name: "Phones", has: { client_version: "4.3", client_build: 1575 } } });
const group = done(made);
say("group", { name: group.name, location: made.response.headers.get("Location") === `/api/v1/device-groups/${group.id}` });
const params = { path: { id: group.id }, header: { "If-Match": made.response.headers.get("ETag")! } };
const put = await stile.PUT("/api/v1/device-groups/{id}", { params, body: { name: "Telephones", has: group.has } });
const renamed = done(put);
const groups = async () => done(await stile.GET("/api/v1/device-groups")).items.map((g) => g.name);
say("group", { name: renamed.name, groups: await groups() });
done(await stile.DELETE("/api/v1/device-groups/{id}", { params: { path: { id: group.id }, header: { "If-Match": put.response.headers.get("ETag")! } } }));
say("group", { groups: await groups() });
done(await stile.POST("/api/v1/device-groups", { body: { name: "Kept", has: { client_version: "4.4", client_build: 1 } } }));

// What is wrong is said by field.
const refused = await stile.POST("/api/v1/device-groups", { body: { name: "", has: { client_version: "four", client_build: -1 } } });
say("refused", { status: refused.response.status, fields: refused.error?.errors?.map((e) => e.field).sort() });
const missing = await stile.GET("/api/v1/users/{id}", { params: { path: { id: "nobody" } } });
say("missing", { status: missing.response.status, title: missing.error?.title });

const log = done(await stile.GET("/api/v1/events", { params: { query: { outcome: "ok", limit: 100 } } }));
say("log", { events: log.items.filter((e) => e.actor_kind === "client").map((e) => e.kind).reverse() });

// Everything else that is only read.
const others = [
  await stile.GET("/api/v1/account"), await stile.GET("/api/v1/products"), await stile.GET("/api/v1/clients"), await stile.GET("/api/v1/invitations"),
  await stile.GET("/api/v1/device-requests"), await stile.GET("/api/v1/series/sign-ins", { params: { query: { days: 7 } } }), await stile.GET("/api/v1/series/enrolment"),
];
say("others", { statuses: others.map((o) => o.response.status) });
