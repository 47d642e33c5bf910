/** The ways in which one long object reaches the server, in the order in which they are sent. Pure. */
import { apiVersionOf, type ResourceInfo } from '@timonier/api';
import type { Asked } from '../apiserver/subject.ts';
import type { Place } from './places.ts';

type Tree = Record<string, unknown>;

export interface LongRequest {
  readonly name: string;
  readonly asked: Asked;
}

export function collectionPath(info: ResourceInfo): string {
  const root = info.group === '' ? '/api' : '/apis';
  return `${root}/${apiVersionOf(info)}${info.namespaced ? '/namespaces/default' : ''}/${info.resource}`;
}

export function objectPath(info: ResourceInfo, object: Tree): string {
  const { name } = object['metadata'] as { name: string };
  return `${collectionPath(info)}/${encodeURIComponent(name)}`;
}

export function create(info: ResourceInfo, object: Tree): Asked {
  return sent('POST', collectionPath(info), 'application/json', object);
}

/** Changes of what was created; nothing stays of them but who applied what. */
export function changes(
  info: ResourceInfo,
  object: Tree,
  place: Place | undefined,
  resourceVersion: string | undefined,
): readonly LongRequest[] {
  const path = objectPath(info, object);
  const { apiVersion, kind, metadata, ...rest } = object;
  const { name, ...more } = metadata as Tree;
  const labelled = { apiVersion, kind, metadata: { ...more, name, labels: labelsOf(more) }, ...rest };
  const patch = { metadata: { ...more, labels: labelsOf(more) }, ...rest };
  const replacing = { ...labelled, metadata: { ...labelled.metadata, resourceVersion } };
  const rehearsed = `${path}?dryRun=All`;
  const requests: LongRequest[] = [
    { name: 'update', asked: sent('PUT', rehearsed, 'application/json', replacing) },
    { name: 'merge', asked: sent('PATCH', rehearsed, 'application/merge-patch+json', patch) },
    { name: 'strategic', asked: sent('PATCH', rehearsed, 'application/strategic-merge-patch+json', patch) },
  ];
  const operations = place === undefined ? undefined : operationsAt(object, place);
  if (operations !== undefined)
    requests.push({
      name: 'JSON patch',
      asked: sent('PATCH', rehearsed, 'application/json-patch+json', operations),
    });
  if (info.hasStatus)
    requests.push({
      name: 'status',
      asked: sent('PUT', `${path}/status?dryRun=All`, 'application/json', replacing),
    });
  for (const [what, manager] of [
    ['apply', 'a'],
    ['apply again', 'a'],
    ['apply by another', 'b'],
  ] as const)
    requests.push({
      name: what,
      asked: sent(
        'PATCH',
        `${path}?fieldManager=${manager}&force=true`,
        'application/apply-patch+yaml',
        object,
      ),
    });
  return requests;
}

function labelsOf({ labels }: Tree): Tree {
  return { ...(labels as Tree | undefined), changed: 'yes' };
}

const maxOperations = 10_000;
const maxBytes = 2_900_000;

/** As many items put in at the head of a list, or keys of a map, as one patch may have operations. */
function operationsAt(object: Tree, { path, schema }: Place): readonly object[] | undefined {
  let pointer = '';
  let node: unknown = object;
  const enter = (part: string): void => {
    pointer += `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    node = (node as Tree | undefined)?.[part];
  };
  for (const [i, name] of path.entries()) {
    enter(name);
    const isLast = i === path.length - 1;
    if (isLast) break;
    if (Array.isArray(node)) enter('0');
  }
  if (typeof node !== 'object' || node === null) return undefined;
  const value = Object.values(node)[0];
  const size = JSON.stringify(value)?.length ?? 0;
  const count = Math.min(maxOperations, Math.floor(maxBytes / (size + pointer.length + 40)));
  return Array.from({ length: count }, (_, i) => ({
    op: 'add',
    path: schema.kind === 'list' ? `${pointer}/0` : `${pointer}/y-${i}`,
    value,
  }));
}

function sent(method: string, path: string, type: string, body: unknown): Asked {
  return { method, path, headers: { 'content-type': type }, body: JSON.stringify(body) };
}
