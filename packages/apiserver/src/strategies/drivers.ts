/** CSIDrivers: they count changes of their spec, but not their creation, and are warned about tokens in plain sight. */
import type { CSIDriver } from '@timonier/api';
import { sameTree } from '../storage/copy.ts';
import type { Strategy } from './strategy.ts';

const tokensInAttributes =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes';

export const driverStrategy: Strategy = {
  prepareUpdate(object, old) {
    if (sameTree(object['spec'], old['spec'])) return;
    object.metadata = { ...object.metadata, generation: (old.metadata?.generation ?? 0) + 1 };
  },
  check(object, old, { warn }) {
    const { spec } = object as unknown as CSIDriver;
    const before = (old as unknown as CSIDriver | undefined)?.spec;
    // Who leaves it as it was has been told.
    if (
      before !== undefined &&
      sameTree(spec?.tokenRequests, before.tokenRequests) &&
      spec?.serviceAccountTokenInSecrets === before.serviceAccountTokenInSecrets
    )
      return;
    const { tokenRequests = [], serviceAccountTokenInSecrets } = spec ?? {};
    if (tokenRequests.length > 0 && serviceAccountTokenInSecrets === undefined) warn?.(tokensInAttributes);
  },
};
