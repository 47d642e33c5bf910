/**
 * Every field of every stored kind, wrong in every way that `mutations` knows: what a creation and what an update of it
 * says. Nothing is stored: all of it is rehearsed.
 */
import { type Example, examples } from '../../../../packages/api/src/testing/examples.ts';
import type { Comparison, SidedCall } from '../comparison.ts';
import { mutations } from '../mutations.ts';
import { pathOf, settled } from './kinds.ts';

/** Messages that stand in many kinds are gone through in one of them. */
const onlyOnce: ReadonlyMap<string, string> = new Map([
  ['io.k8s.api.core.v1.PodSpec', 'Pod'],
  ['io.k8s.api.core.v1.Container', 'Pod'],
  ['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', 'ConfigMap'],
]);

export async function fields(comparison: Comparison): Promise<void> {
  for (const example of examples()) {
    await comparison.section(`fields ${example.title}`, () => creations(comparison, example));
    await comparison.section(`changes ${example.title}`, () => updates(comparison, example));
  }
}

function variantsOf({ info, object }: Example) {
  return mutations(object(), info.schema, (message) => (onlyOnce.get(message) ?? info.kind) === info.kind);
}

async function creations(comparison: Comparison, example: Example): Promise<void> {
  const path = `${pathOf(example.info)}?dryRun=All`;
  const calls: { title: string; call: SidedCall }[] = [];
  for (const { field, what, object } of variantsOf(example)) {
    const { metadata } = object as { metadata?: Record<string, unknown> };
    const isNamed =
      typeof metadata === 'object' &&
      metadata !== null &&
      metadata['name'] === example.object().metadata?.name;
    // The example itself may be there.
    const body = isNamed
      ? { ...(object as object), metadata: { ...metadata, name: variantName(example) } }
      : object;
    calls.push({ title: `${field} ${what}`, call: { method: 'POST', path, body } });
  }
  await comparison.all(calls);
}

/** Another valid name of the kind. */
function variantName({ info, object }: Example): string {
  const name = object().metadata?.name ?? '';
  return unchangeable.has(info.kind) ? name : `x${name}`;
}

/** Kinds whose name follows from what they hold. */
const unchangeable: ReadonlySet<string> = new Set(['APIService', 'CustomResourceDefinition', 'IPAddress']);

async function updates(comparison: Comparison, example: Example): Promise<void> {
  const path = `${pathOf(example.info)}/${example.object().metadata?.name ?? ''}`;
  // Is there when the section of its kind has run, too.
  await comparison.both('made', { method: 'POST', path: pathOf(example.info), body: example.object() });
  await settled(comparison, example);
  await comparison.both('is', { method: 'GET', path });
  await comparison.all(
    variantsOf(example).map(({ field, what, object }) => ({
      title: `${field} ${what}`,
      call: (side) => {
        const { metadata } = object as { metadata?: unknown };
        const resourceVersion: unknown = side.saw('is')?.metadata?.resourceVersion;
        const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
        return {
          method: 'PUT',
          path: `${path}?dryRun=All`,
          body: isObject ? { ...(object as object), metadata: { ...metadata, resourceVersion } } : object,
        };
      },
    })),
  );
}
