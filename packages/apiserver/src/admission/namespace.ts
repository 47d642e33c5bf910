/**
 * The namespace that a write is in, for those whose verdict depends on its labels. The cache may not know a new one yet:
 * then it is read from the store before the first plugin runs, since what is not known must exempt nobody.
 */
import type { Namespace } from '@timonier/api';
import { readCurrent } from '../pipeline/read-current.ts';
import type { WriteContext } from '../server-state.ts';
import { cachedObject } from './cached.ts';

const read = new WeakMap<WriteContext, Readonly<Namespace>>();

/** Undefined in none, and where there is none of that name. To be asked once `knowNamespace` is through. */
export function namespaceOf(context: WriteContext): Readonly<Namespace> | undefined {
  const { server, target } = context;
  if (!target.info.namespaced || target.namespace === '') return undefined;
  return cachedObject<Namespace>(server, 'namespaces', '', target.namespace) ?? read.get(context);
}

/** A promise only where the store has to be asked. */
export function knowNamespace(context: WriteContext): Promise<void> | undefined {
  const { info, namespace } = context.target;
  if (!info.namespaced || namespace === '' || namespaceOf(context) !== undefined) return undefined;
  return readNamespace(context);
}

async function readNamespace(context: WriteContext): Promise<void> {
  const { server, target } = context;
  const info = server.registry.lookup('', 'v1', 'namespaces');
  const stored = info && (await readCurrent(server, info, `${server.root}namespaces/${target.namespace}`));
  if (stored !== undefined) read.set(context, stored.object());
}
