/**
 * Which addresses stand for a registry. The file is JSON:
 * `{"registries": {"HOST": {"mirrors": ["http://10.0.0.1:5000"], "insecure": true}}}`.
 *
 * Plain HTTP is used for loopback addresses, for mirrors that say `http://` and for registries marked insecure;
 * everything else is HTTPS.
 */
import { readFile } from 'node:fs/promises';

export interface RegistryConfig {
  readonly registries: Readonly<
    Record<string, { readonly mirrors?: readonly string[]; readonly insecure?: boolean }>
  >;
}

export const noRegistryConfig: RegistryConfig = { registries: {} };

/** Reads the file. Rejects with one sentence when it is not of the form above. */
export async function readRegistryConfig(path: string): Promise<RegistryConfig> {
  let value: Partial<RegistryConfig> | null;
  try {
    value = JSON.parse(await readFile(path, 'utf8')) as Partial<RegistryConfig> | null;
  } catch (error) {
    // JSON.parse quotes the text, line breaks and all.
    const why = (error as Error).message.replaceAll(/\s+/g, ' ');
    throw new Error(`cannot read the registry configuration ${path}: ${why}`, { cause: error });
  }
  if (typeof value?.registries !== 'object' || value.registries === null)
    throw new Error(`${path}: "registries" must be an object`);
  for (const [host, { mirrors }] of Object.entries(value.registries)) {
    for (const mirror of mirrors ?? []) {
      if (!URL.canParse(mirror)) throw new Error(`${path}: mirror "${mirror}" of ${host} is not a URL`);
    }
  }
  return { registries: value.registries };
}

/** Base URLs to try in order, mirrors first. */
export function registryEndpoints(registry: string, config: RegistryConfig): URL[] {
  const entry = config.registries[registry];
  const mirrors = (entry?.mirrors ?? []).map((mirror) => new URL(mirror));
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const plain = entry?.insecure === true || isLoopback(host);
  return [...mirrors, new URL(`${plain ? 'http' : 'https'}://${host}`)];
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(host);
}
