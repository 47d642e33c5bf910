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
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** How names of operations begin. */
  readonly word: string;
  /** How tools see what it does. */
  readonly action: string;
  readonly parameters: readonly string[];
  /** Codes of its answers beside 200 and 401. */
  readonly codes: readonly number[];
  readonly body?: 'object' | 'patch' | 'options';
}

export const VERBS: Readonly<Record<string, Verb>> = {
  get: { method: 'get', word: 'read', action: 'get', parameters: ['pretty'], codes: [] },
  list: {
    method: 'get',
    word: 'list',
    action: 'list',
    parameters: ['pretty', 'allowWatchBookmarks', ...SELECTION_PARAMETERS, 'watch'],
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
