/**
 * delete: at once, or by marking. An object with finalizers, a namespace with content and a pod on a node are only
 * marked with a deletion time; whoever is responsible finishes, and the last one's update or delete removes it.
 */
import type { AdmissionRequest } from '../admission/request.ts';
import { storageKey } from '@timonier/api';
import type { DeleteOptions, ResourceInfo } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { conflict, notFound, StatusError, success } from '@timonier/api/statuses';
import { decodeDeleteOptions } from '../pipeline/decode.ts';
import { mutate } from '../pipeline/mutate.ts';
import {
  booleanParameter,
  dryRunParameter,
  dryRunProblems,
  notSupported,
  numberParameter,
  refuseOptions,
} from '../pipeline/query.ts';
import { respondObject, respondTree } from '../pipeline/respond.ts';
import { bodyMedia } from '../http/media.ts';
import type { Exchange } from '../http/exchange.ts';
import type { JudgedWrite, RequestContext } from '../request-context.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { strategyOf } from '../strategies/index.ts';
import { removeUnreadable } from './delete-unreadable.ts';
import { decideRemoval, foreground, orphan } from './removal.ts';

const propagationPolicies: readonly string[] = ['Foreground', 'Background', 'Orphan'];

export async function remove(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  const options = await readDeleteOptions(exchange);
  const dryRun = context.dryRun || dryRunParameter(options.dryRun ?? []);
  if (options.ignoreStoreReadErrorWithClusterBreakingPotential === true) {
    await removeUnreadable({ ...context, dryRun }, options);
    await respondTree(exchange, 200, success(target.info, target.name, undefined));
    return;
  }
  warnOfOrphans(context, options);
  const { marked, previous, last } = await removeObject({ ...context, dryRun }, options);
  const shown = marked ?? last ?? (returned.has(kindOf(target.info)) ? previous : undefined);
  // Kept from before there were policies: whoever lets dependents go is told that it is not over.
  const code = marked !== undefined && options.orphanDependents === false ? 202 : 200;
  if (shown !== undefined) await respondObject(context, code, shown);
  else await respondTree(exchange, 200, success(target.info, target.name, previous?.metadata?.uid));
}

/** Kinds whose objects are the answer to their deletion, where others are told by a Status. */
const returned: ReadonlySet<string> = new Set([
  '/PersistentVolume',
  '/PersistentVolumeClaim',
  '/Pod',
  '/PodTemplate',
  '/ResourceQuota',
  '/Service',
  '/ServiceAccount',
  'resource.k8s.io/DeviceClass',
  'resource.k8s.io/ResourceClaim',
  'resource.k8s.io/ResourceClaimTemplate',
  'resource.k8s.io/ResourceSlice',
  'storage.k8s.io/CSIDriver',
  'storage.k8s.io/CSINode',
  'storage.k8s.io/StorageClass',
  'storage.k8s.io/VolumeAttachment',
  'storage.k8s.io/VolumeAttributesClass',
]);

/** Kinds whose dependents stay unless somebody says otherwise, as upstream promised once. */
const orphaning: ReadonlySet<string> = new Set(['/ReplicationController', 'batch/Job']);

function kindOf({ group, kind }: Pick<ResourceInfo, 'group' | 'kind'>): string {
  return `${group}/${kind}`;
}

const isUndecided = ({ propagationPolicy, orphanDependents }: DeleteOptions): boolean =>
  propagationPolicy === undefined && orphanDependents === undefined;

/** Who deletes Jobs without a word about their pods may not know that they stay. */
export function warnOfOrphans({ target, warn }: RequestContext, options: DeleteOptions): void {
  if (kindOf(target.info) === 'batch/Job' && isUndecided(options))
    warn?.(
      'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
    );
}

/** Kinds that own nothing: their objects go at once, whatever is said about dependents. */
const childless: ReadonlySet<string> = new Set(['/Event', 'events.k8s.io/Event']);

/** The options with what the kind says of dependents where nobody else does, or may. */
function withDefaultPolicy(options: DeleteOptions, info: ResourceInfo, object: ApiObject): DeleteOptions {
  if (childless.has(kindOf(info))) return { ...options, propagationPolicy: 'Background' };
  if (!orphaning.has(kindOf(info)) || !isUndecided(options)) return options;
  const finalizers = object.metadata?.finalizers ?? [];
  return finalizers.includes(orphan) || finalizers.includes(foreground)
    ? options
    : { ...options, propagationPolicy: 'Orphan' };
}

