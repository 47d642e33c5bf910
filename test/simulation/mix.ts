/**
 * What happens how often: every seed chooses its own mix of ordinary life and faults, and some have none of a kind,
 * because faults hide each other's consequences.
 */
import type { Random } from './random.ts';

export type Action = keyof ReturnType<typeof chooseWeights>;

function chooseWeights(random: Random) {
  const often = (weight: number): number => (random.chance(0.35) ? 0 : weight * (0.2 + random.next() * 2));
  // Some seeds live through nearly constant elections, where half-replicated entries of many terms pile up.
  const unrest = random.pick([1, 6, 6]);
  return {
    deliver: 600,
    tick: random.pick([60, 150, 400]),
    write: 100 + random.below(300),
    propose: 20 + random.below(60),
    read: 30,
    lose: often(20 * unrest),
    duplicate: often(10),
    crash: often(6 * unrest),
    partition: often(2 * unrest),
    depose: often(2 * unrest),
    heal: 3 * unrest,
    closed: often(10 * unrest),
    storm: often(3 * unrest),
    stall: often(2),
    transfer: often(3),
    campaign: often(8 * unrest),
    compact: often(4),
    configure: often(3),
  };
}

/** Short reigns: a leader is cut off again and again before it has copied everything, and nothing else goes wrong. */
const SHORT_REIGNS: Partial<Record<Action, number>> = {
  tick: 400,
  write: 400,
  propose: 10,
  read: 5,
  lose: 0,
  duplicate: 0,
  crash: 1,
  partition: 2,
  depose: 25,
  heal: 0,
  closed: 0,
  storm: 0,
  stall: 0,
  transfer: 0,
  campaign: 0,
  compact: 0,
  configure: 0,
};

export interface Mix {
  readonly weights: readonly (readonly [Action, number])[];
  readonly shortReigns: boolean;
}

export function chooseMix(random: Random): Mix {
  const shortReigns = random.chance(0.2);
  const chosen = { ...chooseWeights(random), ...(shortReigns ? SHORT_REIGNS : {}) };
  // Object.entries forgets that the keys are exactly the actions.
  const weights = Object.entries(chosen).map(([action, weight]) => [action as Action, weight] as const);
  return { weights, shortReigns };
}
