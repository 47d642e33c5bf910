/**
 * What a server says of itself beside its resources: which groups and versions there are, its own version, and who signs
 * its tokens. In version 3 each of these paths has a document of its own. Pure.
 */
import { apiVersionOf } from '../registry.ts';
import type { Definitions, OpenApiVersion, SchemaDocument } from './definitions.ts';
import { answers, BODY_TYPES, byType, friendlyGroup, pascal } from './operations.ts';

/** A path that is read only, and that no resource has. */
export interface Place {
  /** Without slashes around it, as it stands below `/openapi/v3/`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly description: string;
  /** The message of the answer; none of a text. */
  readonly message?: string;
  readonly types: readonly string[];
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const versionMessage = 'io.k8s.apimachinery.pkg.version.Info';
const json = ['application/json'];

const general: readonly Place[] = [
  {
    path: '.well-known/openid-configuration',
    operationId: 'getServiceAccountIssuerOpenIDConfiguration',
    tag: 'WellKnown',
    description: 'tells who issues the tokens of service accounts, and where the keys are',
    types: json,
  },
  {
    path: 'api',
    operationId: 'getCoreAPIVersions',
    tag: 'core',
    description: 'lists the versions of the core group',
    message: `${meta}APIVersions`,
    types: BODY_TYPES,
  },
  {
    path: 'apis',
    operationId: 'getAPIVersions',
    tag: 'apis',
    description: 'lists the groups and their versions',
    message: `${meta}APIGroupList`,
    types: BODY_TYPES,
  },
  {
    path: 'openid/v1/jwks',
    operationId: 'getServiceAccountIssuerOpenIDKeyset',
    tag: 'openid',
    description: 'lists the keys that tokens of service accounts are verified with',
    types: ['application/jwk-set+json'],
  },
  {
    path: 'version',
    operationId: 'getCodeVersion',
    tag: 'version',
    description: 'tells the version of this server',
    message: versionMessage,
    types: json,
  },
];

/** `groups` are those that the server itself knows; definitions of others bring none of these paths. */
export function places(groups: readonly string[]): readonly Place[] {
  const ofGroups = groups
    .filter((group) => group !== '')
    .map((group) => ({
      path: `apis/${group}`,
      operationId: `get${pascal(friendlyGroup(group))}APIGroup`,
      tag: friendlyGroup(group),
      description: 'tells which versions a group has',
      message: `${meta}APIGroup`,
      types: BODY_TYPES,
    }));
  return [...general, ...ofGroups];
}

/** The path of a group and version below `/openapi/v3/`: `api/v1`, `apis/apps/v1`. */
export function openapiV3Path(type: { readonly group: string; readonly version: string }): string {
  return type.group === '' ? `api/${type.version}` : `apis/${apiVersionOf(type)}`;
}

/** The item of a place in `paths`. What it refers to is put into `definitions`. */
export function placeItem(place: Place, version: OpenApiVersion, definitions: Definitions): SchemaDocument {
  const { operationId, tag, description, message, types } = place;
  if (message === versionMessage) definitions.add(versionMessage, versionSchema(version));
  const schema = message === undefined ? { type: 'string' } : definitions.reference(message);
  const told = { operationId, tags: [tag], description };
  if (version === 'v3')
    return { get: { ...told, responses: answers([], { content: byType(types, schema) }) } };
  return {
    get: {
      ...told,
      schemes: ['https'],
      ...(message === undefined ? {} : { consumes: types }),
      produces: types,
      responses: answers([], { schema }),
    },
  };
}

const always = [
  'major',
  'minor',
  'gitVersion',
  'gitCommit',
  'gitTreeState',
  'buildDate',
  'goVersion',
  'compiler',
  'platform',
];
const sometimes = ['emulationMajor', 'emulationMinor', 'minCompatibilityMajor', 'minCompatibilityMinor'];

/** It is no object of the API, and in no table. */
function versionSchema(version: OpenApiVersion): SchemaDocument {
  const there = version === 'v3' ? { type: 'string', default: '' } : { type: 'string' };
  return {
    type: 'object',
    required: always,
    properties: Object.fromEntries([
      ...always.map((name) => [name, there]),
      ...sometimes.map((name) => [name, { type: 'string' }]),
    ]),
  };
}
