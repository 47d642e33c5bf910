import assert from 'node:assert/strict';
import { test } from 'node:test';
import { servedRegistry } from '../served.ts';
import { readRequestInfo, type RequestInfo } from './request-info.ts';
import { parseTarget } from './request-target.ts';

const registry = servedRegistry();

function read(method: string, path: string): RequestInfo {
  return readRequestInfo(method, parseTarget(path), registry);
}

test('method and path tell verb, resource, namespace, name and subresource', () => {
  const cases: [string, string, string][] = [
    ['GET', '/api/v1/pods', 'list /pods    true'],
    ['GET', '/api/v1/namespaces/a/pods', 'list /pods a   true'],
    ['GET', '/api/v1/namespaces/a/pods?watch=true', 'watch /pods a   true'],
    ['GET', '/api/v1/watch/namespaces/a/pods', 'watch /pods a   true'],
    // What is there under its own path is read; the old path watches it.
    ['GET', '/api/v1/namespaces/a/pods/b?watch=1', 'get /pods a b  true'],
    ['GET', '/api/v1/watch/namespaces/a/pods/b', 'watch /pods a b  true'],
    ['DELETE', '/api/v1/configmaps', 'deletecollection /configmaps    true'],
    ['GET', '/api/v1/namespaces/a/pods/b/log', 'get /pods a b log true'],
    ['POST', '/api/v1/namespaces/a/pods/b/binding', 'create /pods a b binding true'],
    ['PATCH', '/apis/apps/v1/namespaces/a/deployments/b/scale', 'patch apps/deployments a b scale true'],
    ['DELETE', '/api/v1/namespaces/a/configmaps', 'deletecollection /configmaps a   true'],
    ['GET', '/api/v1/namespaces/a', 'get /namespaces a a  true'],
    ['PUT', '/api/v1/namespaces/a/finalize', 'update /namespaces a a finalize true'],
    ['GET', '/api/v1/nodes/n1', 'get /nodes  n1  true'],
    // A cluster-scoped resource in a namespace, an object of all namespaces, a kind and a subresource not served.
    ['GET', '/api/v1/namespaces/a/nodes/n1', 'get /nodes a n1  false'],
    // A method without a verb, which nobody is allowed by a rule that names verbs.
    ['delete', '/api/v1/namespaces/a/configmaps/b', ' /configmaps a b  true'],
    ['OPTIONS', '/api/v1/namespaces/a/pods/b/proxy', ' /pods a b proxy true'],
    ['HEAD', '/api/v1/namespaces/a/pods/b/proxy', 'get /pods a b proxy true'],
    ['GET', '/api/v1/pods/b', 'get /pods  b  false'],
    ['GET', '/api/v1/namespaces/a/gizmos', 'list /gizmos a   false'],
    ['GET', '/api/v1/namespaces/a/pods/b/gizmo', 'get /pods a b gizmo false'],
  ];
  for (const [method, path, expected] of cases) {
    const { verb, group, resource, namespace, name, subresource, served } = read(method, path);
    const found = `${verb} ${group}/${resource} ${namespace} ${name} ${subresource} ${served !== undefined}`;
    assert.equal(found, expected, `${method} ${path}`);
  }
});

test('paths that are no resources, and names that are not well encoded, are told apart and not thrown over', () => {
  assert.equal(read('GET', '/healthz').resource, undefined);
  assert.equal(read('GET', '/apis/apps').resource, undefined);
  assert.equal(read('GET', '/apis/apps/v1').resource, undefined);
  assert.equal(read('GET', '/api/v1/namespaces/a/pods/%E0%A4%A').name, '%E0%A4%A');
});

test('a path with dots or nothing in the place of a name leads nowhere, but behind a proxy, where it is not ours', () => {
  for (const path of [
    '/api/v1/namespaces/a/../a/pods',
    '/api/v1/namespaces/a/pods/..',
    '/api/v1/namespaces/a/pods/%2e%2E',
    '/api/v1/namespaces/a/pods/./log',
    '/api//v1/pods',
    '/api/v1/pods//',
    '//api/v1/pods',
    '/healthz/../metrics',
    '/apis/./apps',
    // Somebody else's server would take that for another path.
    '/api/v1/namespaces%2Fa/pods',
    '/apis/g.io/v1/namespaces/a%2fwidgets',
  ]) {
    const { isNowhere, resource, served } = read('GET', path);
    assert.deepEqual([isNowhere, resource, served], [true, undefined, undefined], path);
  }
  for (const path of ['/', '/api/', '/api/v1/pods/', '/api/v1/namespaces/a/pods/b/proxy/../..//c'])
    assert.equal(read('GET', path).isNowhere, undefined, path);
});

test('a path of very many parts leads nowhere, but behind a proxy, and none of them is looked at', () => {
  const many = (part: string): string => `/${part}`.repeat(300);
  for (const path of [many('a'), `/apis/g.io/v1${many('a')}`, `/api/v1/namespaces/a/pods/b${many('%ff')}`]) {
    const { isNowhere, resource } = read('GET', path);
    assert.deepEqual([isNowhere, resource], [true, undefined], path.slice(0, 40));
  }
  const proxied = read('GET', `/api/v1/namespaces/a/pods/b/proxy${many('%zz')}`);
  assert.deepEqual([proxied.isNowhere, proxied.subresource, proxied.name], [undefined, 'proxy', 'b']);
  assert.equal(read('GET', `/apis/g.io/v1/namespaces/a/b/c${'/d'.repeat(200)}`).isNowhere, undefined);
});
