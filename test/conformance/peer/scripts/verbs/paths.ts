/** Paths that mean something, and paths that mean nothing. */
import { type Answer, jsonOf } from '../../calls.ts';
import type { Comparison } from '../../comparison.ts';
import { deployments, maps, merge, pods } from './samples.ts';

export async function paths(comparison: Comparison): Promise<void> {
  const asked = [
    'GET /',
    'GET /nothing',
    'GET /api/v2',
    'GET /api/v1/things',
    'GET /api/v1/namespaces/peer/things',
    'GET /api/v1/namespaces/peer/things/x',
    'GET /apis/example.com',
    'GET /apis/example.com/v1',
    'GET /apis/apps/v9',
    'GET /apis/apps/v1/things',
    `GET ${maps}/none-such`,
    `GET ${maps}/verbs-1/status`,
    `GET ${maps}/verbs-1/what/ever`,
    `GET ${maps}/`,
    `PUT ${maps}`,
    `PATCH ${maps}`,
    `POST ${maps}/verbs-1`,
    `HEAD ${maps}/verbs-1`,
    `HEAD ${maps}/none-such`,
    `OPTIONS ${maps}/verbs-1`,
    `TRACE ${maps}/verbs-1`,
    `WHAT ${maps}/verbs-1`,
    `GET ${pods}/none-such/binding`,
    `GET ${pods}/none-such/eviction`,
    `GET ${pods}/none-such/log`,
    `GET ${pods}/none-such/exec`,
    `GET ${pods}/none-such/proxy`,
    `GET ${pods}/none-such/ephemeralcontainers`,
    `PUT ${pods}/none-such/log`,
    `DELETE ${pods}/none-such/log`,
    `DELETE ${deployments}/verbs/status`,
    `DELETE ${deployments}/verbs/scale`,
    `POST ${deployments}/verbs/scale`,
    'GET /apis/authentication.k8s.io/v1/tokenreviews',
    'GET /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    'PUT /apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x',
    'GET /api/v1/componentstatuses/none-such',
    'POST /api/v1/componentstatuses',
    'POST /version',
    'DELETE /api',
    'POST /apis',
    'GET /api/v1/namespaces/peer/finalize',
    'GET /api/v1/nodes/none-such/proxy/',
    'GET /api/v1/proxy/nodes/x',
    'GET /api/v1/namespaces/none-such',
    'GET /api/v1/namespaces/none-such/configmaps',
    'GET /api/v1/namespaces/none-such/configmaps/x',
    'GET /api/v1/namespaces//configmaps',
    'GET /api/v1/configmaps/x',
    'POST /api/v1/configmaps',
    'DELETE /api/v1/configmaps',
    'GET /openapi/v3/apis/example.com/v1',
    'GET /metrics/nothing',
    'GET /logs/none-such',
    'GET /debug/pprof/none-such',
    'GET /debug/api_priority_and_fairness/none-such',
  ];
  for (const one of asked) {
    const [method = '', path = ''] = one.split(' ');
    const body = ['PUT', 'POST', 'PATCH'].includes(method) ? {} : undefined;
    await comparison.compare(
      one,
      { method, path, body, ...(method === 'PATCH' ? { headers: merge } : {}) },
      path === '/' ? withoutChecks : undefined,
    );
  }
}

/** Parts of a server's health, and pages about the program itself, are its own. */
const ofProgram = /^\/(?:(?:healthz|livez|readyz)\/|metrics\/slis$|flagz$|statusz$)/;

function withoutChecks(answer: Answer): Answer {
  const { paths: all = [] } = (jsonOf(answer) ?? {}) as { paths?: readonly string[] };
  return { ...answer, text: JSON.stringify({ paths: all.filter((one) => !ofProgram.test(one)) }) };
}
