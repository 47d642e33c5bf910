/**
 * Makes the project's own tables from published facts about the Kubernetes API: `data/schema.json` (messages and
 * fields), `data/enums.json`, `data/resources.json`, and from the same facts `src/generated/types.ts` (interfaces)
 * and `src/generated/resources.ts` (constants). Run by hand after the facts change; its output is committed.
 *
 *   ./bin/node packages/api/scripts/generate.ts DIRECTORY_WITH_FACTS
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface FactField {
  json: string;
  num: number;
  type: string;
  card?: 'repeated' | 'map';
  go?: string;
  omit?: string;
  required?: boolean;
  inline?: boolean;
  enum?: string;
  default?: unknown;
  listType?: string;
  listMapKeys?: string[];
  patchStrategy?: string[];
  patchMergeKey?: string;
  mapType?: string;
  structType?: string;
  stage?: string;
  jsonHidden?: boolean;
  deprecated?: boolean;
}
interface FactMessage {
  group: string;
  version: string;
  typeMeta?: boolean;
  jsonForm?: string;
  structType?: string;
  fields: FactField[];
}
interface FactResource {
  group: string;
  version: string;
  resource: string;
  kind: string;
  singular: string;
  namespaced: boolean;
  shortNames: string[];
  categories: string[];
  verbs: string[];
  subresources: { name: string; kind: string; verbs: string[]; kindGroupVersion?: string }[];
  storageVersion?: string;
  storageVersionHash?: string;
  etcdPrefix?: string;
  columns?: { name: string; type: string; format: string; priority: number }[];
  fieldSelectors?: string[];
  fieldSelectorAliases?: Record<string, string>;
  status: boolean;
  scale: boolean;
  generation: boolean;
}

const directory = process.argv[2];
if (!directory) {
  console.error('generate: name the directory that holds the facts: generate.ts DIRECTORY');
  process.exit(2);
}
const read = (name: string): unknown => JSON.parse(readFileSync(join(directory, name), 'utf8'));
const facts = read('kubernetes-api-1.36.json') as {
  messages: Record<string, FactMessage>;
  enums: Record<string, { enum: boolean; values: string[] }>;
};
const served = read('kubernetes-resources-1.36.json') as {
  groups: { group: string; preferred: string; versions: string[]; apiServices: unknown[] }[];
  resources: FactResource[];
  nonResourcePaths: { path: string }[];
};
const root = join(import.meta.dirname, '..');

/** The public (OpenAPI) name of a protobuf message; the table is keyed by it. */
function openApiName(proto: string): string {
  return proto
    .replace(/^k8s\.io\./, 'io.k8s.')
    .replace('apiextensions_apiserver', 'apiextensions-apiserver')
    .replace('kube_aggregator', 'kube-aggregator');
}

/** Messages whose JSON is not the object of their fields. */
const FORMS: Record<string, string> = {
  Time: 'time',
  MicroTime: 'microTime',
  Duration: 'duration',
  Quantity: 'quantity',
  QuantityValue: 'quantity',
  IntOrString: 'intOrString',
  FieldsV1: 'raw',
  RawExtension: 'raw',
  JSON: 'raw',
  Unknown: 'raw',
  Verbs: 'stringList',
  ExtraValue: 'stringList',
  GroupVersion: 'groupVersion',
  JSONSchemaPropsOrArray: 'schemaOrArray',
  JSONSchemaPropsOrBool: 'schemaOrBool',
  JSONSchemaPropsOrStringArray: 'schemaOrStrings',
};
function formOf(name: string, message: FactMessage): string | undefined {
  if (message.jsonForm === undefined || message.jsonForm === 'metav1.List') return undefined;
  const form = FORMS[name.split('.').at(-1) ?? ''];
  if (form === undefined) throw new Error(`no form known for ${name}: ${message.jsonForm}`);
  return form;
}

