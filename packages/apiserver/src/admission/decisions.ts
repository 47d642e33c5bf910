/**
 * What expressions ask authorizers. The usual ones answer at once; where somebody outside has to be asked, the evaluation
 * is given up, and begun again when the answer is there: expressions have no effects, and an answer is remembered for
 * the request, so that every attempt comes further. How often one can ask is bounded by what asking costs.
 */
import type { Attributes, Decision } from '../authorization/decision.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { WriteContext } from '../server-state.ts';

class Undecided extends Error {
  readonly answered: Promise<void>;

  constructor(answered: Promise<void>) {
    super('an authorizer is being asked');
    this.answered = answered;
  }
}

const answers = new WeakMap<WriteContext, Map<string, Decision>>();

/** May only be called within `whenDecided`. */
export function decisionOf(context: WriteContext, user: User, attributes: Attributes): Decision {
  let known = answers.get(context);
  if (known === undefined) answers.set(context, (known = new Map()));
  const question = JSON.stringify([user, attributes]);
  const before = known.get(question);
  if (before !== undefined) return before;
  const decision = context.server.authorizer.decide(user, attributes);
  if (!(decision instanceof Promise)) return decision;
  throw new Undecided(decision.then((answer) => void known.set(question, answer)));
}

/** The outcome of an evaluation without effects, at once unless an authorizer lets it wait. */
export function whenDecided<T>(evaluate: () => T): T | Promise<T> {
  try {
    return evaluate();
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
    return error.answered.then(() => whenDecided(evaluate));
  }
}

/** Why an evaluation failed. Throws on when it has only not ended yet. */
export function failureOf(error: unknown): string {
  if (error instanceof Undecided) throw error;
  return error instanceof Error ? error.message : String(error);
}
