/** MutatingAdmissionWebhook and ValidatingAdmissionWebhook: programs outside of the server that complete or refuse. */
import type { MutatingWebhook, Status, ValidatingWebhook } from '@timonier/api';
import { applyDefaults } from '@timonier/api/defaults';
import { type ApiObject, decodeAs, decodeStrict, NotDecodable } from '@timonier/api/decode';
import { apiVersionOf, applyJsonPatch, type JsonObject, PatchError } from '@timonier/api';
import { failure, internalError, StatusError } from '@timonier/api/statuses';
import { sameTree } from '../../storage/copy.ts';
import { invoke, roundOf } from '../reinvocation.ts';
import type { Operation } from '../operation.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../request.ts';
import { asSent, shownInfo } from '../versions.ts';
import { callWebhook } from './call.ts';
import { type ConfiguredWebhook, mutatingWebhooks, validatingWebhooks } from './configured.ts';

const operations: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

export const mutatingAdmissionWebhook: AdmissionPlugin = {
  name: 'MutatingAdmissionWebhook',
  operations,
  admit(request) {
    const hooks = mutatingWebhooks(request.context.server);
    if (hooks.length === 0) return undefined;
    return invoke(
      mutatingAdmissionWebhook,
      hooks.map((configured, index) => ({
        key: configured,
        reinvocationPolicy: configured.hook.reinvocationPolicy,
        run: () => mutate(configured, request, `round_${roundOf(request)}_index_${index}`),
      })),
      request,
    );
  },
};

export const validatingAdmissionWebhook: AdmissionPlugin = {
  name: 'ValidatingAdmissionWebhook',
  operations,
  validate(request) {
    const hooks = validatingWebhooks(request.context.server);
    return hooks.length === 0 ? undefined : askAll(hooks, request);
  },
};

/** All at once; the first refusal in their order is told. */
async function askAll(
  hooks: readonly ConfiguredWebhook<ValidatingWebhook>[],
  request: AdmissionRequest,
): Promise<void> {
  const since = performance.now();
  const outcomes = await Promise.allSettled(
    hooks.map((configured, index) =>
      callWebhook(configured, request, { kind: 'validating', place: `round_0_index_${index}` }),
    ),
  );
  request.context.waited?.(performance.now() - since);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** Asks one webhook and carries out its patch. False when it was not asked. */
async function mutate(
  configured: ConfiguredWebhook<MutatingWebhook>,
  request: AdmissionRequest,
  place: string,
): Promise<boolean> {
  const since = performance.now();
  const called = await callWebhook(configured, request, { kind: 'mutation', place }).finally(() =>
    request.context.waited?.(performance.now() - since),
  );
  if (called === undefined) return false;
  const { patch } = called.answer;
  const { view } = called;
  const before = view.object;
  if (patch.length > 0) {
    carryOut(configured, view, before, patch);
    // A patch is of the object as the webhook saw it.
    if (view !== request) request.object = await asSent(view, view.object);
  }
  noteChange(configured, request, place, { patch, changed: !sameTree(before, view.object) });
  return true;
}

/** Changes the request's object. Throws 500 for a patch that cannot be applied. */
function carryOut(
  { hook }: ConfiguredWebhook<MutatingWebhook>,
  request: AdmissionRequest,
  object: ApiObject | undefined,
  patch: readonly unknown[],
): void {
  if (object === undefined)
    throw new StatusError(
      internalError(
        `admission webhook "${hook.name}" attempted to modify the object, which is not supported for this operation`,
      ),
    );
  try {
    request.object = patched(request, object, patch);
  } catch (error) {
    const { group, version, kind } = request.as ?? shownInfo(request);
    const made = kindAfter(object, patch);
    if (made !== undefined && made !== kind)
      throw new StatusError({
        ...failure(
          500,
          '',
          `converting (${version}.${made}) to (${internalName(group)}.${kind}): unknown conversion`,
        ),
        reason: undefined,
      } as unknown as Status);
    throw new StatusError(internalError(reasonOf(error)));
  }
}

/** As upstream calls a group's types of no version. */
function internalName(group: string): string {
  return group.split('.')[0] || 'core';
}

/** What a patch makes an object say that it is; undefined where it does not fit. */
function kindAfter(object: ApiObject, patch: readonly unknown[]): string | undefined {
  try {
    const { kind } = applyJsonPatch(object as JsonObject, patch);
    return typeof kind === 'string' ? kind : undefined;
  } catch {
    return undefined;
  }
}

/** In upstream's words: what the patch met, or what became of the object. */
function reasonOf(error: unknown): string {
  if (error instanceof NotDecodable) return error.why;
  if (error instanceof PatchError) return error.detail;
  return error instanceof Error ? error.message : String(error);
}

/** Tells the audit log whether a webhook changed the object and, where bodies are recorded, how. */
function noteChange(
  { configuration, hook }: ConfiguredWebhook<MutatingWebhook>,
  { context: { annotate, isRecordedWhole } }: AdmissionRequest,
  place: string,
  { patch, changed }: { readonly patch: readonly unknown[]; readonly changed: boolean },
): void {
  if (annotate === undefined) return;
  const who = { configuration, webhook: hook.name };
  annotate(`mutation.webhook.admission.k8s.io/${place}`, JSON.stringify({ ...who, mutated: changed }));
  if (patch.length > 0 && isRecordedWhole === true)
    annotate(
      `patch.webhook.admission.k8s.io/${place}`,
      JSON.stringify({ ...who, patch, patchType: 'JSONPatch' }),
    );
}

function patched(request: AdmissionRequest, object: ApiObject, patch: unknown): ApiObject {
  const { as } = request;
  const info = shownInfo(request);
  const result = applyJsonPatch(object as JsonObject, patch);
  if (as !== undefined)
    return decodeAs(as.schema, { apiVersion: apiVersionOf(as), kind: as.kind }, result).object;
  return applyDefaults(info, decodeStrict(info, result).object);
}
