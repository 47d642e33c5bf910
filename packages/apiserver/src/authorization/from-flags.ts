/** What the flags about who may do what say together; the file that they may name is read here. */
import { readFile } from 'node:fs/promises';
import { type FlagValues, UsageError } from '@timonier/component';
import { hashOf } from '../configuration/followed-file.ts';
import { type AuthorizerDescription, fixedModes, parseAuthorizationConfiguration } from './configuration.ts';
import { authorizationFlags } from './flags.ts';
import { WebhookConditions } from './match-conditions.ts';
import type { AuthorizationOptions } from './start.ts';

type Values = FlagValues<typeof authorizationFlags>;
const legacyTimeoutMs = 30_000;

/** Throws a `UsageError` for what does not fit together, and an error that names the flag for a file that is no good. */
export async function authorizationOptions(
  values: Values,
  given: ReadonlySet<string>,
): Promise<AuthorizationOptions> {
  const path = values['authorization-config'];
  if (path === '') return { authorizers: ofModes(values) };
  for (const name of Object.keys(authorizationFlags))
    if (name !== 'authorization-config' && given.has(name))
      throw new UsageError(`--authorization-config can not be specified when --${name} is`);
  try {
    const text = await readFile(path, 'utf8');
    return { authorizers: parseAuthorizationConfiguration(text), file: { path, hash: hashOf(text) } };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--authorization-config: ${path}: ${reason}`, { cause: error });
  }
}

function ofModes(values: Values): readonly AuthorizerDescription[] {
  const modes = values['authorization-mode'];
  const kubeconfig = values['authorization-webhook-config-file'];
  if (modes.length === 0) throw new UsageError('--authorization-mode: at least one mode must be named');
  if (new Set(modes).size < modes.length)
    throw new UsageError(`--authorization-mode: "${modes.join(',')}" names a mode twice`);
  if (kubeconfig !== '' && !modes.includes('Webhook'))
    throw new UsageError('--authorization-webhook-config-file needs Webhook among --authorization-mode');
  return modes.map((mode) => {
    if (mode === 'Webhook') return legacyWebhook(values, kubeconfig);
    const type = fixedModes.find((known) => known === mode);
    if (type === undefined)
      throw new UsageError(
        `--authorization-mode: "${mode}" is not served; there are ${[...fixedModes, 'Webhook'].join(', ')}`,
      );
    return { type };
  });
}

function legacyWebhook(values: Values, kubeconfig: string): AuthorizerDescription {
  if (kubeconfig === '')
    throw new UsageError('--authorization-mode Webhook needs --authorization-webhook-config-file');
  const version = values['authorization-webhook-version'];
  if (version !== 'v1' && version !== 'v1beta1')
    throw new UsageError(`--authorization-webhook-version: "${version}" is neither v1 nor v1beta1`);
  return {
    type: 'Webhook',
    name: 'default',
    webhook: {
      kubeconfig,
      version,
      authorizedMs: values['authorization-webhook-cache-authorized-ttl'],
      unauthorizedMs: values['authorization-webhook-cache-unauthorized-ttl'],
      timeoutMs: legacyTimeoutMs,
      failureVerdict: 'noOpinion',
      conditions: new WebhookConditions([], ''),
    },
  };
}
