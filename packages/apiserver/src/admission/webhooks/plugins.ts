/** MutatingAdmissionWebhook and ValidatingAdmissionWebhook: programs outside of the server that complete or refuse. */
import type { MutatingWebhook } from '@timonier/api';
import { applyDefaults } from '@timonier/api/defaults';
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { applyJsonPatch, type JsonObject } from '@timonier/api';
import { internalError, StatusError } from '@timonier/api/statuses';
import { invoke } from '../reinvocation.ts';
import type { AdmissionPlugin, AdmissionRequest, Operation } from '../request.ts';
import { callWebhook } from './call.ts';
import { type ConfiguredWebhook, mutatingWebhooks, validatingWebhooks } from './configured.ts';

const operations: readonly Operation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

export const mutatingAdmissionWebhook: AdmissionPlugin = {
  name: 'MutatingAdmissionWebhook',
  operations,
  async admit(request) {
    const hooks = mutatingWebhooks(request.context.server);
    if (hooks.length === 0) return;
    await invoke(
      mutatingAdmissionWebhook,
      hooks.map((configured) => ({
        key: configured,
        reinvocationPolicy: configured.hook.reinvocationPolicy,
        run: () => mutate(configured, request),
      })),
      request,
    );
  },
};

export const validatingAdmissionWebhook: AdmissionPlugin = {
  name: 'ValidatingAdmissionWebhook',
  operations,
  async validate(request) {
    const hooks = validatingWebhooks(request.context.server);
    if (hooks.length === 0) return;
    // All at once; the first refusal in their order is told.
    const outcomes = await Promise.allSettled(hooks.map((configured) => callWebhook(configured, request)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  },
};

/** Asks one webhook and carries out its patch. False when it was not asked. */
async function mutate(
  configured: ConfiguredWebhook<MutatingWebhook>,
  request: AdmissionRequest,
): Promise<boolean> {
  const response = await callWebhook(configured, request);
  if (response === undefined) return false;
  const { patch, patchType } = response;
  if (typeof patch !== 'string' || patch === '' || request.object === undefined) return true;
  const { name } = configured.hook;
  if (patchType !== 'JSONPatch')
    throw new StatusError(
      internalError(`webhook "${name}" returned a patch of type ${JSON.stringify(patchType)}`),
    );
  try {
    request.object = patched(
      request,
      request.object,
      JSON.parse(Buffer.from(patch, 'base64').toString('utf8')),
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StatusError(internalError(`the patch of webhook "${name}" cannot be applied: ${reason}`));
  }
  return true;
}

function patched({ context }: AdmissionRequest, object: ApiObject, patch: unknown): ApiObject {
  const { info } = context.target;
  const result = applyJsonPatch(object as JsonObject, patch);
  return applyDefaults(info, decodeStrict(info, result).object);
}
