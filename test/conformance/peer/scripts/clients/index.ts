/** What programs that people run against a cluster ask for: informers, operators, deployers, autoscalers and kubectl. */
import type { Comparison } from '../../comparison.ts';
import { accepts } from './accepts.ts';
import { autoscalers } from './autoscalers.ts';
import { definitionSection } from './definitions.ts';
import { listsOfMaps } from './lists-of-maps.ts';
import { managedFields } from './managed-fields.ts';
import { podSection } from './pods.ts';
import { preconditions } from './preconditions.ts';
import { reads } from './reads.ts';
import { removals } from './removals.ts';
import { requests } from './requests.ts';
import { rights } from './rights.ts';
import { scales } from './scales.ts';
import { selectors } from './selectors.ts';
import { watches } from './watches.ts';
import { makeWorld } from './world.ts';

export async function clients(comparison: Comparison): Promise<void> {
  let isMade = false;
  const section = (name: string, body: (comparison: Comparison) => Promise<void>): Promise<void> =>
    comparison.section(`clients ${name}`, async () => {
      if (!isMade) await makeWorld(comparison);
      isMade = true;
      await body(comparison);
    });
  await section('reads', reads);
  await section('watches', watches);
  await section('selectors', selectors);
  await section('accepts', accepts);
  await section('lists of maps', listsOfMaps);
  await section('managed fields', managedFields);
  await section('removals', removals);
  await section('pods', podSection);
  await section('requests', requests);
  await section('rights', rights);
  await section('scales', scales);
  await section('autoscalers', autoscalers);
  await section('definitions', definitionSection);
  await preconditions(comparison);
}
