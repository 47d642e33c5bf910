/**
 * What a webhook can do wrong, each with a kind of its own: an object of the stored version is made, and then read,
 * written and watched in the version that cannot be had.
 */
import type { Comparison } from '../../comparison.ts';
import { answers } from './answers.ts';
import { type Converted, definitionOf, definitions, host, pathOf } from './definitions.ts';
import type { Webhook } from './webhook.ts';

const merge = { 'content-type': 'application/merge-patch+json' };
const apply = { 'content-type': 'application/apply-patch+yaml' };

interface Failure {
  readonly name: string;
  readonly clientConfig: object;
  readonly reviews?: readonly string[];
}

export async function failureScript(comparison: Comparison, webhook: Webhook): Promise<void> {
  const failures: readonly Failure[] = [
    ...Object.keys(answers).map((name) => ({ name, clientConfig: webhook.clientConfig(name) })),
    { name: 'not-found', clientConfig: webhook.clientConfig('not-found') },
    { name: 'untrusted', clientConfig: webhook.untrusted() },
    { name: 'nowhere', clientConfig: webhook.nowhere() },
    { name: 'no-service', clientConfig: { service: { name: 'none', namespace: 'default', path: '/x' } } },
    { name: 'old-reviews', clientConfig: webhook.clientConfig('right'), reviews: ['v1beta1'] },
    { name: 'both-reviews', clientConfig: webhook.clientConfig('right'), reviews: ['v7', 'v1'] },
  ];
  const kinds = failures.map((one) => ({
    ...one,
    of: { group: `${one.name}.example.com`, plural: 'hosts' },
  }));
  for (const { name, of, clientConfig, reviews } of kinds)
    await comparison.both(`definition of ${name}`, {
      method: 'POST',
      path: definitions,
      body: definitionOf(of, clientConfig, reviews === undefined ? {} : { reviews }),
    });
  for (const { name, of } of kinds)
    await comparison.settle(
      `${name} is served`,
      { method: 'GET', path: pathOf(of, 'v1') },
      ({ status }) => status === 200,
    );
  for (const { name, of } of kinds) await played(comparison, name, of);
}

async function played(comparison: Comparison, name: string, of: Converted): Promise<void> {
  const [v1, v2] = [pathOf(of, 'v1'), pathOf(of, 'v2')];
  const labelled = { labels: { a: 'b' }, annotations: { c: 'd' } };
  await comparison.both(`${name}: an object`, {
    method: 'POST',
    path: `${v1}?fieldManager=maker`,
    body: { ...host(of, 'v1', 'one'), metadata: { name: 'one', ...labelled } },
  });
  const send = (title: string, method: string, path: string, body?: unknown, headers = {}): Promise<void> =>
    comparison.compare(`${name}: ${title}`, { method, path, body, headers });
  await send('get', 'GET', `${v2}/one`);
  await send('list', 'GET', v2);
  await send('create', 'POST', `${v2}?fieldManager=maker`, host(of, 'v2', 'two'));
  await send('rehearsed', 'POST', `${v2}?dryRun=All&fieldManager=maker`, host(of, 'v2', 'three'));
  await send('patch', 'PATCH', `${v2}/one?fieldManager=patcher`, { spec: { address: 'x:1' } }, merge);
  await send('apply', 'PATCH', `${v2}/one?fieldManager=applier&force=true`, host(of, 'v2', 'one'), apply);
  await send('the stored version', 'GET', `${v1}/one`);
  await send('the stored list', 'GET', v1);
  await send('delete', 'DELETE', `${v2}/one`);
  await send('what is left', 'GET', v1);
}
