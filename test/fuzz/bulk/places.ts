/** The places of a kind that can be long: every list and every map that its schema has, wherever it is nested. Pure. */
import type { Schema } from '@timonier/api/schema';

export interface Place {
  /** Names of fields from the root; a list or a map on the way is entered without one. */
  readonly path: readonly string[];
  /** Of the list or map. */
  readonly schema: Schema;
  /** The field of the message that it is, such as `io.k8s.api.core.v1.PodSpec.volumes`: pods are in many kinds. */
  readonly field: string;
}

/** A message inside of itself is not entered again. */
export function placesOf(root: Schema): readonly Place[] {
  const found: Place[] = [];
  const visit = (schema: Schema, path: readonly string[], field: string, above: readonly string[]): void => {
    if (schema.kind === 'object') {
      const message = schema.message ?? '';
      if (above.includes(message)) return;
      for (const [name, inner] of schema.fields)
        visit(inner, [...path, name], `${message}.${name}`, [...above, message]);
      return;
    }
    if (schema.kind !== 'list' && schema.kind !== 'map') return;
    found.push({ path, schema, field });
    const inner = schema.items ?? schema.values;
    if (inner !== undefined) visit(inner, path, `${field}[]`, above);
  };
  visit(root, [], '', []);
  return found;
}

/** As people write it: `spec.containers.env`. */
export function nameOf({ path }: Pick<Place, 'path'>): string {
  return path.join('.');
}
