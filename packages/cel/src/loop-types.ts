/** The types of loops: of their variables, and of what they come to. */
import type { Comprehension } from './ast.ts';
import { bool, dyn, int, list, map, type Type } from './types.ts';

/** The types of the two variables that a loop over `range` may have; undefined where there is nothing to go through. */
export function loopVariables(range: Type, { variables }: Comprehension): readonly [Type, Type] | undefined {
  switch (range.kind) {
    case 'list':
      return variables.length === 2 ? [int, range.element] : [range.element, dyn];
    case 'map':
      return [range.key, range.value];
    case 'dyn':
      return [dyn, dyn];
    default:
      return undefined;
  }
}

/** What a loop comes to, over `range` with a first variable of type `first`. */
export function resultOf({ macro }: Comprehension, range: Type, first: Type, transform: Type): Type {
  switch (macro) {
    case 'all':
    case 'exists':
    case 'exists_one':
      return bool;
    case 'filter':
      return range.kind === 'list' ? list(range.element) : list(first);
    case 'map':
    case 'transformList':
      return list(transform);
    case 'transformMap':
      return map(range.kind === 'map' ? range.key : int, transform);
    default:
      return transform.kind === 'map' ? map(transform.key, transform.value) : map(dyn, dyn);
  }
}
