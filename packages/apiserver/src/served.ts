/**
 * What this server serves of the built-in kinds: all of them. Left out are only subresources that nothing here answers,
 * so that discovery never names what does not work.
 */
import { createRegistry, type Registry } from '@timonier/api';

const unservedSubresources: ReadonlySet<string> = new Set(['nodes/proxy', 'pods/proxy', 'services/proxy']);

/** A registry of what is served. Kinds defined at run time join it. */
export function servedRegistry(): Registry {
  return createRegistry().subset(
    () => true,
    (info, { name }) => !unservedSubresources.has(`${info.resource}/${name}`),
  );
}
