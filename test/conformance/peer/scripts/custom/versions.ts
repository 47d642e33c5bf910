/** Several versions of one kind: served, deprecated, not served; and the definition's own changes and end. */
import type { Comparison } from '../../comparison.ts';
import { group, pathOf, shapes } from './definitions.ts';

const merge = { 'content-type': 'application/merge-patch+json' };
const apply = { 'content-type': 'application/apply-patch+yaml' };
const definition = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${shapes.version.plural}.${group}`;

export async function versionScript(comparison: Comparison): Promise<void> {
  const { version: shape } = shapes;
  const versions = ['v1', 'v1beta1', 'v1alpha1', 'v2'];
  for (const version of versions) {
    const path = pathOf(shape, version);
    const apiVersion = `${group}/${version}`;
    await comparison.compare(`${version} create`, {
      method: 'POST',
      path: `${path}?fieldManager=maker`,
      body: { apiVersion, kind: shape.kind, metadata: { name: version }, spec: { b: 1, c: 2 } },
    });
    await comparison.compare(`${version} create without b`, {
      method: 'POST',
      path: `${path}?fieldManager=maker`,
      body: { apiVersion, kind: shape.kind, metadata: { name: `${version}-2` }, spec: { a: 'x' } },
    });
    await comparison.compare(`${version} create of another version`, {
      method: 'POST',
      path: `${path}?dryRun=All`,
      body: { apiVersion: `${group}/v9`, kind: shape.kind, metadata: { name: 'y' }, spec: {} },
    });
  }
  for (const version of versions) {
    const path = pathOf(shape, version);
    await comparison.compare(`${version} list`, { method: 'GET', path });
    await comparison.compare(`${version} table`, {
      method: 'GET',
      path,
      headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    });
    await comparison.compare(`${version} watch`, {
      method: 'GET',
      path: `${path}?watch=true&timeoutSeconds=1`,
    });
    await comparison.compare(`${version} patch`, {
      method: 'PATCH',
      path: `${path}/v1?fieldManager=patcher`,
      body: { metadata: { labels: { [version]: 'x' } } },
      headers: merge,
    });
    await comparison.compare(`${version} apply`, {
      method: 'PATCH',
      path: `${path}/v1?fieldManager=applier&force=true`,
      body: {
        apiVersion: `${group}/${version}`,
        kind: shape.kind,
        metadata: { name: 'v1' },
        spec: { a: version },
      },
      headers: apply,
    });
    await comparison.compare(`${version} delete`, { method: 'DELETE', path: `${path}/v1?dryRun=All` });
  }
  await comparison.settle(
    'the group is discovered',
    { method: 'GET', path: `/apis/${group}/v1` },
    ({ text }) => Object.values(shapes).every(({ plural }) => text.includes(`"${plural}"`)),
  );
  for (const version of versions)
    await comparison.compare(`discovery of ${version}`, { method: 'GET', path: `/apis/${group}/${version}` });
  await comparison.compare('discovery of the group', { method: 'GET', path: `/apis/${group}` });
  const changes: Readonly<Record<string, unknown>> = {
    'of the group': { spec: { group: 'other.example.com' } },
    'of the scope': { spec: { scope: 'Cluster' } },
    'of the kind': { spec: { names: { kind: 'Other' } } },
    'of the plural': { spec: { names: { plural: 'others' } } },
    'of short names': { spec: { names: { shortNames: ['v', 'Ver'] } } },
    'to no versions': { spec: { versions: [] } },
    'of status': { status: { storedVersions: [] } },
    'of preserving': { spec: { preserveUnknownFields: true } },
    'of conversion': { spec: { conversion: { strategy: 'Webhook' } } },
  };
  for (const [title, body] of Object.entries(changes))
    await comparison.compare(`change ${title}`, {
      method: 'PATCH',
      path: `${definition}?dryRun=All`,
      body,
      headers: merge,
    });
  for (const [title, storedVersions] of Object.entries({
    'without the storage version': ['v1beta1'],
    'of none': [],
    'with an unknown one': ['v1', 'v7'],
    'with another': ['v1', 'v1beta1'],
  }))
    await comparison.compare(`stored versions ${title}`, {
      method: 'PATCH',
      path: `${definition}/status?dryRun=All`,
      body: { status: { storedVersions } },
      headers: merge,
    });
  await comparison.compare('the definition as table', {
    method: 'GET',
    path: definition,
    headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
  });
}
