/**
 * What may differ between two servers that behave alike, replaced by what it is: uids, versions of objects, times,
 * addresses given out, tokens, and names that the server made. Everything else of an answer stays.
 *
 * Pure: JSON in, JSON out; objects come out with their fields in alphabetical order.
 */
import { decodeProtobufAnswer } from '@timonier/api/protobuf';
import { parseYaml } from '@timonier/api/yaml';
import { type Answer, jsonOf } from './calls.ts';
import { watchedProtobuf } from './watched-protobuf.ts';

/** An answer as it is compared. */
export interface Compared {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, or the text of what is none. */
  readonly body: unknown;
}

/** Headers that mean something to a client. */
const headersCompared = [
  'content-type',
  'warning',
  'retry-after',
  'location',
  'allow',
  'cache-control',
  'content-encoding',
  'vary',
  'www-authenticate',
  'x-kubernetes-pf-flowschema-uid',
  'x-kubernetes-pf-prioritylevel-uid',
  // Of what comes over a WebSocket.
  'sec-websocket-protocol',
  'messages',
  'close',
];

const byField: Readonly<Record<string, string>> = {
  uid: '<uid>',
  resourceVersion: '<version>',
  storageVersionHash: '<hash>',
  continue: '<continue>',
  remainingItemCount: '<count>',
  token: '<token>',
  clusterIP: '<ip>',
};

const replacements: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/\b10\.96\.\d+\.\d+\b/g, '<ip>'],
  [/\b127\.0\.0\.1:\d+\b/g, '<address>'],
  [/\b(Bad_Name)[a-z0-9]{5}\b/g, '$1<random>'],
  [/\b(bad-name|one-)[a-z0-9]{5}\b/g, '$1<random>'],
  [/\bkube-api-access-[a-z0-9]{5}\b/g, 'kube-api-access-<random>'],
  [/\bresourceVersion: "\d+"/g, 'resourceVersion: "<version>"'],
  // The type of what a rule is about has another name each time it is compiled.
  [/\bselfType\d+/g, 'self'],
  [/\b(Too large resource version: \d+, current: )\d+/g, '$1<version>'],
  [/(does not match the ResourceVersion in record \()\d+/g, '$1<version>'],
  [/(the ResourceVersion in the precondition \()\d{2,}/g, '$1<version>'],
  [/(ResourceVersion in object meta: )\d+/g, '$1<version>'],
  // Some of upstream's keys lack their beginning.
  [/(StorageError: invalid object, Code: 4, Key: )\S+, /g, '$1<key>, '],
];

/** Lines of a difference between two objects, which Kubernetes appends to some texts as its own types print. */
const appendedDifference = /\n@@ -[^\n]*(?:\n[\s+@-][^\n]*)*\n?/g;

/** Objects in texts: Kubernetes shows them with the names of its own types, ours with those of the API. */
const shownObject = /((?:Invalid|Unsupported|Duplicate) value: )\{(?:"[^\n]*?)?\}+: /g;
/** The same as a text within the text. */
const quotedObject = /(Invalid value: )"\{(?:[^"\\]|\\.)*\}": /g;

/** What is wrong in an applied object, field by field: Kubernetes walks its fields in another order each time. */
const walkedErrors = /(errors:)((?:\n {2}\.\S+: [^\n]*)+)/g;

/** An object that was not understood, with its fields in another order. */
const missingKind = /(Object 'Kind' is missing in ')\{".*\}'/g;

function normalizeText(text: string): string {
  text = text
    .replace(appendedDifference, '')
    .replace(walkedErrors, (_, head: string, errors: string) => head + errors.split('\n').sort().join('\n'))
    .replace(missingKind, "$1<object>'")
    .replace(shownObject, '$1<object>: ')
    .replace(quotedObject, '$1<object>: ');
  for (const [pattern, name] of replacements) text = text.replace(pattern, name);
  return text;
}

/** How old something is, in a cell of a table: the two were not asked in the same second. */
const age = /^(?:\d+[dhmsy])+$/;

/** `kept` are texts that the script itself sent and that stay as they are. */
export function normalizeJson(value: unknown, field = ''): unknown {
  if (Array.isArray(value)) {
    if (field === 'clusterIPs') return value.map((one) => (one === 'None' ? one : '<ip>'));
    if (field === 'cells')
      return value.map((cell) =>
        typeof cell === 'string' && age.test(cell) ? '<age>' : normalizeJson(cell),
      );
    const items = value.map((item) => normalizeJson(item));
    // By whose they are: their order is that of seconds in which they were written.
    // Who sees causes sees each once.
    if (field === 'causes') return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
    return field === 'managedFields'
      ? Object.fromEntries(items.map((item) => [orderOf(item), item] as const))
      : items;
  }
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, inner]) => [normalizeText(name), normalizeJson(inner, name)] as const),
    );
  const name = byField[field];
  if (name !== undefined && value !== '' && value !== 'None' && value !== null) return name;
  if (field === 'nodePort' || field === 'healthCheckNodePort') return value === 0 ? 0 : '<port>';
  return typeof value === 'string' ? normalizeText(value) : value;
}

function orderOf(entry: unknown): string {
  const { operation, manager, subresource = '', apiVersion } = entry as Record<string, string>;
  return [operation, manager, subresource, apiVersion].join(' ');
}

export function normalize(answer: Answer): Compared {
  const headers: Record<string, string> = {};
  for (const name of headersCompared) {
    const value = answer.headers[name];
    if (value !== undefined) headers[name] = normalizeText(value);
  }
  const json: unknown = jsonOf(answer) ?? yamlOf(answer) ?? protobufOf(answer);
  return {
    status: answer.status,
    headers,
    body: json === undefined ? lines(answer.text) : normalizeJson(json),
  };
}

/** What a YAML document says: how it is laid out is seen by other tests. */
function yamlOf({ headers, text }: Answer): unknown {
  if (headers['content-type'] !== 'application/yaml') return undefined;
  const { value } = parseYaml(text);
  return value;
}

/** What bytes of protobuf say: an object, or the events of a watch. */
function protobufOf({ headers, bytes }: Answer): unknown {
  const type = headers['content-type'] ?? '';
  if (bytes === undefined || !type.startsWith('application/vnd.kubernetes.protobuf')) return undefined;
  return type.includes('stream=watch') ? watchedProtobuf(bytes) : decodeProtobufAnswer(bytes).object;
}

/** A stream of JSON objects, such as a watch, object by object; any other text as it is. */
function lines(text: string): unknown {
  const parts = text.split('\n').filter((line) => line !== '');
  try {
    return parts.length > 0 ? parts.map((part) => normalizeJson(JSON.parse(part))) : text;
  } catch {
    return normalizeText(text);
  }
}
