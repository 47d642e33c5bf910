/** Which admission plugins run: upstream's defaults, and what the command line says about them. */
import { nearestName, UsageError } from '@timonier/component';
import type { AdmissionPlugin } from './request.ts';

/** Upstream's plugins for kinds that are not served here: there is nothing to switch off. */
const withoutKinds: readonly string[] = [
  'ClusterTrustBundleAttest',
  'JobValidation',
  'NodeDeclaredFeatureValidator',
  'PodGroupProtection',
  'PodGroupWorkloadExists',
];

export interface PluginFlags {
  readonly enable: readonly string[];
  readonly disable: readonly string[];
}

/** Throws a `UsageError` for a name that nobody knows, and for one that cannot be switched that way. */
export function selectPlugins(
  all: readonly AdmissionPlugin[],
  { enable, disable }: PluginFlags,
): readonly AdmissionPlugin[] {
  const own = all.map(({ name }) => name);
  for (const [flag, names] of Object.entries({ enable, disable }))
    for (const name of names) checkName(`${flag}-admission-plugins`, name, own);
  const both = enable.filter((name) => disable.includes(name));
  if (both.length > 0)
    throw new UsageError(
      `[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    );
  return all.filter(
    ({ name, isOffByDefault }) =>
      !disable.includes(name) && (isOffByDefault !== true || enable.includes(name)),
  );
}

function checkName(flag: string, name: string, own: readonly string[]): void {
  if (own.includes(name)) return;
  const isEnabling = flag.startsWith('enable');
  if (withoutKinds.includes(name)) {
    if (!isEnabling) return;
    throw new UsageError(`${flag} plugin "${name}" is about kinds that this server does not have`);
  }
  const known = [...own, ...withoutKinds];
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? `there are ${known.join(', ')}` : `did you mean ${nearest}?`;
  throw new UsageError(`${flag} plugin "${name}" is unknown; ${hint}`);
}
