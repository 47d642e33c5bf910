/** The path by which a rule names the field that is wrong, such as `.spec.name` or `['b-c']`. */
import { type JsonSchema, propertyOf, valuesOf } from './json-schema.ts';

/** As errors show it, below the place of the rule; undefined when the schema has no such field. */
export function pathOfField(schema: JsonSchema, text: string): string | undefined {
  const steps = [...text.matchAll(/\.([A-Za-z_$][\w$]*)|\['((?:[^'\\]|\\.)+)'\]/g)];
  if (steps.length === 0 || steps.map(([whole]) => whole).join('') !== text) return undefined;
  let inner: JsonSchema | undefined = schema;
  let path = '';
  for (const [, plain, quoted] of steps) {
    const name = plain ?? (quoted ?? '').replaceAll(/\\(.)/g, '$1');
    const isKey = inner !== undefined && valuesOf(inner) !== undefined && inner.properties === undefined;
    inner = propertyOf(inner, name);
    if (inner === undefined) return undefined;
    path += isKey ? `[${name}]` : `.${name}`;
  }
  return path;
}
