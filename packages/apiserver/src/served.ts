/** What this server serves of the built-in kinds: all of them. Kinds defined at run time join. */
import { createRegistry, type Registry } from '@timonier/api';

/** A registry of what is served, for one server. */
export function servedRegistry(): Registry {
  return createRegistry();
}
