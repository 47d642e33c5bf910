/** What OpenAPI of kube-apiserver 1.36 has beside resources, as seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openapiV2, openapiV3At, openapiV3Index } from '../openapi.ts';
import { registry } from '../registry.ts';

interface Document {
  readonly paths: Readonly<Record<string, { readonly get: { readonly operationId: string } }>>;
  readonly components: {
    readonly schemas?: Readonly<Record<string, unknown>>;
    readonly securitySchemes: unknown;
  };
}
const options = { registry, served: () => true };
const at = (path: string): Document | undefined =>
  openapiV3At(options, path) as unknown as Document | undefined;
const token = {
  type: 'apiKey',
  description: 'The token of who asks, behind the word Bearer',
  name: 'authorization',
  in: 'header',
};

test('generated clients find discovery, the version and the issuer of tokens among the operations', () => {
  const { paths } = openapiV2(options) as unknown as Document;
  const names = [
    '/api/',
    '/apis/',
    '/apis/apps/',
    '/apis/rbac.authorization.k8s.io/',
    '/version/',
    '/.well-known/openid-configuration/',
    '/openid/v1/jwks/',
  ].map((path) => paths[path]?.get.operationId);
  assert.deepEqual(names, [
    'getCoreAPIVersions',
    'getAPIVersions',
    'getAppsAPIGroup',
    'getRbacAuthorizationAPIGroup',
    'getCodeVersion',
    'getServiceAccountIssuerOpenIDConfiguration',
    'getServiceAccountIssuerOpenIDKeyset',
  ]);
});

test('the index of version 3 names each of them, by the alphabet, and each has a document', () => {
  const paths = Object.keys(openapiV3Index(options, () => '').paths);
  assert.deepEqual(paths, paths.toSorted());
  assert.deepEqual(
    paths.filter((path) => !/^apis?\//.test(path)),
    ['.well-known/openid-configuration', 'api', 'apis', 'openid/v1/jwks', 'version'],
  );
  for (const path of paths) assert.ok(at(path) !== undefined, path);
  assert.equal(at('apis/nothing'), undefined);
  assert.equal(at('api/'), undefined);
});

test('a document of a place has what the place answers with, and no more', () => {
  const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
  assert.deepEqual(Object.keys(at('api')?.components.schemas ?? {}), [
    `${meta}APIVersions`,
    `${meta}ServerAddressByClientCIDR`,
  ]);
  assert.deepEqual(Object.keys(at('apis/apps')?.components.schemas ?? {}), [
    `${meta}APIGroup`,
    `${meta}GroupVersionForDiscovery`,
    `${meta}ServerAddressByClientCIDR`,
  ]);
  assert.deepEqual(at('version')?.components.schemas, {
    'io.k8s.apimachinery.pkg.version.Info': {
      type: 'object',
      required: [
        'major',
        'minor',
        'gitVersion',
        'gitCommit',
        'gitTreeState',
        'buildDate',
        'goVersion',
        'compiler',
        'platform',
      ],
      properties: {
        ...Object.fromEntries(
          [
            'major',
            'minor',
            'gitVersion',
            'gitCommit',
            'gitTreeState',
            'buildDate',
            'goVersion',
            'compiler',
            'platform',
          ].map((name) => [name, { type: 'string', default: '' }]),
        ),
        emulationMajor: { type: 'string' },
        emulationMinor: { type: 'string' },
        minCompatibilityMajor: { type: 'string' },
        minCompatibilityMinor: { type: 'string' },
      },
    },
  });
  assert.equal(at('openid/v1/jwks')?.components.schemas, undefined);
});

test('documents say that requests carry a token', () => {
  assert.deepEqual(at('api/v1')?.components.securitySchemes, { BearerToken: token });
  assert.deepEqual(at('version')?.components.securitySchemes, { BearerToken: token });
  const { securityDefinitions, security } = openapiV2(options);
  assert.deepEqual(
    { securityDefinitions, security },
    {
      securityDefinitions: { BearerToken: token },
      security: [{ BearerToken: [] }],
    },
  );
});
