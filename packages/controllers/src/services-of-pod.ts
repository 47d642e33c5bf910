import type { Pod, Service } from '@timonier/api';
import type { Informers } from './informers.ts';
import { matchesLabels } from './selector.ts';

/** The Services whose selector takes this pod. */
export function servicesOf({ services }: Pick<Informers, 'services'>, { metadata }: Pod): Service[] {
  return services
    .byIndex('namespace', metadata?.namespace ?? '')
    .filter(({ spec }) => spec?.selector !== undefined && matchesLabels(spec.selector, metadata?.labels));
}
