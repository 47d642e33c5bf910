/** What a kind's rules are made of. Functions are pure and get objects that are decoded and defaulted. */
import type { ApiObject } from '../decode.ts';
import type { FieldError } from './field-error.ts';

export interface Rules {
  /** What must hold for every object, new or changed. */
  readonly object?: (object: ApiObject) => FieldError[];
  /** What a change must keep. */
  readonly update?: (object: ApiObject, old: ApiObject) => FieldError[];
  /** What must hold for updates through a subresource that takes the whole object. */
  readonly subresources?: Readonly<Record<string, (object: ApiObject, old: ApiObject) => FieldError[]>>;
}

type Check = (object: never) => FieldError[];
type Compare = (object: never, old: never) => FieldError[];

/** Functions are only ever given objects of their own kind; the tables of rules cannot say so in types. */
export function rules(
  object: Check,
  update?: Compare,
  subresources: Readonly<Record<string, Compare>> = {},
): Rules {
  const parts = Object.entries(subresources).map(
    ([name, check]) =>
      [name, (given: ApiObject, old: ApiObject) => check(given as never, old as never)] as const,
  );
  return {
    object: (given) => object(given as never),
    ...(update === undefined ? {} : { update: (given, old) => update(given as never, old as never) }),
    subresources: Object.fromEntries(parts),
  };
}
