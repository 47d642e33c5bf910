/** A definition whose stored version changes under its objects, and whose conversion is changed and taken away. */
import type { Comparison } from '../../comparison.ts';
import {
  definitionOf,
  definitionPath,
  definitions,
  host,
  pathOf,
  type Version,
  versionsOf,
} from './definitions.ts';
import type { Webhook } from './webhook.ts';

const merge = { 'content-type': 'application/merge-patch+json' };
const moved = { group: 'moved.example.com', plural: 'hosts' };
const both: readonly Version[] = ['v1', 'v2'];

export async function storageScript(comparison: Comparison, webhook: Webhook): Promise<void> {
  await comparison.compare('definition', {
    method: 'POST',
    path: definitions,
    body: definitionOf(moved, webhook.clientConfig('right')),
  });
  await served(comparison);
  for (const version of both) await create(comparison, version, `first-${version}`);
  await change(comparison, 'to v2', { spec: { versions: versionsOf('v2') } });
  await stored(comparison, 'v2');
  for (const version of both) await create(comparison, version, `second-${version}`);
  await looked(comparison, 'moved');
  // What is written is stored in the new version from then on, also when nothing changes.
  for (const version of both)
    await comparison.compare(`rewritten as ${version}`, {
      method: 'PATCH',
      path: `${pathOf(moved, version)}/first-${version}`,
      body: {},
      headers: merge,
    });
  await looked(comparison, 'rewritten');
  await change(comparison, 'without v1', { spec: { versions: versionsOf('v2').slice(1) } });
  await change(comparison, 'v1 not served', {
    spec: { versions: versionsOf('v2').map((one, i) => (i === 0 ? { ...one, served: false } : one)) },
  });
  await comparison.settle(
    'v1 is not served',
    { method: 'GET', path: pathOf(moved, 'v1') },
    ({ status }) => status === 404,
  );
  await comparison.settle(
    'v2 is served again',
    { method: 'GET', path: pathOf(moved, 'v2') },
    ({ status }) => status === 200,
  );
  await comparison.compare('not served: get', { method: 'GET', path: `${pathOf(moved, 'v1')}/first-v1` });
  await comparison.compare('not served: list of v2', { method: 'GET', path: pathOf(moved, 'v2') });
  await change(comparison, 'stored versions', { status: { storedVersions: ['v2'] } }, '/status');
  await change(comparison, 'v1 taken away', { spec: { versions: versionsOf('v2').slice(1) } });
  await comparison.settle(
    'one version is left',
    { method: 'GET', path: `/apis/${moved.group}` },
    ({ text }) =>
      !text.includes('v1"') || text.includes('"versions":[{"groupVersion":"moved.example.com/v2"'),
  );
  await comparison.compare('one version: get', { method: 'GET', path: `${pathOf(moved, 'v2')}/second-v2` });
  await conversions(comparison, webhook);
  await comparison.compare('delete the definition', { method: 'DELETE', path: definitionPath(moved) });
}

async function served(comparison: Comparison): Promise<void> {
  for (const version of both)
    await comparison.settle(
      `${version} is served`,
      { method: 'GET', path: pathOf(moved, version) },
      ({ status }) => status === 200,
    );
}

function create(comparison: Comparison, version: Version, name: string): Promise<void> {
  return comparison.compare(`create ${name}`, {
    method: 'POST',
    path: `${pathOf(moved, version)}?fieldManager=maker`,
    body: host(moved, version, name),
  });
}

function change(comparison: Comparison, title: string, body: object, at = ''): Promise<void> {
  return comparison.compare(`change: ${title}`, {
    method: 'PATCH',
    path: `${definitionPath(moved)}${at}`,
    body,
    headers: merge,
  });
}

/** The hash of the stored version in the discovery is the only thing that tells when it counts. */
async function stored(comparison: Comparison, version: Version): Promise<void> {
  await comparison.settle(
    `${version} is stored`,
    { method: 'GET', path: definitionPath(moved) },
    ({ text }) => text.includes(`"storedVersions":["v1","${version}"]`),
  );
  // Each server notices a changed definition in its own time.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
}

async function looked(comparison: Comparison, when: string): Promise<void> {
  for (const version of both) {
    const path = pathOf(moved, version);
    await comparison.compare(`${when}: list of ${version}`, { method: 'GET', path });
    await comparison.compare(`${when}: watch of ${version}`, {
      method: 'GET',
      path: `${path}?watch=true&timeoutSeconds=1`,
    });
    for (const name of ['first-v1', 'first-v2', 'second-v1', 'second-v2'])
      await comparison.compare(`${when}: ${name} as ${version}`, { method: 'GET', path: `${path}/${name}` });
  }
  await comparison.compare(`${when}: the definition`, { method: 'GET', path: definitionPath(moved) });
}

async function conversions(comparison: Comparison, webhook: Webhook): Promise<void> {
  const clientConfig = webhook.clientConfig('right');
  const ways: Readonly<Record<string, unknown>> = {
    'to none': { strategy: 'None', webhook: null },
    'to none, with a webhook left': { strategy: 'None' },
    'without reviews': { webhook: { conversionReviewVersions: [] } },
    'with unknown reviews': { webhook: { conversionReviewVersions: ['v7'] } },
    'with old reviews first': { webhook: { conversionReviewVersions: ['v1beta1', 'v1'] } },
    'with doubled reviews': { webhook: { conversionReviewVersions: ['v1', 'v1'] } },
    'without a webhook': { webhook: null },
    'without a client': { webhook: { clientConfig: null } },
    'with a service, too': {
      webhook: { clientConfig: { ...clientConfig, service: { name: 'x', namespace: 'y' } } },
    },
    'with a service': { webhook: { clientConfig: { url: null, service: { name: 'x', namespace: 'y' } } } },
    'with an empty service': { webhook: { clientConfig: { url: null, service: {} } } },
    'without TLS': { webhook: { clientConfig: { url: 'http://localhost/x' } } },
    'with a query': { webhook: { clientConfig: { url: 'https://localhost/x?a=b' } } },
    'with another strategy': { strategy: 'Guess' },
  };
  for (const [title, conversion] of Object.entries(ways))
    await comparison.compare(`conversion ${title}`, {
      method: 'PATCH',
      path: `${definitionPath(moved)}?dryRun=All`,
      body: { spec: { conversion } },
      headers: merge,
    });
}
