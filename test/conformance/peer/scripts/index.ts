/** All scripts, in the order in which they are played. */
import type { Comparison } from '../comparison.ts';
import { discovery } from './discovery.ts';
import { each } from './each.ts';
import { fields } from './fields.ts';
import { kinds } from './kinds.ts';
import { access } from './access.ts';
import { admission } from './admission/index.ts';
import { clients } from './clients/index.ts';
import { conversion } from './conversion/index.ts';
import { custom } from './custom/index.ts';
import { nodeRestrictions } from './nodes.ts';
import { verbs } from './verbs/index.ts';
import { world } from './world.ts';

export const scripts: readonly ((comparison: Comparison) => Promise<void>)[] = [
  // What a fresh server has comes before what scripts make.
  discovery,
  access,
  world,
  kinds,
  fields,
  admission,
  custom,
  conversion,
  nodeRestrictions,
  verbs,
  clients,
  // They go in the end.
  each,
];
