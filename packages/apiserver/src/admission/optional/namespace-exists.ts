/**
 * NamespaceExists: what is in no namespace that there is can be neither made nor changed. NamespaceAutoProvision: a
 * creation brings its namespace along, before anything else is asked about it: see `verbs/create.ts`.
 */
import { notFound, StatusError } from '@timonier/api/statuses';
import { namespaceOf } from '../namespace.ts';
import type { AdmissionPlugin } from '../request.ts';

export const namespaceExists: AdmissionPlugin = {
  name: 'NamespaceExists',
  isOffByDefault: true,
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  validate({ context }) {
    const { info, namespace } = context.target;
    if (!info.namespaced || namespace === '' || namespaceOf(context) !== undefined) return;
    throw new StatusError(notFound({ group: '', resource: 'namespaces' }, namespace));
  },
};

export const namespaceAutoProvision: AdmissionPlugin = {
  name: 'NamespaceAutoProvision',
  isOffByDefault: true,
  operations: ['CREATE'],
};
