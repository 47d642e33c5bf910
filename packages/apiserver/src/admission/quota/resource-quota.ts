/**
 * ResourceQuota: what a namespace may hold and use. A write that uses more is charged in the transaction that commits
 * it: the same compare-and-swap that stores the object raises `status.used`. So usage never runs ahead of what exists,
 * and however many write at once, together they stay within the limit. (Upstream charges in a write of its own before,
 * and corrects later what came to nothing.) What is freed is the controller's to take off.
 *
 * Writers of one namespace with quotas take turns from the charge to the commit, so that they do not make each other
 * fail; without turns they would still be right. A namespace without quotas takes no part in any of this.
 */
import { evaluatorOf } from '@timonier/api/quota/evaluators';
import { charge, counts } from '@timonier/api/quota/charge';
import { isTerminating } from '@timonier/api/quota/scopes';
import type { Pod, ResourceInfo } from '@timonier/api';
import type { CommitExtras } from '../../pipeline/commit-extras.ts';
import type { ServerState } from '../../server-state.ts';
import type { Compare, RequestOp } from '../../storage/etcd-messages.ts';
import { fromStored } from '../../storage/stored-object.ts';
import { storedValue } from '../../storage/views.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';
import { type KnownQuota, QuotaLedger } from './ledger.ts';

const ledgers = new WeakMap<ServerState, QuotaLedger>();

export const resourceQuota: AdmissionPlugin = {
  name: 'ResourceQuota',
  operations: ['CREATE', 'UPDATE'],
  reserve(request) {
    const { target, server } = request.context;
    const { info, namespace } = target;
    if (namespace === '' || !info.namespaced || request.object === undefined) return undefined;
    let ledger = ledgers.get(server);
    if (ledger === undefined) ledgers.set(server, (ledger = new QuotaLedger(server)));
    if (ledger.isEmpty || !mayCharge(request)) return undefined;
    const evaluator = evaluatorOf(info.group, info.resource);
    if (evaluator === undefined) return undefined;
    const { object } = request;
    if (!ledger.known(namespace).some(({ quota }) => counts(quota, evaluator, object))) return undefined;
    return reserve(request, ledger, info, namespace);
  },
};

/** Whether a kind of write can use more at all, by upstream's rules. */
function mayCharge({ operation, context, object, old }: AdmissionRequest): boolean {
  const { info, subresource } = context.target;
  const kind = `${info.group}/${info.resource}`;
  if (operation === 'CREATE') return subresource === '';
  if (kind === '/pods')
    return (
      subresource === 'resize' ||
      // A pod that is given a time to end counts for other quotas from then on.
      (subresource === '' && isTerminating(object as Pod) !== isTerminating(old as Pod))
    );
  if (kind === '/services') return subresource === '';
  if (kind !== '/persistentvolumeclaims') return false;
  return subresource === '' || (subresource === 'status' && object !== undefined && old !== undefined);
}

async function reserve(
  request: AdmissionRequest,
  ledger: QuotaLedger,
  info: ResourceInfo,
  namespace: string,
): Promise<CommitExtras | undefined> {
  const { server, dryRun } = request.context;
  const turn = await server.turns.take(ledger.keyOf(namespace));
  let isHeld = true;
  const leave = (): void => {
    if (isHeld) turn.leave();
    isHeld = false;
  };
  try {
    const { quotas, isFresh } = await ledger.current(namespace);
    const charged = usageAfter(request, quotas, info);
    if (typeof charged === 'string') {
      // Others may have freed something that is not known here yet.
      if (!isFresh) ledger.doubt(namespace);
      throw refusal(request, charged);
    }
    if (charged.length === 0 || dryRun) {
      leave();
      return undefined;
    }
    return await extrasFor(server, ledger, namespace, charged, leave);
  } catch (error) {
    leave();
    throw error;
  }
}

/** The quotas that change, with their new usage; or why the write is refused. */
function usageAfter(
  { object, old, context }: AdmissionRequest,
  quotas: readonly KnownQuota[],
  info: ResourceInfo,
): readonly KnownQuota[] | string {
  const evaluator = evaluatorOf(info.group, info.resource);
  if (evaluator === undefined || object === undefined) return [];
  const outcome = charge(
    quotas.map(({ quota }) => quota),
    evaluator,
    { object, old, mayRefuse: context.target.subresource !== 'status', now: context.server.now() },
  );
  if ('refusal' in outcome) return outcome.refusal;
  return quotas.flatMap(({ stored, quota }, i) => {
    const used = outcome.used.get(i);
    return used === undefined ? [] : [{ stored, quota: { ...quota, status: { ...quota.status, used } } }];
  });
}

async function extrasFor(
  server: ServerState,
  ledger: QuotaLedger,
  namespace: string,
  charged: readonly KnownQuota[],
  leave: () => void,
): Promise<CommitExtras> {
  const info = server.registry.lookup('', 'v1', 'resourcequotas');
  if (info === undefined) throw new Error('resource quotas are not served');
  const compare: Compare[] = [];
  const success: RequestOp[] = [];
  const written: { readonly key: string; readonly value: Buffer; readonly createRevision: number }[] = [];
  for (const { stored, quota } of charged) {
    const { key, revision, createRevision } = stored;
    const value = await storedValue(info, quota);
    compare.push({ key, target: 'MOD', result: 'EQUAL', modRevision: revision });
    success.push({ requestPut: { key, value } });
    written.push({ key, value, createRevision });
  }
  return {
    compare,
    success,
    settled: (outcome) => {
      if (outcome.committedAt !== undefined)
        for (const { key, value, createRevision } of written)
          ledger.remember(fromStored(key, value, outcome.committedAt, createRevision));
      else ledger.doubt(namespace);
      leave();
    },
  };
}
