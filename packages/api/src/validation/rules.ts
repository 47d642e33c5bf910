/** What a kind's rules are made of. Functions are pure and get objects that are decoded and defaulted. */
import type { ApiObject } from '../object.ts';
import type { FieldError } from './field-error.ts';

export interface Rules {
  /** What must hold for every object, new or changed. */
  readonly object?: (object: ApiObject) => FieldError[];
  /** What must hold of the spec beside that, whatever else is in the object but its name: not asked of what leaves it alone. */
  readonly spec?: ((object: ApiObject) => FieldError[]) | undefined;
  /** What must hold for new ones beside that. */
  readonly create?: ((object: ApiObject) => FieldError[]) | undefined;
  /** What a change must keep. */
  readonly update?: ((object: ApiObject, old: ApiObject) => FieldError[]) | undefined;
  /** What a change must keep is said before what must hold for every object. */
  readonly changesFirst?: boolean;
  /** What new ones must hold beside the rest is said before what is wrong with the first of such fields. */
  readonly createdBefore?: RegExp | undefined;
  /** The same of what changes must keep. */
  readonly changedBefore?: RegExp | undefined;
  /** Fields whose closed sets of values these rules look at by themselves, where they do. */
  readonly ownSets?: readonly string[];
  /** Metadata is looked at only where nothing else is wrong, and with upstream's rule for names of any kind. */
  readonly metadataLast?: boolean;
  /** What must hold for updates through a subresource that takes the whole object. */
  readonly subresources?: Readonly<Record<string, (object: ApiObject, old: ApiObject) => FieldError[]>>;
}

/** Of kinds that have no rules but those of their spec. */
export const noRules = (): FieldError[] => [];

type Check = (object: never) => FieldError[];
type Compare = (object: never, old: never) => FieldError[];

interface MoreRules {
  readonly spec?: Check;
  readonly create?: Check;
  readonly changesFirst?: boolean;
  readonly createdBefore?: RegExp;
  readonly changedBefore?: RegExp;
  readonly ownSets?: readonly string[];
  readonly metadataLast?: boolean;
  readonly subresources?: Readonly<Record<string, Compare>>;
}

/** Functions are only ever given objects of their own kind; the tables of rules cannot say so in types. */
export function rules(
  object: Check,
  update?: Compare,
  {
    spec,
    create,
    changesFirst = false,
    createdBefore,
    changedBefore,
    ownSets = [],
    metadataLast = false,
    subresources = {},
  }: MoreRules = {},
): Rules {
  const parts = Object.entries(subresources).map(
    ([name, check]) =>
      [name, (given: ApiObject, old: ApiObject) => check(given as never, old as never)] as const,
  );
  return {
    object: (given) => object(given as never),
    changesFirst,
    createdBefore,
    changedBefore,
    ownSets,
    metadataLast,
    spec: spec && ((given) => spec(given as never)),
    create: create && ((given) => create(given as never)),
    update: update && ((given, old) => update(given as never, old as never)),
    subresources: Object.fromEntries(parts),
  };
}
