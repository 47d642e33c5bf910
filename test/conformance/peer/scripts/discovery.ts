/** What the servers say of themselves: groups, resources, versions and OpenAPI. */
import { registry } from '@timonier/api/registry';
import { type Answer, jsonOf } from '../calls.ts';
import type { Comparison } from '../comparison.ts';

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

type Json = Record<string, unknown>;

export async function discovery(comparison: Comparison): Promise<void> {
  await comparison.section('discovery', async () => {
    const versions = registry
      .groups()
      .flatMap(({ group, versions: all }) => all.map((one) => ({ group, one })));
    const documents = [
      '/api',
      '/apis',
      ...new Set(versions.filter(({ group }) => group !== '').map(({ group }) => `/apis/${group}`)),
      ...versions.map(({ group, one }) => (group === '' ? `/api/${one}` : `/apis/${group}/${one}`)),
      '/.well-known/openid-configuration',
    ];
    for (const path of documents) await comparison.compare(path, { method: 'GET', path });
    for (const path of ['/api', '/apis'])
      await comparison.compare(`${path} aggregated`, {
        method: 'GET',
        path,
        headers: { accept: aggregated },
      });
    await comparison.compare('/version', { method: 'GET', path: '/version' }, onlyKeys);
    for (const path of ['/healthz', '/livez', '/readyz', '/livez/ping', '/readyz/nothing'])
      await comparison.compare(path, { method: 'GET', path });
  });
  await comparison.section('openapi v2', () =>
    comparison.compare('/openapi/v2', { method: 'GET', path: '/openapi/v2' }, (answer) => {
      const {
        definitions,
        paths,
        parameters = {},
        info: _info,
        ...whole
      } = jsonOf(answer) as { definitions: Json; paths: Json; parameters?: Json; info: Json };
      return withJson(answer, {
        ...(shapeOfDefinition(whole) as Json),
        definitions: mapped(definitions, shapeOfDefinition),
        paths: mapped(paths, (path) => shapeOfPath(path, parameters as Readonly<Record<string, Json>>)),
      });
    }),
  );
  await comparison.section('openapi v3', async () => {
    await comparison.compare('/openapi/v3', { method: 'GET', path: '/openapi/v3' }, (answer) =>
      withJson(
        answer,
        mapped((jsonOf(answer) as { paths: Json }).paths, () => true),
      ),
    );
    const places = registry
      .groups()
      .flatMap(({ group, versions: all }) =>
        group === ''
          ? ['api', ...all.map((one) => `api/${one}`)]
          : [`apis/${group}`, ...all.map((one) => `apis/${group}/${one}`)],
      );
    for (const place of [
      ...places,
      'apis',
      'version',
      '.well-known/openid-configuration',
      'openid/v1/jwks',
    ]) {
      const path = `/openapi/v3/${place}`;
      await comparison.compare(path, { method: 'GET', path }, (answer) => {
        const document = jsonOf(answer) as { components?: Json; paths?: Json } | undefined;
        return withJson(answer, {
          components: mapped(document?.components ?? {}, shapeOfDefinition),
          paths: mapped(document?.paths ?? {}, shapeOfPath),
        });
      });
    }
  });
}

function withJson(answer: Answer, json: unknown): Answer {
  return { ...answer, headers: {}, text: JSON.stringify(json) };
}

/** Versions of programs differ; which fields there are does not. */
function onlyKeys(answer: Answer): Answer {
  return withJson(
    answer,
    mapped(jsonOf(answer) as Json, (value) => typeof value),
  );
}

function mapped(object: Json, shape: (value: unknown) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, shape(value)]));
}

/** Without its texts. */
function shapeOfDefinition(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOfDefinition);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, inner]) => name !== 'description' || typeof inner !== 'string')
      .map(([name, inner]) => [name, shapeOfDefinition(inner)]),
  );
}

/** Operations by verb, with names of parameters and what they take and give. */
function shapeOfPath(value: unknown, common: Readonly<Record<string, Json>> = {}): unknown {
  const path = value as Record<string, unknown>;
  return mapped(path, (operation) => {
    if (Array.isArray(operation)) return namesOf(operation, common);
    if (typeof operation !== 'object' || operation === null) return operation;
    const { parameters, responses, requestBody, ...rest } = operation as Json;
    const { description: _description, ...named } = rest;
    return {
      ...(shapeOfDefinition(named) as Json),
      parameters: namesOf((parameters ?? []) as readonly Json[], common),
      responses: shapeOfDefinition(responses),
      requestBody: shapeOfDefinition(requestBody),
    };
  });
}

/** What stands in a common place is what it is there: which of the two is a matter of length. */
function namesOf(parameters: readonly Json[], common: Readonly<Record<string, Json>>): readonly string[] {
  const referred = (one: Json): Json => common[String(one['$ref']).replace('#/parameters/', '')] ?? one;
  return parameters.map((one) => String(one['name'] ?? referred(one)['name'] ?? one['$ref'])).sort();
}
