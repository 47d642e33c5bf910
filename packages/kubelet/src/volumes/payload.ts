/**
 * The files of volumes that show API objects: ConfigMaps, Secrets, the downward API, and projections of them with
 * service account tokens. In: a volume source. Out: path → content and mode. A missing object is a `ConfigError`
 * unless it is optional.
 */
import type { DownwardAPIVolumeFile, KeyToPath, Pod, Volume } from '@timonier/api';
import { ConfigError, type ObjectSource } from '../pod/environment.ts';
import { fieldValue, resourceValue, type FieldContext } from '../pod/fields.ts';
import { isAbsolute, normalize } from 'node:path';

export interface PayloadFile {
  readonly content: Buffer;
  readonly mode: number;
}
export type Payload = Map<string, PayloadFile>;

export interface PayloadSource extends ObjectSource {
  /** A token for the pod's service account, or undefined when the server issues none. */
  token(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<string | undefined>;
  /** From now on changes of exactly these objects are told to whoever refreshes the volumes of this pod. */
  follow(uid: string, objects: readonly ObjectReference[]): void;
  /** The pod is gone: nothing is followed or kept for it any more. */
  forget(uid: string): void;
}

export interface ObjectReference {
  readonly kind: 'configmaps' | 'secrets';
  readonly namespace: string;
  readonly name: string;
}

/** The objects that the volumes of a pod show. */
export function shownObjects(pod: Pod): ObjectReference[] {
  const namespace = pod.metadata?.namespace ?? 'default';
  const reference = (kind: ObjectReference['kind'], name: string | undefined): ObjectReference[] =>
    name === undefined ? [] : [{ kind, namespace, name }];
  return (pod.spec?.volumes ?? []).flatMap(({ configMap, secret, projected }) => [
    ...reference('configmaps', configMap?.name),
    ...reference('secrets', secret?.secretName),
    ...(projected?.sources ?? []).flatMap((source) => [
      ...reference('configmaps', source.configMap?.name),
      ...reference('secrets', source.secret?.name),
    ]),
  ]);
}

const defaultMode = 0o644;

/** Undefined when the volume does not show API objects. */
export async function volumePayload(
  volume: Volume,
  context: FieldContext,
  source: PayloadSource,
): Promise<Payload | undefined> {
  const payload: Payload = new Map();
  const add = async (kind: keyof typeof readers, selection: Selection, name = '', mode?: number) => {
    const data = await readers[kind](source, namespaceOf(context), name);
    addSelected(payload, data, selection, `${kind} "${name}"`, mode);
  };
  if (volume.configMap !== undefined) {
    await add('configmap', volume.configMap, volume.configMap.name, volume.configMap.defaultMode);
  } else if (volume.secret !== undefined) {
    const { secretName, defaultMode: mode } = volume.secret;
    await add('secret', volume.secret, secretName, mode);
  } else if (volume.downwardAPI !== undefined) {
    addDownward(payload, volume.downwardAPI.items ?? [], context, volume.downwardAPI.defaultMode);
  } else if (volume.projected !== undefined) {
    const mode = volume.projected.defaultMode;
    for (const one of volume.projected.sources ?? []) {
      if (one.configMap !== undefined) await add('configmap', one.configMap, one.configMap.name, mode);
      if (one.secret !== undefined) await add('secret', one.secret, one.secret.name, mode);
      if (one.downwardAPI !== undefined) addDownward(payload, one.downwardAPI.items ?? [], context, mode);
      if (one.serviceAccountToken !== undefined) {
        const { audience, expirationSeconds = 3600, path } = one.serviceAccountToken;
        const token = await source.token(context.pod, audience, expirationSeconds);
        if (token !== undefined) put(payload, path, Buffer.from(token), mode);
      }
    }
  } else {
    return undefined;
  }
  return payload;
}

interface Selection {
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
}

type Data = ReadonlyMap<string, Buffer>;

/** What an object holds, by key; undefined when it is not there. */
const readers = {
  configmap: async (source: ObjectSource, namespace: string, name: string): Promise<Data | undefined> => {
    const found = await source.configMap(namespace, name);
    if (found === undefined) return undefined;
    const texts = Object.entries(found.data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const);
    return new Map([...texts, ...decoded(found.binaryData)]);
  },
  secret: async (source: ObjectSource, namespace: string, name: string): Promise<Data | undefined> => {
    const found = await source.secret(namespace, name);
    return found === undefined ? undefined : new Map(decoded(found.data));
  },
};

function decoded(data: Readonly<Record<string, string>> = {}): (readonly [string, Buffer])[] {
  return Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const);
}

function addSelected(
  payload: Payload,
  data: Data | undefined,
  selection: Selection,
  what: string,
  mode: number | undefined,
): void {
  if (data === undefined) {
    if (selection.optional === true) return;
    throw new ConfigError(`${what} not found`);
  }
  if (selection.items === undefined || selection.items.length === 0) {
    for (const [key, content] of data) put(payload, key, content, mode);
    return;
  }
  for (const { key, path, mode: own } of selection.items) {
    const content = data.get(key);
    if (content !== undefined) put(payload, path, content, own ?? mode);
    else if (selection.optional !== true) throw new ConfigError(`${what} has no key "${key}"`);
  }
}

function addDownward(
  payload: Payload,
  items: readonly DownwardAPIVolumeFile[],
  context: FieldContext,
  mode: number | undefined,
): void {
  for (const { path, fieldRef, resourceFieldRef, mode: own } of items) {
    if (fieldRef !== undefined)
      put(payload, path, Buffer.from(fieldValue(fieldRef.fieldPath, context)), own ?? mode);
    if (resourceFieldRef !== undefined) {
      const all = [...(context.pod.spec?.containers ?? []), ...(context.pod.spec?.initContainers ?? [])];
      const container = all.find(({ name }) => name === resourceFieldRef.containerName);
      if (container === undefined)
        throw new ConfigError(`container "${resourceFieldRef.containerName}" not found`);
      put(payload, path, Buffer.from(resourceValue(resourceFieldRef, container, context)), own ?? mode);
    }
  }
}

function put(payload: Payload, path: string, content: Buffer, mode: number | undefined): void {
  const clean = normalize(path);
  if (isAbsolute(clean) || clean.split('/').includes('..') || clean.startsWith('..')) {
    throw new ConfigError(`"${path}" is not a path below the volume`);
  }
  payload.set(clean, { content, mode: mode ?? defaultMode });
}

function namespaceOf(context: FieldContext): string {
  return context.pod.metadata?.namespace ?? 'default';
}
