/** Watches as informers ask for them: from where, with what first, and what a change of selection looks like in each form. */
import type { Call } from '../../calls.ts';
import type { Comparison, SidedCall } from '../../comparison.ts';
import {
  configMap,
  core,
  get,
  metadataAlone,
  namespace,
  patch,
  pod,
  post,
  protobuf,
  put,
  remove,
  tables,
  widget,
  widgets,
} from './world.ts';

const short = 'watch=true&timeoutSeconds=1';

export async function watches(comparison: Comparison): Promise<void> {
  await history(comparison);
  await comparison.all([
    ...parameters('configmaps', `${core}/configmaps`, 'labelSelector=seen%3Dyes', ['', '0', 'before', 'now']),
    ...parameters('widgets', widgets, 'fieldSelector=spec.color%3Dred', ['', 'before']),
    ...parameters('pods', `${core}/pods`, 'fieldSelector=spec.nodeName%3Dwatched', ['', '0']),
  ]);
  await comparison.all(changes());
}

/** Objects that come, change, enter and leave selections, and go. */
async function history(comparison: Comparison): Promise<void> {
  const maps = `${core}/configmaps`;
  await comparison.both('before', get(`${maps}?limit=1`));
  const steps: readonly Call[] = [
    post(maps, configMap('seen-1', { seen: 'yes' })),
    post(maps, configMap('seen-2', { seen: 'no' })),
    patch('merge', `${maps}/seen-1`, { data: { a: 'c' } }),
    patch('merge', `${maps}/seen-2`, { metadata: { labels: { seen: 'yes' } } }),
    patch('merge', `${maps}/seen-1`, { metadata: { labels: { seen: 'no' } } }),
    patch('merge', `${maps}/seen-1`, { data: { a: 'd' } }),
    post(maps, configMap('seen-3', { seen: 'yes' })),
    remove(`${maps}/seen-2`),
    // Deleted in two steps: it changes before it goes.
    post(maps, {
      ...configMap('seen-4', { seen: 'yes' }),
      metadata: { name: 'seen-4', finalizers: ['example.com/x'], labels: { seen: 'yes' } },
    }),
    remove(`${maps}/seen-4`),
    patch('merge', `${maps}/seen-4`, { metadata: { finalizers: null } }),
    post(widgets, widget('seen-1', { color: 'red' })),
    post(widgets, widget('seen-2', { color: 'blue', size: 1 })),
    patch('merge', `${widgets}/seen-1`, { spec: { color: 'blue' } }),
    patch('merge', `${widgets}/seen-2`, { spec: { color: 'red' } }),
    patch('merge', `${widgets}/seen-2/status`, { status: { phase: 'Ready' } }),
    patch('merge', `${widgets}/seen-2/scale`, { spec: { replicas: 2 } }),
    remove(`${widgets}/seen-1`),
    post(`${core}/pods`, pod('seen-1')),
    post(`${core}/pods/seen-1/binding`, {
      metadata: { name: 'seen-1' },
      target: { kind: 'Node', name: 'watched' },
    }),
    patch('merge', `${core}/pods/seen-1/status`, { status: { phase: 'Running' } }),
    remove(`${core}/pods/seen-1?gracePeriodSeconds=5`),
    post(`${core}/pods`, pod('seen-2', { nodeName: 'watched' })),
    remove(`${core}/pods/seen-2?gracePeriodSeconds=0`),
    put(`${core}/pods/none-such`, pod('none-such')),
  ];
  for (const [i, call] of steps.entries()) await comparison.both(`step ${i}`, call);
  await comparison.both('now', get(`${maps}?limit=1`));
}

function parameters(
  name: string,
  path: string,
  only: string,
  versions: readonly string[],
): { title: string; call: SidedCall }[] {
  const calls: { title: string; call: SidedCall }[] = [];
  for (const initial of ['', 'true', 'false'])
    for (const match of ['', 'NotOlderThan', 'Exact'])
      for (const version of versions)
        for (const bookmarks of ['', 'true'])
          calls.push({
            title: `${name} initial=${initial} match=${match} version=${version} bookmarks=${bookmarks}`,
            call: (side) => {
              const given = {
                sendInitialEvents: initial,
                resourceVersionMatch: match,
                resourceVersion:
                  version === 'before' || version === 'now'
                    ? String(side.saw(version)?.metadata?.resourceVersion)
                    : version,
                allowWatchBookmarks: bookmarks,
              };
              const query = Object.entries(given)
                .filter(([, value]) => value !== '')
                .map(([key, value]) => `&${key}=${value}`);
              return get(`${path}?${short}&${only}${query.join('')}`);
            },
          });
  return calls;
}

/** Everything that happened, from before it did, by several selections in every form. */
function changes(): { title: string; call: SidedCall }[] {
  const selections: Readonly<Record<string, string>> = {
    'of all maps': `${core}/configmaps?`,
    'by label': `${core}/configmaps?labelSelector=seen%3Dyes&`,
    'by a label that is not': `${core}/configmaps?labelSelector=seen%21%3Dyes&`,
    'by name': `${core}/configmaps?fieldSelector=metadata.name%3Dseen-2&`,
    'by both': `${core}/configmaps?fieldSelector=metadata.name%3Dseen-2&labelSelector=seen%3Dyes&`,
    'on one name': `${core}/configmaps/seen-2?`,
    'of all namespaces': `/api/v1/configmaps?fieldSelector=metadata.namespace%3D${namespace}&`,
    'by the old path': `/api/v1/watch/namespaces/${namespace}/configmaps/seen-2?`,
    'of custom resources': `${widgets}?`,
    'of custom resources by color': `${widgets}?fieldSelector=spec.color%3Dred&`,
    'of custom resources by status': `${widgets}?fieldSelector=status.phase%3DReady&`,
    'of pods of a node': `/api/v1/pods?fieldSelector=spec.nodeName%3Dwatched&`,
    'of pods that run': `/api/v1/pods?fieldSelector=status.phase%3DRunning,metadata.namespace%3D${namespace}&`,
    'of pods of no node': `${core}/pods?fieldSelector=spec.nodeName%3D&`,
  };
  const forms: Readonly<Record<string, readonly [accept: string, query: string]>> = {
    JSON: ['application/json', ''],
    tables: [tables, '&includeObject=None'],
    'tables with objects': [tables, '&includeObject=Object'],
    metadata: [metadataAlone, ''],
    protobuf: [`${protobuf};stream=watch`, ''],
    'metadata in protobuf': [`${protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`, ''],
  };
  return Object.entries(selections).flatMap(([selection, path]) =>
    Object.entries(forms).map(([form, [accept, query]]) => ({
      title: `changes ${selection} as ${form}`,
      call: (side) =>
        get(
          `${path}${short}&resourceVersion=${side.saw('before')?.metadata?.resourceVersion}${query}`,
          accept,
        ),
    })),
  );
}
