/**
 * NamespaceLifecycle: nothing new comes into a namespace that is missing or ends, be it an object, a token, a binding or an
 * eviction, and three namespaces cannot be deleted. A creation compares the namespace once more in its own transaction.
 */
import { forbidden, StatusError } from '@timonier/api/statuses';
import { checkNamespace } from '../pipeline/namespace-exists.ts';
import type { AdmissionPlugin, AdmissionRequest } from './request.ts';

const permanent: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  operations: ['CREATE', 'DELETE'],
  admit(request) {
    const { context, operation } = request;
    const { info, namespace, name } = context.target;
    if (operation === 'DELETE') {
      const isNamespace = info.group === '' && info.resource === 'namespaces';
      if (isNamespace && permanent.has(name))
        throw new StatusError(forbidden(info, name, 'this namespace may not be deleted'));
      return undefined;
    }
    // What one may do in a namespace can be asked of any.
    const isQuestion = info.resource === 'localsubjectaccessreviews';
    if (!info.namespaced || namespace === '' || isQuestion) return undefined;
    return checkNamespace(context, nameOf(request)).then(() => undefined);
  },
};

/** As what a refusal speaks of it: one without a name is called by the beginning that it asks for. */
function nameOf({ object, context }: AdmissionRequest): string {
  return context.target.name || object?.metadata?.name || (object?.metadata?.generateName ?? '');
}
