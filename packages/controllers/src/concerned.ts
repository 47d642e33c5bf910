/** Whom a change of something owned concerns. */
import { type LabelSelector, selectorMatches } from '@timonier/api';
import { keyOf, objectKey } from '@timonier/client';
import { controllerOf, type OwnedObject } from './owner.ts';

interface Labelled extends OwnedObject {
  readonly metadata?: OwnedObject['metadata'] & {
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
  };
}

interface Selecting {
  readonly metadata?: { readonly namespace?: string; readonly name?: string };
  readonly spec?: { readonly selector?: LabelSelector };
}

/** Keys of its controller, if that is of this kind; of what nobody controls, those of all that might adopt it. */
export function concerned(
  object: Labelled,
  kind: string,
  inNamespace: (namespace: string) => readonly Selecting[],
): string[] {
  const { namespace = '', labels } = object.metadata ?? {};
  const owner = controllerOf(object);
  if (owner !== undefined) return owner.kind === kind ? [keyOf({ namespace, name: owner.name })] : [];
  return inNamespace(namespace)
    .filter(({ spec }) => selectorMatches(spec?.selector, labels))
    .map((one) => objectKey(one));
}
