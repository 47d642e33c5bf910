/** What OpenAPI says of each verb, for whatever kind: how it is called, what it takes, and which answers it has. Pure. */

export const BODY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
export const WATCH_TYPES = [
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
];
export const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

const WRITE_PARAMETERS = ['pretty', 'dryRun', 'fieldManager', 'fieldValidation'];
const SELECTION_PARAMETERS = [
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'shardSelector',
  'timeoutSeconds',
];
const DELETE_PARAMETERS = [
  'dryRun',
  'gracePeriodSeconds',
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'orphanDependents',
  'propagationPolicy',
];
const INTEGERS: ReadonlySet<string> = new Set(['limit', 'timeoutSeconds', 'gracePeriodSeconds']);
const FLAGS: ReadonlySet<string> = new Set([
  'allowWatchBookmarks',
  'sendInitialEvents',
  'watch',
  'orphanDependents',
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'force',
]);

export interface Verb {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head' | 'options';
  /** How names of operations begin. */
  readonly word: string;
  /** How tools see what it does. */
  readonly action: string;
  readonly parameters: readonly string[];
  /** Codes of its answers beside 200 and 401. */
  readonly codes: readonly number[];
  readonly body?: 'object' | 'patch' | 'options';
}

const LIST_PARAMETERS = ['pretty', 'allowWatchBookmarks', ...SELECTION_PARAMETERS, 'watch'];
/** How the same verbs are called where a stream is opened. */
const connections = {
  head: { method: 'head', word: 'connect', action: 'connect', parameters: [], codes: [] },
  options: { method: 'options', word: 'connect', action: 'connect', parameters: [], codes: [] },
} as const;

export const VERBS: Readonly<Record<string, Verb>> = {
  ...connections,
  discovery: { method: 'get', word: 'get', action: 'get', parameters: [], codes: [] },
  watch: { method: 'get', word: 'watch', action: 'watch', parameters: LIST_PARAMETERS, codes: [] },
  watchlist: { method: 'get', word: 'watch', action: 'watchlist', parameters: LIST_PARAMETERS, codes: [] },
  get: { method: 'get', word: 'read', action: 'get', parameters: ['pretty'], codes: [] },
  list: {
    method: 'get',
    word: 'list',
    action: 'list',
    parameters: LIST_PARAMETERS,
    codes: [],
  },
  create: {
    method: 'post',
    word: 'create',
    action: 'post',
    parameters: WRITE_PARAMETERS,
    codes: [201, 202],
    body: 'object',
  },
  update: {
    method: 'put',
    word: 'replace',
    action: 'put',
    parameters: WRITE_PARAMETERS,
    codes: [201],
    body: 'object',
  },
  patch: {
    method: 'patch',
    word: 'patch',
    action: 'patch',
    parameters: [...WRITE_PARAMETERS, 'force'],
    codes: [201],
    body: 'patch',
  },
  delete: {
    method: 'delete',
    word: 'delete',
    action: 'delete',
    parameters: ['pretty', ...DELETE_PARAMETERS],
    codes: [202],
    body: 'options',
  },
  deletecollection: {
    method: 'delete',
    word: 'delete',
    action: 'deletecollection',
    parameters: ['pretty', ...SELECTION_PARAMETERS, ...DELETE_PARAMETERS],
    codes: [],
    body: 'options',
  },
};

export function typeOfParameter(name: string): 'integer' | 'boolean' | 'string' {
  return INTEGERS.has(name) ? 'integer' : FLAGS.has(name) ? 'boolean' : 'string';
}

/** A group as names of operations and tags have it: `rbacAuthorization`, `core`, `stableExampleCom`. */
export function friendlyGroup(group: string): string {
  const [first = '', ...rest] = (group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')).split('.');
  return first + rest.map(pascal).join('');
}

export function pascal(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Kinds whose deletion is answered with what was deleted. */
export const keptKinds: ReadonlySet<string> = new Set([
  'CSIDriver',
  'CSINode',
  'DeviceClass',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Pod',
  'PodTemplate',
  'ResourceClaim',
  'ResourceClaimTemplate',
  'ResourceQuota',
  'ResourceSlice',
  'Service',
  'ServiceAccount',
  'StorageClass',
  'VolumeAttachment',
  'VolumeAttributesClass',
]);

/** What an operation answers, by code. */
export function answers(codes: readonly number[], content: object): Record<string, object> {
  const descriptions: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };
  return {
    ...Object.fromEntries(
      [200, ...codes].map((code) => [code, { description: descriptions[code], ...content }]),
    ),
    401: { description: 'Unauthorized' },
  };
}

/** The same schema for each media type. */
export function byType(types: readonly string[], schema: object): Record<string, unknown> {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}
