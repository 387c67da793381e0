// Holds a document against the schema of OpenAPI 3.1, by the validator of npm: {valid, version, errors}.
'use strict';
const path = require('node:path');
const url = require('node:url');

async function main() {
  const module = path.join(process.env.NODE_PATH, '@seriousme/openapi-schema-validator/index.js');
  const {Validator} = await import(url.pathToFileURL(module).href);
  const answer = await fetch(process.argv[2]);
  const validator = new Validator();
  const {valid, errors} = await validator.validate(await answer.text());
  console.log(JSON.stringify({valid, version: validator.version, errors: errors || []}));
}
main();
