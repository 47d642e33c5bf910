/**
 * Static pods: manifests in a folder, run without an API server. A pod's identity is its file and content, so a
 * changed file is a new pod that replaces the old one.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Pod } from '@timonier/api';
import { parseAllDocuments } from 'yaml';
import { sourceAnnotation } from './pod-facts.ts';

const maxManifests = 200;

/** All pods of a folder. Files that cannot be used are named through `onError` and left out. */
export async function readStaticPods(
  folder: string,
  nodeName: string,
  onError: (file: string, error: unknown) => void,
): Promise<Pod[]> {
  const files = (await readdir(folder)).filter((file) => ['.yaml', '.yml', '.json'].includes(extname(file)));
  const pods: Pod[] = [];
  for (const file of files.sort().slice(0, maxManifests)) {
    try {
      const text = await readFile(join(folder, file), 'utf8');
      for (const document of parseAllDocuments(text)) {
        if (document.errors[0] !== undefined) throw document.errors[0];
        const value: unknown = document.toJS();
        if (value !== null) pods.push(staticPod(value as Pod, file, nodeName));
      }
    } catch (error) {
      onError(file, error);
    }
  }
  return pods;
}

function staticPod(manifest: Pod, file: string, nodeName: string): Pod {
  if (
    manifest.kind !== 'Pod' ||
    manifest.metadata?.name === undefined ||
    manifest.spec?.containers === undefined
  ) {
    throw new Error('it is not a Pod with a name and containers');
  }
  const uid = createHash('sha256')
    .update(`${nodeName}\0${file}\0${JSON.stringify(manifest)}`)
    .digest('hex')
    .slice(0, 32);
  return {
    ...manifest,
    metadata: {
      ...manifest.metadata,
      name: `${manifest.metadata.name}-${nodeName}`,
      namespace: manifest.metadata.namespace ?? 'default',
      uid,
      annotations: { ...manifest.metadata.annotations, [sourceAnnotation]: 'file' },
    },
    spec: { ...manifest.spec, nodeName },
    status: {},
  };
}
