/** What is special about writing an APIService: what it must say, and that local ones are available at once. */
import { type FieldError, fieldErrors } from '@timonier/api';
import { checkDns1035Label, checkDns1123Subdomain } from '@timonier/api/names';
import { formatTime } from '@timonier/api/time';
import type { Strategy } from '../strategies/strategy.ts';
import { apiServiceName, asApiService, local, statusWith } from './api-service.ts';

const { forbidden, invalid, required } = fieldErrors;
const maxPriority = 20_000;

export const apiServiceStrategy: Strategy = {
  keepsStatusOnCreate: true,
  prepareCreate(object, { server }) {
    const service = asApiService(object);
    if (service.spec?.service === undefined)
      service.status = statusWith(undefined, local, formatTime(new Date(server.now())));
    // Nobody knows yet.
    else service.status = {};
  },
  validate(object): FieldError[] {
    const { metadata, spec } = asApiService(object);
    const { group = '', version = '', service, caBundle, insecureSkipTLSVerify } = spec ?? {};
    const errors: FieldError[] = [];
    const wanted = apiServiceName({ group, version });
    // That it must have a name is told by the rules of all kinds.
    if (metadata?.name && metadata.name !== wanted)
      errors.push(
        invalid(
          'metadata.name',
          metadata.name,
          `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`,
        ),
      );
    if (group === '') {
      if (version !== 'v1')
        errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
    } else for (const text of checkDns1123Subdomain(group)) errors.push(invalid('spec.group', group, text));
    for (const text of checkDns1035Label(version)) errors.push(invalid('spec.version', version, text));
    for (const [field, value, max] of [
      ['groupPriorityMinimum', spec?.groupPriorityMinimum ?? 0, maxPriority],
      ['versionPriority', spec?.versionPriority ?? 0, 1_000],
    ] as const)
      if (value <= 0 || value > max)
        errors.push(invalid(`spec.${field}`, value, `must be positive and less than ${max}`));
    if (service === undefined) {
      if (caBundle)
        errors.push(
          invalid('spec.caBundle', `${caBundle.length} bytes`, 'local APIServices may not have a caBundle'),
        );
      if (insecureSkipTLSVerify === true)
        errors.push(
          invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'),
        );
      return errors;
    }
    if (!service.namespace) errors.push(required('spec.service.namespace'));
    if (!service.name) errors.push(required('spec.service.name'));
    const { port = 443 } = service;
    if (port < 1 || port > 65_535)
      errors.push(
        invalid('spec.service.port', port, 'port is not valid: must be between 1 and 65535, inclusive'),
      );
    if (insecureSkipTLSVerify === true && caBundle)
      errors.push(forbidden('spec.insecureSkipTLSVerify', 'may not be true if caBundle is present'));
    return errors;
  },
};
