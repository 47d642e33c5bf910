/**
 * What a value must be of several schemas: any, exactly one, all, or not one. When none of the alternatives fits,
 * upstream tells what is wrong by the one that fitted in most checks, the first of those. What an update left as it was is
 * judged like everything else: an alternative that is spared a look would seem to fit.
 */
import type { Findings } from './findings.ts';
import type { JsonSchema } from './json-schema.ts';

type Examine = (schema: JsonSchema, value: unknown, old: undefined, path: string) => Findings;

export function checkCombinations(
  { anyOf = [], oneOf = [], allOf = [], not }: JsonSchema,
  value: unknown,
  path: string,
  found: Findings,
  examine: Examine,
): void {
  const say = (text: string): void => found.general(`${JSON.stringify(path)} ${text}`);
  const look = (schema: JsonSchema): Findings => examine(schema, value, undefined, path);
  if (anyOf.length > 0) {
    const results: Findings[] = [];
    for (const schema of anyOf) {
      const result = look(schema);
      results.push(result);
      if (result.isFine) break;
    }
    const fitting = results.find(({ isFine }) => isFine);
    if (fitting === undefined) say('must validate at least one schema (anyOf)');
    found.merge(fitting ?? nearest(results));
  }
  if (oneOf.length > 0) {
    const results = oneOf.map(look);
    const fitting = results.filter(({ isFine }) => isFine);
    const [first] = fitting;
    if (first !== undefined && fitting.length === 1) found.merge(first);
    else if (first !== undefined)
      say(`must validate one and only one schema (oneOf). Found ${fitting.length} valid alternatives`);
    else {
      say('must validate one and only one schema (oneOf). Found none valid');
      found.merge(nearest(results));
    }
  }
  if (allOf.length > 0) {
    const results = allOf.map(look);
    for (const result of results) found.merge(result);
    const fitting = results.filter(({ isFine }) => isFine).length;
    if (fitting < results.length)
      say(`must validate all the schemas (allOf)${fitting === 0 ? '. None validated' : ''}`);
  }
  if (not !== undefined && look(not).isFine) say('must not validate the schema (not)');
}

function nearest(results: readonly Findings[]): Findings {
  return results.reduce((best, one) => (one.matches > best.matches ? one : best));
}
