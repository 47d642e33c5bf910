/**
 * Selectors of a list, watch or deletecollection as authorizers see them: a text from a query, or requirements that a
 * review spells out. Only what is understood limits; what is not is told, and left out. Pure.
 */
import { parseFieldSelector, parseLabelSelector } from '@timonier/api';
import type { Selector } from './decision.ts';

export interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

export interface Understood {
  readonly requirements: readonly Requirement[];
  /** True when something could not be understood. */
  readonly isPartial: boolean;
}

const fieldOperators: ReadonlySet<string> = new Set(['In', 'NotIn']);
const labelOperators: Readonly<Record<string, string>> = {
  in: 'In',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
};
const labelNames: ReadonlySet<string> = new Set(Object.values(labelOperators));

export function fieldRequirements(selector: Selector | undefined): Understood {
  if (selector?.requirements !== undefined && selector.requirements.length > 0) {
    // Fields have one value each, so that a requirement with several says nothing that could be used.
    const known = selector.requirements.filter(
      ({ operator, values = [] }) => fieldOperators.has(operator) && values.length === 1,
    );
    return { requirements: known, isPartial: known.length < selector.requirements.length };
  }
  return parsed(selector, (text) =>
    parseFieldSelector(text).map(({ field, equal, value }) => ({
      key: field,
      operator: equal ? 'In' : 'NotIn',
      values: [value],
    })),
  );
}

export function labelRequirements(selector: Selector | undefined): Understood {
  if (selector?.requirements !== undefined && selector.requirements.length > 0) {
    const known = selector.requirements.filter(({ operator }) => labelNames.has(operator));
    return { requirements: known, isPartial: known.length < selector.requirements.length };
  }
  let isPartial = false;
  const understood = parsed(selector, (text) =>
    parseLabelSelector(text).flatMap(({ key, operator, values }) => {
      const name = labelOperators[operator];
      if (name === undefined) isPartial = true;
      return name === undefined
        ? []
        : [{ key, operator: name, ...(values.length === 0 ? {} : { values: [...values] }) }];
    }),
  );
  return { ...understood, isPartial: understood.isPartial || isPartial };
}

function parsed(selector: Selector | undefined, parse: (text: string) => Requirement[]): Understood {
  const text = selector?.rawSelector ?? '';
  if (text === '') return { requirements: [], isPartial: false };
  try {
    return { requirements: parse(text), isPartial: false };
  } catch {
    return { requirements: [], isPartial: true };
  }
}
