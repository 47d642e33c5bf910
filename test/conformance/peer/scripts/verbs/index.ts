/** Requests in right and wrong forms: parameters, bodies, patches, preconditions, subresources, paths and media types. */
import type { Comparison } from '../../comparison.ts';
import { applies } from './apply.ts';
import { creations } from './create.ts';
import { deletions } from './delete.ts';
import { lists } from './list.ts';
import { logs } from './logs.ts';
import { patches } from './patch.ts';
import { paths } from './paths.ts';
import { strategicPatches } from './strategic.ts';
import { updates } from './update.ts';
import { watches } from './watch.ts';
import { webSockets } from './web-sockets.ts';
import { deployment, deployments, map, maps } from './samples.ts';

export async function verbs(comparison: Comparison): Promise<void> {
  await comparison.both('deployment', { method: 'POST', path: deployments, body: deployment });
  for (const name of ['verbs-1', 'verbs-2', 'verbs-3'])
    await comparison.both(name, { method: 'POST', path: maps, body: map(name) });
  await comparison.section('verbs list', () => lists(comparison));
  await comparison.section('verbs watch', () => watches(comparison));
  await comparison.section('verbs web sockets', () => webSockets(comparison));
  await comparison.section('verbs logs', () => logs(comparison));
  await comparison.section('verbs patch', () => patches(comparison));
  await comparison.section('verbs strategic', () => strategicPatches(comparison));
  await comparison.section('verbs apply', () => applies(comparison));
  await comparison.section('verbs create', () => creations(comparison));
  await comparison.section('verbs update', () => updates(comparison));
  await comparison.section('verbs delete', () => deletions(comparison));
  await comparison.section('verbs paths', () => paths(comparison));
}
