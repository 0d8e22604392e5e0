// Validates an OpenAPI document with tools that are not ours: its form and its
// references, and each schema in it as JSON Schema (which OpenAPI's own schema
// leaves out). Prints what is wrong, and fails then.
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";

const document = JSON.parse(readFileSync(process.argv[2], "utf8"));
const faults = [];
const result = await new Validator().validate(structuredClone(document));
if (!result.valid) faults.push(result.errors);

const ajv = new Ajv2020({ strict: false, logger: false });
for (const [name, schema] of Object.entries(document.components.schemas)) {
  if (!ajv.validateSchema(schema)) faults.push({ schema: name, errors: ajv.errors });
}
if (faults.length > 0) {
  console.log(JSON.stringify(faults));
  process.exit(1);
}
