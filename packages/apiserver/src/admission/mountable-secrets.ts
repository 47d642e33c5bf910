/**
 * An account may say, by an annotation, that its pods name no Secrets but those that it lists itself. Deprecated upstream,
 * and kept, with upstream's words. Pure.
 */
import type { Pod, ServiceAccount } from '@timonier/api';

const annotation = 'kubernetes.io/enforce-mountable-secrets';
/** As Go reads it. */
const yes: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);

const kinds = {
  initContainers: 'init container',
  containers: 'container',
  ephemeralContainers: 'ephemeral container',
} as const;

export function isLimited({ metadata }: ServiceAccount): boolean {
  return yes.has(metadata?.annotations?.[annotation] ?? '');
}

/** What a pod names beyond its account's, or only these containers of it; undefined for nothing. */
export function beyondMountable(
  { metadata, secrets = [], imagePullSecrets = [] }: ServiceAccount,
  { spec }: Pod,
  only?: readonly (keyof typeof kinds)[],
): string | undefined {
  const account = metadata?.name ?? '';
  const mountable = new Set(secrets.map(({ name }) => name));
  const pulling = new Set(imagePullSecrets.map(({ name }) => name));
  const refused = `is not allowed because service account ${account} does not reference that`;
  if (only === undefined)
    for (const { secret } of spec?.volumes ?? [])
      if (secret !== undefined && !mountable.has(secret.secretName))
        return `volume with secret.secretName="${secret.secretName ?? ''}" ${refused} secret`;
  for (const field of only ?? (['initContainers', 'containers'] as const))
    for (const { name, env = [], envFrom = [] } of spec?.[field] ?? []) {
      const container = `${kinds[field]} ${name}`;
      for (const variable of env) {
        const key = variable.valueFrom?.secretKeyRef;
        if (key !== undefined && !mountable.has(key.name))
          return `${container} with envVar ${variable.name} referencing secret.secretName="${key.name ?? ''}" ${refused} secret`;
      }
      for (const { secretRef } of envFrom)
        if (secretRef !== undefined && !mountable.has(secretRef.name))
          return `${container} with envFrom referencing secret.secretName="${secretRef.name ?? ''}" ${refused} secret`;
    }
  if (only !== undefined) return undefined;
  const beyond = (spec?.imagePullSecrets ?? []).findIndex(({ name }) => !pulling.has(name));
  if (beyond < 0) return undefined;
  const name = spec?.imagePullSecrets?.[beyond]?.name ?? '';
  return `imagePullSecrets[${beyond}].name="${name}" ${refused} imagePullSecret`;
}