function tableField(field: FactField): Record<string, unknown> {
  const out: Record<string, unknown> = {
    num: field.num,
    type: field.type.includes('.') ? openApiName(field.type) : field.type,
  };
  if (field.card === 'repeated') out['card'] = 'list';
  if (field.card === 'map') out['card'] = 'map';
  if (field.go?.startsWith('*')) out['pointer'] = true;
  if (field.omit) out['omit'] = field.omit.includes('omitzero') ? 'zero' : 'empty';
  if (field.required) out['required'] = true;
  if (field.inline) out['inline'] = true;
  if (field.enum && facts.enums[field.enum]?.enum) out['enum'] = openApiName(field.enum);
  if (field.default !== undefined) out['default'] = field.default;
  if (field.listType) out['listType'] = field.listType;
  if (field.listMapKeys) out['listMapKeys'] = field.listMapKeys;
  if (field.patchStrategy) out['patchStrategy'] = field.patchStrategy;
  if (field.patchMergeKey) out['patchMergeKey'] = field.patchMergeKey;
  if (field.mapType) out['mapType'] = field.mapType;
  if (field.structType) out['structType'] = field.structType;
  if (field.stage) out['stage'] = field.stage;
  return out;
}

/** One field per line, so that a change of the table is a readable difference. */
function writeTable(file: string, table: Record<string, Record<string, unknown>>): void {
  const blocks = Object.entries(table).map(([name, entry]) => {
    const { fields, ...rest } = entry as { fields?: Record<string, unknown> };
    const head = JSON.stringify(rest).slice(1, -1);
    const lines = Object.entries(fields ?? {}).map(
      ([k, v]) => `    ${JSON.stringify(k)}: ${JSON.stringify(v)}`,
    );
    const body = lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n  }`;
    return `  ${JSON.stringify(name)}: {${head}${head ? ',' : ''}"fields": ${body}}`;
  });
  writeFileSync(join(root, file), `{\n${blocks.join(',\n')}\n}\n`);
}

const table: Record<string, Record<string, unknown>> = {};
for (const [name, message] of Object.entries(facts.messages)) {
  const entry: Record<string, unknown> = {};
  const form = formOf(name, message);
  if (message.typeMeta) entry['typeMeta'] = true;
  if (form) entry['form'] = form;
  if (message.structType) entry['structType'] = message.structType;
  entry['fields'] = Object.fromEntries(message.fields.map((field) => [field.json, tableField(field)]));
  table[openApiName(name)] = entry;
}
// The facts are of version 1. In v1beta1 there is one message whose numbers are others: meta/v1beta1/generated.proto.
const metaOf = (version: string): string =>
  `io.k8s.apimachinery.pkg.apis.meta.${version}.PartialObjectMetadataList`;
const listOfMetadata = structuredClone(table[metaOf('v1')]) as {
  readonly fields: Record<'metadata' | 'items', { num: number }>;
};
listOfMetadata.fields.metadata.num = 2;
listOfMetadata.fields.items.num = 1;
table[metaOf('v1beta1')] = { ...listOfMetadata };
writeTable('data/schema.json', table);

const enums = Object.fromEntries(
  Object.entries(facts.enums)
    .filter(([, e]) => e.enum)
    .map(([name, e]) => [openApiName(name), e.values]),
);
writeFileSync(
  join(root, 'data/enums.json'),
  `{\n${Object.entries(enums)
    .map(([k, v]) => `  ${JSON.stringify(k)}: ${JSON.stringify(v)}`)
    .join(',\n')}\n}\n`,
);

function messageOf(group: string, version: string, kind: string): string {
  const found = Object.entries(facts.messages).find(
    ([name, m]) =>
      m.typeMeta && m.group === group && m.version === version && name.split('.').at(-1) === kind,
  );
  if (!found) throw new Error(`no message for ${group}/${version} ${kind}`);
  return openApiName(found[0]);
}

/** Columns that the facts leave out, because upstream appends them to the list that was read. */
const MORE_COLUMNS: Record<string, [name: string, type: string][]> = {
  csidrivers: [
    ['TokenRequests', 'string'],
    ['RequiresRepublish', 'boolean'],
    ['Modes', 'string'],
    ['Age', 'string'],
  ],
};
function columnsOf(r: FactResource): FactResource['columns'] {
  const more = (MORE_COLUMNS[r.resource] ?? []).filter(
    ([name]) => !r.columns?.some((known) => known.name === name),
  );
  return (
    r.columns && [...r.columns, ...more.map(([name, type]) => ({ name, type, format: '', priority: 0 }))]
  );
}

const resources = served.resources.map((r) => ({
  group: r.group,
  version: r.version,
  resource: r.resource,
  singular: r.singular,
  kind: r.kind,
  namespaced: r.namespaced,
  shortNames: r.shortNames,
  categories: r.categories,
  verbs: r.verbs,
  subresources: r.subresources.map((s) => {
    const [g, v] = s.kindGroupVersion?.includes('/')
      ? (s.kindGroupVersion.split('/') as [string, string])
      : [s.kindGroupVersion === undefined ? r.group : '', s.kindGroupVersion ?? r.version];
    return { name: s.name, group: g, version: v, kind: s.kind, verbs: s.verbs };
  }),
  message: messageOf(r.group, r.version, r.kind),
  storagePrefix: r.etcdPrefix?.replace(/^\/registry\//, ''),
  storageVersion: r.storageVersion,
  storageVersionHash: r.storageVersionHash,
  columns: columnsOf(r),
  selectableFields: r.fieldSelectors ?? [],
  selectableAliases: r.fieldSelectorAliases,
  hasStatus: r.status,
  hasScale: r.scale,
  hasGeneration: r.generation,
}));
const groups = served.groups.map((g) => ({
  group: g.group,
  preferred: g.preferred,
  versions: g.versions,
  apiServices: g.apiServices,
}));
writeFileSync(
  join(root, 'data/resources.json'),
  `{\n"groups": [\n${groups.map((g) => `  ${JSON.stringify(g)}`).join(',\n')}\n],\n"resources": [\n${resources
    .map((r) => `  ${JSON.stringify(r)}`)
    .join(',\n')}\n]\n}\n`,
);

// ---- TypeScript ----------------------------------------------------------------------------------------------

const simpleNames = new Map<string, string[]>();
for (const name of Object.keys(facts.messages)) {
  const simple = name.split('.').at(-1) ?? name;
  simpleNames.set(simple, [...(simpleNames.get(simple) ?? []), name]);
}
const PLAIN = ['k8s.io.api.core.v1.', 'k8s.io.apimachinery.pkg.apis.meta.v1.', 'k8s.io.api.autoscaling.v2.'];
const PLAIN_ONLY: Record<string, string> = {
  Subject: 'k8s.io.api.rbac.v1.Subject',
  TokenRequest: 'k8s.io.api.authentication.v1.TokenRequest',
  ServiceReference: 'k8s.io.api.admissionregistration.v1.ServiceReference',
  WebhookClientConfig: 'k8s.io.api.admissionregistration.v1.WebhookClientConfig',
  CrossVersionObjectReference: 'k8s.io.api.autoscaling.v2.CrossVersionObjectReference',
  ResourceClaim: 'k8s.io.api.resource.v1.ResourceClaim',
  List: 'k8s.io.apimachinery.pkg.apis.meta.v1.List',
};
/** The interface's name: the plain one where it is unique or the most used, else prefixed by group and version. */
function typeName(message: string): string {
  const simple = message.split('.').at(-1) ?? message;
  const all = simpleNames.get(simple) ?? [];
  if (all.length === 1) return simple;
  const chosen = PLAIN_ONLY[simple] ?? all.find((m) => PLAIN.some((p) => m.startsWith(p)));
  if (chosen === message) return simple;
  const parts = message.split('.');
  return [parts.at(-3), parts.at(-2), simple]
    .map((p) => (p ?? '')[0]?.toUpperCase() + (p ?? '').slice(1))
    .join('');
}

const SCALARS: Record<string, string> = {
  string: 'string',
  bytes: 'string',
  bool: 'boolean',
  int32: 'number',
  int64: 'number',
  double: 'number',
};
const FORM_TYPES: Record<string, string> = {
  time: 'string',
  microTime: 'string',
  duration: 'string',
  quantity: 'string',
  intOrString: 'number | string',
  raw: 'unknown',
  stringList: 'string[]',
  groupVersion: 'string',
  schemaOrArray: 'JSONSchemaProps | JSONSchemaProps[]',
  schemaOrBool: 'JSONSchemaProps | boolean',
  schemaOrStrings: 'JSONSchemaProps | string[]',
};
function elementType(field: FactField): string {
  if (field.enum && field.type === 'string') {
    const values = facts.enums[field.enum];
    if (values?.enum && values.values.length > 0) return typeName(field.enum);
  }
  const scalar = SCALARS[field.type];
  if (scalar) return scalar;
  const target = facts.messages[field.type];
  if (!target) throw new Error(`unknown type ${field.type}`);
  const form = formOf(field.type, target);
  return form ? (FORM_TYPES[form] ?? 'unknown') : typeName(field.type);
}
for (const [name, e] of Object.entries(facts.enums)) {
  if (!e.enum) continue;
  const simple = name.split('.').at(-1) ?? name;
  simpleNames.set(simple, [...(simpleNames.get(simple) ?? []), name]);
}
function fieldType(field: FactField): string {
  const element = elementType(field);
  if (field.card === 'repeated') return element.includes(' ') ? `(${element})[]` : `${element}[]`;
  if (field.card === 'map') return `Record<string, ${element}>`;
  return element;
}
const interfaces: string[] = [];
for (const [name, e] of Object.entries(facts.enums)) {
  if (!e.enum || e.values.length === 0) continue;
  interfaces.push(`export type ${typeName(name)} = ${e.values.map((v) => JSON.stringify(v)).join(' | ')};`);
}
for (const [name, message] of Object.entries(facts.messages)) {
  if (formOf(name, message)) continue;
  const lines: string[] = [];
  const parents: string[] = [];
  if (message.typeMeta) lines.push('  apiVersion?: string;', '  kind?: string;');
  for (const field of message.fields) {
    if (field.inline) {
      parents.push(elementType(field));
      continue;
    }
    const key = /^[A-Za-z_]\w*$/.test(field.json) ? field.json : JSON.stringify(field.json);
    if (field.deprecated) lines.push('  /** @deprecated */');
    lines.push(`  ${key}${field.required ? '' : '?'}: ${fieldType(field)};`);
  }
  const inherit = parents.length > 0 ? ` extends ${parents.join(', ')}` : '';
  interfaces.push(`export interface ${typeName(name)}${inherit} {\n${lines.join('\n')}\n}`);
}
const GENERATED = '// Made by scripts/generate.ts from the API facts; change the generator, not this file.\n';
writeFileSync(
  join(root, 'src/generated/types.ts'),
  `${GENERATED}// Time and Quantity are strings, bytes are base64 strings.\n\n${interfaces.join('\n\n')}\n`,
);

/** Where two groups or versions serve the same plural, the less used one carries its version. */
const RENAMED: Record<string, string> = {
  'events.k8s.io/v1/events': 'eventsV1',
  'autoscaling/v1/horizontalpodautoscalers': 'horizontalpodautoscalersV1',
};
const factNames = new Map(Object.keys(facts.messages).map((n) => [openApiName(n), n]));
const constants = resources.map((r) => {
  const constant = RENAMED[`${r.group}/${r.version}/${r.resource}`] ?? r.resource;
  const type = typeName(factNames.get(r.message) ?? r.message);
  const value = `{ group: '${r.group}', version: '${r.version}', resource: '${r.resource}', kind: '${r.kind}', namespaced: ${r.namespaced} }`;
  return { line: `export const ${constant}: ResourceType<types.${type}> = ${value};`, constant };
});
writeFileSync(
  join(root, 'src/generated/resources.ts'),
  `${GENERATED}import type { ResourceType } from '../resource-type.ts';\nimport type * as types from './types.ts';\n\n${constants.map((c) => c.line).join('\n')}\n`,
);
console.log(`${Object.keys(table).length} messages, ${resources.length} resources`);
