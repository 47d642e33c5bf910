/** Watches: from which version, with what first, and for how long. */
import type { Comparison } from '../../comparison.ts';
import { namespace } from '../world.ts';
import { maps } from './samples.ts';

export async function watches(comparison: Comparison): Promise<void> {
  const only = 'labelSelector=kind%3Dverbs';
  const calls = [
    'watch=1&resourceVersion=x',
    'watch=1&resourceVersion=-1',
    'watch=1&resourceVersionMatch=Exact&resourceVersion=1',
    'watch=1&resourceVersionMatch=NotOlderThan',
    'watch=1&sendInitialEvents=true',
    'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
    'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
    'watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&allowWatchBookmarks=true',
    'watch=1&sendInitialEvents=false',
    'watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0',
    'watch=1&timeoutSeconds=1',
    'watch=1&timeoutSeconds=x',
    'watch=1&limit=1',
    'watch=1&continue=x',
    'watch=true&resourceVersion=0',
    'watch=1&fieldSelector=spec.what%3D1',
    'watch=1&resourceVersion=999999999&timeoutSeconds=1',
    'watch=1&resourceVersion=1&timeoutSeconds=1',
  ].map((query) => ({ title: `?${query}`, call: { method: 'GET', path: `${maps}?${query}&${only}` } }));
  await comparison.all(calls);
  const table = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  await comparison.all([
    {
      title: 'of one object',
      call: { method: 'GET', path: `/api/v1/watch/namespaces/${namespace}/configmaps/verbs-1` },
    },
    {
      title: 'old path',
      call: { method: 'GET', path: `/api/v1/watch/namespaces/${namespace}/configmaps?${only}` },
    },
    {
      title: 'as tables',
      call: { method: 'GET', path: `${maps}?watch=1&${only}`, headers: { accept: table } },
    },
    {
      title: 'as metadata',
      call: {
        method: 'GET',
        path: `${maps}?watch=1&${only}`,
        headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
      },
    },
    {
      title: 'as YAML',
      call: { method: 'GET', path: `${maps}?watch=1&${only}`, headers: { accept: 'application/yaml' } },
    },
    { title: 'on one name', call: { method: 'GET', path: `${maps}/verbs-1?watch=1` } },
    { title: 'with POST', call: { method: 'POST', path: `${maps}?watch=1`, body: {} } },
  ]);
}
