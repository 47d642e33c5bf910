/** What clients find out before anything else: discovery, versions, and representations that are not there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedServer } from '../testing/shared-server.ts';

const shared = sharedServer();
const aggregated = {
  headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
};

interface Aggregated {
  kind: string;
  items: {
    metadata: { name?: string };
    versions: {
      version: string;
      resources: { resource: string; responseKind: { kind: string }; verbs: string[] }[];
    }[];
  }[];
}

// Conformance: AggregatedDiscovery should support aggregated discovery interface
// Conformance: AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers
test('one document names every group, version and resource, when it is asked for by its kind', async () => {
  for (const path of ['/api', '/apis']) {
    const answer = await shared.server.request('GET', path, undefined, aggregated);
    assert.equal(answer.status, 200);
    assert.match(String(answer.headers['content-type']), /as=APIGroupDiscoveryList/);
    assert.equal(
      answer.headers['cache-control'],
      'public',
      'it may be kept, and asked for again by its ETag',
    );
    const document = answer.json as Aggregated;
    assert.equal(document.kind, 'APIGroupDiscoveryList');
    for (const { metadata, versions } of document.items)
      for (const { version, resources } of versions) {
        const root = metadata.name === undefined ? `/api/${version}` : `/apis/${metadata.name}/${version}`;
        const legacy = await shared.ask(200, 'GET', root);
        const names = legacy.resources.map(({ name }: { name: string }) => name);
        for (const { resource, verbs } of resources) {
          assert.ok(names.includes(resource), `${resource} is in both forms`);
          assert.ok(verbs.length > 0);
        }
      }
    const plain = await shared.server.request('GET', path, undefined, {
      headers: { accept: 'application/json' },
    });
    assert.match(plain.json.kind, /^(APIVersions|APIGroupList)$/);
  }
});

// Conformance: Discovery should validate PreferredVersion for each APIGroup
// Conformance: Discovery should locate the groupVersion and a resource within each APIGroup
test('every group prefers a version that it serves, and every version lists resources', async () => {
  const { groups } = await shared.ask(200, 'GET', '/apis');
  assert.ok(groups.length >= 19);
  for (const group of groups) {
    const own = await shared.ask(200, 'GET', `/apis/${group.name}`);
    const served = own.versions.map(({ groupVersion }: { groupVersion: string }) => groupVersion);
    assert.ok(served.includes(own.preferredVersion.groupVersion));
    assert.deepEqual(own.preferredVersion, group.preferredVersion);
    for (const groupVersion of served) {
      const list = await shared.ask(200, 'GET', `/apis/${groupVersion}`);
      assert.equal(list.groupVersion, groupVersion);
      assert.ok(list.resources.length > 0);
    }
  }
});

// Conformance: AdmissionWebhook [Privileged:ClusterAdmin] should include webhook resources in discovery documents
test('webhook configurations are found in discovery', async () => {
  const { resources } = await shared.ask(200, 'GET', '/apis/admissionregistration.k8s.io/v1');
  const names = resources.map(({ name }: { name: string }) => name);
  assert.ok(names.includes('mutatingwebhookconfigurations'));
  assert.ok(names.includes('validatingwebhookconfigurations'));
});

// Conformance: server version should find the server version
test('the server names its version', async () => {
  const version = await shared.ask(200, 'GET', '/version');
  assert.equal(version.major, '1');
  assert.match(version.minor, /^\d+$/);
  assert.match(version.gitVersion, /^v1\.\d+\.\d+/);
});

// Conformance: Servers with support for Table transformation should return a 406 for a backend which does not implement metadata
test('a review has no table: asking for one is answered with 406', async () => {
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } },
  };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const refused = await shared.ask(406, 'POST', path, review, { headers: { accept } });
  assert.equal(refused.reason, 'NotAcceptable');
});

test('nobody in between may keep what the server says of its health', async () => {
  for (const path of ['/healthz', '/livez?verbose', '/readyz', '/livez/ping']) {
    const { headers } = await shared.server.request('GET', path);
    assert.equal(headers['cache-control'], 'no-cache, private', path);
  }
});
