/** What clients of kinds that are on their way out are told with every answer. Texts of built-in kinds are upstream's. */
import { apiVersionOf, type ResourceInfo } from '@timonier/api';

const warnings: Readonly<Record<string, string>> = {
  'v1/componentstatuses': 'v1 ComponentStatus is deprecated in v1.19+',
  'v1/endpoints': 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
};

export function deprecationOf(info: ResourceInfo): string | undefined {
  return info.custom === undefined
    ? warnings[`${apiVersionOf(info)}/${info.resource}`]
    : info.custom.deprecationWarning;
}
