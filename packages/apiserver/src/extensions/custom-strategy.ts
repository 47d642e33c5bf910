/** What is special about writing a custom resource, of whatever definition: what its writer is warned of. */
import type { Strategy } from '../strategies/strategy.ts';

/** Those of the garbage collector, which every kind may have. */
const known: ReadonlySet<string> = new Set(['orphan', 'foregroundDeletion']);

export const customStrategy: Strategy = {
  check(object, old, { warn }) {
    const before = old?.metadata?.finalizers ?? [];
    for (const finalizer of object.metadata?.finalizers ?? [])
      if (!finalizer.includes('/') && !known.has(finalizer) && !before.includes(finalizer))
        warn?.(
          `metadata.finalizers: ${JSON.stringify(finalizer)}: prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers`,
        );
  },
};
