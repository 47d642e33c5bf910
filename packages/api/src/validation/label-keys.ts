/**
 * The rules of labels whose values are the pod's own, which a pod's selectors get as it is made: in a pod that has such a
 * label, a key that was in the selector before is there twice now.
 */
import type { LabelSelector } from '../generated/types.ts';
import { qualifiedName } from './checks.ts';
import { forbidden, invalid, type FieldError } from './field-error.ts';

export function labelKeys(
  matching: readonly string[],
  mismatching: readonly string[],
  selector: LabelSelector | undefined,
  at: string,
): FieldError[] {
  if (matching.length === 0 && mismatching.length === 0) return [];
  const errors = [
    ...names(matching, selector, `${at}.matchLabelKeys`),
    ...names(mismatching, selector, `${at}.mismatchLabelKeys`),
    ...repeated(matching, selector, at),
  ];
  const others = new Set(mismatching);
  for (const [i, key] of matching.entries())
    if (others.has(key))
      errors.push(
        invalid(`${at}.matchLabelKeys[${i}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'),
      );
  return errors;
}

function names(keys: readonly string[], selector: LabelSelector | undefined, path: string): FieldError[] {
  if (keys.length === 0) return [];
  if (selector === undefined) return [forbidden(path, 'must not be specified when labelSelector is not set')];
  return keys.flatMap((key, i) => qualifiedName(`${path}[${i}]`, key));
}

/** Named without the field, as upstream has it. */
function repeated(keys: readonly string[], selector: LabelSelector | undefined, at: string): FieldError[] {
  const places = new Map(keys.map((key, i) => [key, i]));
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}));
  return (selector?.matchExpressions ?? []).flatMap(({ key }) => {
    const place = places.get(key);
    const isRepeated = place !== undefined && seen.has(key);
    seen.add(key);
    return isRepeated
      ? [invalid(`${at}[${place}]`, key, 'exists in both matchLabelKeys and labelSelector')]
      : [];
  });
}