/** Options from the body, or from the query when there is no body. */
export async function readDeleteOptions(exchange: Exchange): Promise<DeleteOptions> {
  const body = await exchange.body();
  const { query } = exchange;
  const options: DeleteOptions =
    body.length === 0 ? {} : decodeDeleteOptions(body, bodyMedia(exchange.header('content-type')));
  refuseOptions('DeleteOptions', dryRunProblems(options.dryRun ?? []));
  const grace = numberParameter(query, 'gracePeriodSeconds');
  const ignored = booleanParameter(query, 'ignoreStoreReadErrorWithClusterBreakingPotential');
  if (ignored !== undefined) options.ignoreStoreReadErrorWithClusterBreakingPotential ??= ignored;
  const orphans = booleanParameter(query, 'orphanDependents');
  const policy = query.get('propagationPolicy');
  if (grace !== undefined) options.gracePeriodSeconds ??= grace;
  if (orphans !== undefined) options.orphanDependents ??= orphans;
  if (policy !== null && policy !== '') options.propagationPolicy ??= policy;
  if (body.length === 0) readPreconditions(options, query);
  const chosen = options.propagationPolicy;
  if (chosen !== undefined && options.orphanDependents !== undefined)
    refuseOptions('DeleteOptions', [
      {
        field: 'propagationPolicy',
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(chosen)}: orphanDependents and deletionPropagation cannot be both set`,
      },
    ]);
  if (chosen !== undefined && !propagationPolicies.includes(chosen))
    refuseOptions('DeleteOptions', [
      notSupported('propagationPolicy', JSON.stringify(chosen), [...propagationPolicies, 'nil']),
    ]);
  return options;
}

/** Conditions may be told as parameters, too. */
function readPreconditions(options: DeleteOptions, query: URLSearchParams): void {
  const [uid, resourceVersion] = [query.get('uid') ?? '', query.get('resourceVersion') ?? ''];
  if (uid === '' && resourceVersion === '') return;
  options.preconditions = {
    ...(uid === '' ? {} : { uid }),
    ...(resourceVersion === '' ? {} : { resourceVersion }),
  };
}

export interface Removal {
  /** The object when it was only marked; undefined when it is gone. */
  readonly marked: StoredObject | undefined;
  readonly previous: ApiObject | undefined;
  /** The object as it went, where that is told. */
  readonly last: ApiObject | undefined;
}

export async function removeObject(context: JudgedWrite, options: DeleteOptions): Promise<Removal> {
  const { server, target } = context;
  const { info, namespace, name } = target;
  const key = storageKey(info, namespace, name, server.root);
  let last: ApiObject | undefined;
  const { stored, previous } = await mutate(context, key, async (current) => {
    if (current === undefined) throw new StatusError(notFound(info, name));
    const object = current.object();
    checkPreconditions(object, options, context);
    await strategyOf(info).checkDelete?.(object, context);
    const request: AdmissionRequest = {
      operation: 'DELETE',
      context,
      object: undefined,
      old: object,
      deleteOptions: options,
    };
    await server.admission.admit(request);
    await server.admission.validate(request);
    strategyOf(info).prepareDelete?.(object, context);
    const chosen = withDefaultPolicy(options, info, object);
    const decision = decideRemoval(object, chosen, server.now());
    if (decision.action !== 'remove') return decision;
    last = decision.last;
    return { action: 'remove', extras: await strategyOf(info).reserve?.(undefined, object, context) };
  });
  return { marked: stored, previous: previous?.object(), last };
}

/** Kinds whose conditions upstream asks about where they are marked, in the words of its storage. */
const lateChecked: ReadonlySet<string> = new Set([
  '/Namespace',
  'apiextensions.k8s.io/CustomResourceDefinition',
]);

/** Throws 409 when the object is another, or in another state, than the options demand. */
export function checkPreconditions(object: ApiObject, options: DeleteOptions, { target }: JudgedWrite): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const metadata = object.metadata ?? {};
  const { info } = target;
  const refuse = (field: string, wanted: string, found = '', why = ''): StatusError => {
    if (lateChecked.has(kindOf(info)))
      return new StatusError(
        conflict(
          info,
          target.name,
          `Precondition failed: ${field} in precondition: ${wanted}, ${field} in object meta: ${found}`,
        ),
      );
    return new StatusError(
      conflict(
        // As upstream calls it here.
        { group: info.group === 'events.k8s.io' ? '' : info.group, resource: info.kind },
        target.name,
        `the ${field} in the precondition (${wanted}) does not match the ${field} in record (${found}). The object might have been ${why}`,
      ),
    );
  };
  if (uid !== undefined && uid !== metadata.uid)
    throw refuse('UID', uid, metadata.uid, 'deleted and then recreated');
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw refuse('ResourceVersion', resourceVersion, metadata.resourceVersion, 'modified');
}
