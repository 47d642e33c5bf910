/**
 * The API server's own writes: the same pipeline as a client's, without HTTP. They are committed under this server's
 * own office, so that a deposed server cannot write them.
 */
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { applyDefaults } from '@timonier/api/defaults';
import type { ResourceInfo } from '@timonier/api';
import { notActive } from './pipeline/fence-gate.ts';
import type { JudgedWrite, JudgingServer } from './request-context.ts';
import { createObject } from './verbs/create.ts';
import { updateObject } from './verbs/update.ts';

export interface Writer {
  create(resource: string, namespace: string, object: ApiObject): Promise<void>;
  update(
    resource: string,
    namespace: string,
    name: string,
    change: (current: ApiObject) => ApiObject,
  ): Promise<void>;
}

export function selfWriter(server: JudgingServer): Writer {
  return {
    create: async (resource, namespace, object) => {
      const info = resourceOf(server, resource);
      const normal = applyDefaults(info, decodeStrict(info, object).object);
      await createObject(contextFor(server, info, namespace, '', 'create'), normal);
    },
    update: async (resource, namespace, name, change) => {
      const info = resourceOf(server, resource);
      await updateObject(contextFor(server, info, namespace, name, 'update'), (current) =>
        applyDefaults(info, decodeStrict(info, change(current)).object),
      );
    },
  };
}

/** The kind whose plural is `resource`, of whatever group. Throws when none is served. */
export function resourceOf(server: Pick<JudgingServer, 'registry'>, resource: string): ResourceInfo {
  const info = server.registry.all().find((known) => known.resource === resource);
  if (info === undefined) throw new Error(`${resource} are not served`);
  return info;
}

function contextFor(
  server: JudgingServer,
  info: ResourceInfo,
  namespace: string,
  name: string,
  verb: 'create' | 'update',
): JudgedWrite {
  return ownContext(server, { verb, info, namespace, name, subresource: '' });
}

/** For a write of the server's own. Throws 503 when this server does not hold the office. */
export function ownContext(server: JudgingServer, target: JudgedWrite['target']): JudgedWrite {
  const token = server.office?.state.token;
  if (server.office !== undefined && (token === null || token === undefined)) throw notActive();
  return {
    server,
    user: { name: 'system:apiserver', groups: ['system:masters'] },
    target,
    fence: token === null || token === undefined ? undefined : { token, holder: 'server' },
    dryRun: false,
    manager: 'timonier-apiserver',
  };
}
