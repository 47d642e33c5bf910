/** The server's own writes about APIServices: those of what it serves itself, and the conditions of the others. */
import type { GroupVersion } from '@timonier/api';
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { timestamp } from '../timestamp.ts';
import { ownContext } from '../self-writer.ts';
import type { JudgingServer } from '../request-context.ts';
import { createObject } from '../verbs/create.ts';
import { removeObject } from '../verbs/delete.ts';
import { updateObject } from '../verbs/update.ts';
import {
  apiServiceGroup,
  apiServiceName,
  apiServicePrefix,
  automanagedLabel,
  local,
  statusWith,
} from './api-service.ts';

/** Priorities of groups among each other, and of their versions: as upstream's. */
const priorities: Readonly<Record<string, readonly [group: number, version: number]>> = {
  'v1.': [18_000, 1],
  'v1.apps': [17_800, 15],
  'v1.events.k8s.io': [17_750, 15],
  'v1.authentication.k8s.io': [17_700, 15],
  'v1.authorization.k8s.io': [17_600, 15],
  'v1.autoscaling': [17_500, 15],
  'v2.autoscaling': [17_500, 30],
  'v1.batch': [17_400, 15],
  'v1.certificates.k8s.io': [17_300, 15],
  'v1.networking.k8s.io': [17_200, 15],
  'v1.policy': [17_100, 15],
  'v1.rbac.authorization.k8s.io': [17_000, 15],
  'v1.storage.k8s.io': [16_800, 15],
  'v1.apiextensions.k8s.io': [16_700, 15],
  'v1.admissionregistration.k8s.io': [16_700, 15],
  'v1.scheduling.k8s.io': [16_600, 15],
  'v1.coordination.k8s.io': [16_500, 15],
  'v1.node.k8s.io': [16_300, 15],
  'v1.discovery.k8s.io': [16_200, 15],
  'v1.flowcontrol.apiserver.k8s.io': [16_100, 21],
  'v1.resource.k8s.io': [16_200, 21],
};
const atOnce = 8;
const otherBuiltIn = [16_000, 15] as const;
const custom = [1_000, 100] as const;

export class ApiServiceWriter {
  readonly #server: JudgingServer;

  constructor(server: JudgingServer) {
    this.#server = server;
  }

  /** Makes what is missing of the APIServices of `served`, and takes out those of kinds that are gone. */
  async keepLocal(served: readonly GroupVersion[], isRemote: (name: string) => boolean): Promise<void> {
    const { cache, root, registry } = this.#server;
    const { index } = cache.resource(apiServicePrefix);
    const names = new Set(served.map(apiServiceName));
    const missing: { type: GroupVersion; isCustom: boolean }[] = [];
    for (const type of served) {
      const name = apiServiceName(type);
      if (type.group === apiServiceGroup || isRemote(name)) continue;
      if (index.get(`${root}${apiServicePrefix}/${name}`) !== undefined) continue;
      const isCustom = registry
        .all()
        .some(
          (info) => info.group === type.group && info.version === type.version && info.custom !== undefined,
        );
      missing.push({ type, isCustom });
    }
    for (let start = 0; start < missing.length; start += atOnce)
      await Promise.all(
        missing
          .slice(start, start + atOnce)
          .map(({ type, isCustom }) => ignoring('AlreadyExists', this.#create(type, isCustom))),
      );
    for (const stored of index.values()) {
      if (!stored.json.includes(automanagedLabel)) continue;
      const { name = '', labels = {}, deletionTimestamp } = stored.object().metadata ?? {};
      if (labels[automanagedLabel] !== 'true' || names.has(name) || deletionTimestamp !== undefined) continue;
      await ignoring('NotFound', this.#remove(name));
    }
  }

  async updateStatus(name: string, change: (current: ApiObject) => ApiObject): Promise<void> {
    const info = this.#info();
    const context = ownContext(this.#server, {
      verb: 'update',
      info,
      namespace: '',
      name,
      subresource: 'status',
    });
    await ignoring(
      'NotFound',
      updateObject(context, (current) => decodeStrict(info, change(current)).object),
    );
  }

  #info() {
    const info = this.#server.registry.lookup(apiServiceGroup, 'v1', 'apiservices');
    if (info === undefined) throw new Error('APIServices are not served');
    return info;
  }

  async #create(type: GroupVersion, isCustom: boolean): Promise<void> {
    const info = this.#info();
    const name = apiServiceName(type);
    const [groupPriorityMinimum, versionPriority] = isCustom ? custom : (priorities[name] ?? otherBuiltIn);
    const { object } = decodeStrict(info, {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name, labels: { [automanagedLabel]: isCustom ? 'true' : 'onstart' } },
      spec: { ...type, groupPriorityMinimum, versionPriority },
      status: statusWith(undefined, local, timestamp(this.#server.now())),
    });
    const target = { verb: 'create', info, namespace: '', name: '', subresource: '' } as const;
    await createObject(ownContext(this.#server, target), object);
  }

  async #remove(name: string): Promise<void> {
    const target = { verb: 'delete', info: this.#info(), namespace: '', name, subresource: '' } as const;
    await removeObject(ownContext(this.#server, target), {});
  }
}

async function ignoring(reason: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof StatusError) || error.status.reason !== reason) throw error;
  }
}
