/**
 * OwnerReferencesPermissionEnforcement: who says that an object goes with an owner must have the right to delete the
 * object, and who makes the owner wait for it the right to set the owner's finalizers.
 */
import type { OwnerReference } from '@timonier/api';
import { sameTree } from '../../storage/copy.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';

export const ownerReferencesPermission: AdmissionPlugin = {
  name: 'OwnerReferencesPermissionEnforcement',
  isOffByDefault: true,
  operations: ['CREATE', 'UPDATE'],
  async validate(request) {
    const { context, object, old } = request;
    const { target } = context;
    // The status cannot change owners.
    if (target.subresource === 'status') return;
    const [now, before] = [object, old].map((one) => one?.metadata?.ownerReferences ?? []);
    if (now === undefined || before === undefined || sameTree(now, before)) return;
    // Objects are born with their owners: only later changes need the right to delete.
    const name = object?.metadata?.name ?? target.name;
    if (
      old !== undefined &&
      !(await may(request, {
        ...target.info,
        verb: 'delete',
        subresource: target.subresource,
        namespace: target.namespace,
        name,
      }))
    )
      throw refusal(request, "cannot set an ownerRef on a resource you can't delete: , <nil>");
    const blocking = now.filter(
      (owner) =>
        owner.blockOwnerDeletion === true &&
        before.find(({ uid }) => uid === owner.uid)?.blockOwnerDeletion !== true,
    );
    // Of whoever may hold up everything it does not matter what the owners are, nor whether there is such a kind.
    if (blocking.length === 0 || (await may(request, anything))) return;
    for (const owner of blocking)
      if (!(await mayFinalize(request, owner)))
        throw refusal(
          request,
          "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>",
        );
  },
};

const anything: Asked = {
  verb: 'update',
  group: '*',
  resource: '*',
  subresource: 'finalizers',
  namespace: '',
  name: '*',
};

async function mayFinalize(
  request: AdmissionRequest,
  { apiVersion, kind, name }: OwnerReference,
): Promise<boolean> {
  const { server, target } = request.context;
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  const info = server.registry.byKind(group, version, kind);
  if (info === undefined)
    throw refusal(
      request,
      `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}`,
    );
  const namespace = info.namespaced ? target.namespace : '';
  return may(request, { ...info, verb: 'update', subresource: 'finalizers', namespace, name });
}

interface Asked {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

function may(
  { context }: AdmissionRequest,
  { verb, group, resource, subresource, namespace, name }: Asked,
): Promise<boolean> {
  const question = { path: '', verb, group, resource, subresource, namespace, name };
  return context.server.authorizer.allows(context.user, question);
}
