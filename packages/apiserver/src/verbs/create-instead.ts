/**
 * The creation that an update or an apply comes to when nothing is there. Whoever asked for a change was authorized for
 * that only: the right to `create` is asked for here, where upstream does, before what judges the new object.
 */
import type { AdmissionRequest } from '../admission/request.ts';
import type { ApiObject } from '@timonier/api/decode';
import { objectWarnings } from '@timonier/api/object-warnings';
import { settleAdmitted } from '../pipeline/after-admission.ts';
import { authorize } from '../pipeline/authorize.ts';
import { withConditions } from '../pipeline/commit-extras.ts';
import { definitionCondition } from '../pipeline/definition-exists.ts';
import type { Decision } from '../pipeline/mutate.ts';
import { namespaceCondition } from '../pipeline/namespace-exists.ts';
import { prepareCreate } from '../pipeline/prepare.ts';
import { checkObject } from '../pipeline/validate.ts';
import type { RequestContext } from '../request-context.ts';
import { strategyOf } from '../strategies/index.ts';
import { provisionNamespace } from './create.ts';

/**
 * For all attempts of one request, whose right is asked for once. The object is as its sender owns it, and is changed.
 * Rejects with 403 for whoever may not create it, and like any creation.
 */
export function creationInstead(context: RequestContext): (sent: ApiObject) => Promise<Decision> {
  const { server, target } = context;
  const { admission } = server;
  const { info } = target;
  const inNamespace = namespaceCondition(context, target.name, admission.isOn('NamespaceLifecycle'));
  const isDefined = definitionCondition(context);
  let mayCreate: Promise<void> | undefined;
  return async (sent) => {
    await provisionNamespace(context);
    const conditions = [...(await inNamespace()), ...(await isDefined())];
    const request: AdmissionRequest = { operation: 'CREATE', context, object: sent, old: undefined };
    const owners = sent.metadata?.managedFields;
    await admission.admit(request);
    const object = request.object ?? sent;
    settleAdmitted(object, owners, context, target.name);
    prepareCreate(object, context);
    checkObject(info, object, undefined);
    for (const text of objectWarnings(info, object)) context.warn?.(text);
    await strategyOf(info).check?.(object, undefined, context);
    await (mayCreate ??= authorizeCreation(context));
    await admission.validate({ ...request, object });
    const extras = withConditions(await strategyOf(info).reserve?.(object, undefined, context), conditions);
    return { action: 'put', object, extras: await admission.reserve({ ...request, object }, extras) };
  };
}

function authorizeCreation({ server, exchange, user, target }: RequestContext): Promise<void> {
  const { info, namespace, name, subresource } = target;
  // A namespace is in itself, as paths have it.
  const isNamespace = info.group === '' && info.resource === 'namespaces';
  return authorize(server.authorizer, user, {
    path: exchange.url.pathname,
    verb: 'create',
    group: info.group,
    version: info.version,
    resource: info.resource,
    namespace: isNamespace ? name : namespace,
    name,
    subresource,
  });
}
