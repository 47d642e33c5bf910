/** Lists as caches of clients ask for them: every combination of limit, version, match and page. */
import type { Call } from '../../calls.ts';
import type { Comparison, Side, SidedCall } from '../../comparison.ts';
import { configMap, core, get, pod, post, protobuf, tables, widget, widgets } from './world.ts';

interface Collection {
  readonly path: string;
  /** What keeps others out. */
  readonly only: string;
  readonly objects: readonly unknown[];
  readonly create?: string;
  readonly limits: readonly string[];
  readonly versions: readonly string[];
}

/** Stand for versions that each server gave out itself. */
const [now, first] = ['<now>', '<first>'];
const few = { limits: ['', 'limit=1'], versions: ['', '0', now] };

const collections: Readonly<Record<string, Collection>> = {
  configmaps: {
    path: `${core}/configmaps`,
    only: 'labelSelector=read',
    objects: ['read-1', 'read-2', 'read-3'].map((name) => configMap(name, { read: 'yes' })),
    limits: ['', 'limit=0', 'limit=1', 'limit=3'],
    versions: ['', 'resourceVersion=', '0', now, first],
  },
  pods: {
    path: '/api/v1/pods',
    only: 'fieldSelector=spec.schedulerName%3Dread',
    create: `${core}/pods`,
    objects: ['read-1', 'read-2'].map((name) => pod(name, { schedulerName: 'read' })),
    ...few,
  },
  widgets: {
    path: widgets,
    only: 'fieldSelector=spec.color%3Dread',
    objects: ['read-1', 'read-2'].map((name) => widget(name, { color: 'read' })),
    ...few,
  },
  'priority classes': {
    path: '/apis/scheduling.k8s.io/v1/priorityclasses',
    only: '',
    objects: [],
    ...few,
  },
};

const matches = [
  '',
  'resourceVersionMatch=',
  'resourceVersionMatch=Exact',
  'resourceVersionMatch=NotOlderThan',
];

export async function reads(comparison: Comparison): Promise<void> {
  for (const [name, collection] of Object.entries(collections)) {
    const { path, only, create = path, objects } = collection;
    for (const [i, body] of objects.entries()) await comparison.both(`${name} ${i}`, post(create, body));
    await comparison.compare(`${name}: all`, get(`${path}?${only}`));
    await comparison.compare(`${name}: one`, get(`${path}?limit=1&${only}`));
    await comparison.all(combinations(name, collection));
    await forms(comparison, name, collection);
  }
}

function combinations(name: string, collection: Collection): { title: string; call: SidedCall }[] {
  const { path, only, limits, versions } = collection;
  const calls: { title: string; call: SidedCall }[] = [];
  for (const limit of limits)
    for (const version of versions)
      for (const match of matches)
        for (const page of ['', 'page']) {
          const asked = [limit, version, match, page].filter((part) => part !== '').join(' ');
          calls.push({
            title: `${name} ${asked}`,
            call: (side): Call =>
              get(
                `${path}?${[only, limit, versionFor(side, name, version), match, pageFor(side, name, page)]
                  .filter((part) => part !== '')
                  .join('&')}`,
              ),
          });
        }
  return calls;
}

function versionFor(side: Side, name: string, version: string): string {
  const list = side.saw(`${name}: all`);
  if (version === now) return `resourceVersion=${list?.metadata?.resourceVersion}`;
  if (version === first) return `resourceVersion=${list?.items?.[0]?.metadata?.resourceVersion}`;
  return version === '0' ? 'resourceVersion=0' : version;
}

function pageFor(side: Side, name: string, page: string): string {
  const token: string = side.saw(`${name}: one`)?.metadata?.continue ?? '';
  return page === '' ? '' : `continue=${encodeURIComponent(token)}`;
}

/** Pages in the other forms that clients take lists in. */
async function forms(comparison: Comparison, name: string, { path, only }: Collection): Promise<void> {
  const metadata = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  for (const accept of [tables, metadata, protobuf, 'application/yaml']) {
    await comparison.compare(`${name} first page as ${accept}`, get(`${path}?limit=1&${only}`, accept));
    await comparison.compare(`${name} next page as ${accept}`, (side) =>
      get(`${path}?limit=1&${only}&${pageFor(side, name, 'page')}`, accept),
    );
    await comparison.compare(`${name} last page as ${accept}`, (side) =>
      get(`${path}?limit=500&${only}&${pageFor(side, name, 'page')}`, accept),
    );
  }
}
