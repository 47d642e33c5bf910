/**
 * Replacing a member while everything runs: it is removed, its host and data are gone, and an empty one is added in its
 * place, first as a learner and then, once it is in sync, as a voter. Every step is asked of the others until it is
 * done, for they may be cut off, slow or in the middle of an election.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@timonier/grpc';
import type { Group } from './group.ts';
import type { Host } from './host.ts';
import { clusterService, type ClusterClient, type MemberAnswer } from './protocol.ts';

const stepMs = 45_000;
const callMs = 2_000;

/** The member is no longer one, and its process and its data are gone. */
export async function takeOut(group: Group, host: Host): Promise<void> {
  await untilDone(group, host, `${host.name} is removed`, async (client) => {
    const found = find(await list(client), host);
    if (found === undefined) return true;
    await client.unary('memberRemove', { ID: found.ID }, { timeoutMs: callMs });
    return false;
  });
  await host.end('SIGKILL');
  await host.disk.reformat();
}

/** An empty member has taken the place of the one that was taken out, and votes. */
export async function putBack(group: Group, host: Host): Promise<void> {
  await untilDone(group, host, `${host.name} is added`, async (client) => {
    if (find(await list(client), host) !== undefined) return true;
    await client.unary('memberAdd', { peerURLs: [host.peerUrl], isLearner: true }, { timeoutMs: callMs });
    return false;
  });
  host.join(group.initialCluster);
  host.start();
  await untilDone(group, host, `${host.name} votes`, async (client) => {
    const found = find(await list(client), host);
    if (found?.isLearner === false) return true;
    if (found !== undefined) await client.unary('memberPromote', { ID: found.ID }, { timeoutMs: callMs });
    return false;
  });
}

async function list(client: ClusterClient): Promise<readonly MemberAnswer[]> {
  return (await client.unary('memberList', { linearizable: true }, { timeoutMs: callMs })).members;
}

function find(members: readonly MemberAnswer[], host: Host): MemberAnswer | undefined {
  return members.find(({ peerURLs }) => peerURLs.includes(host.peerUrl));
}

/** Asks one member after another, until a linearizable answer says that it is so. */
async function untilDone(
  group: Group,
  subject: Host,
  what: string,
  step: (client: ClusterClient) => Promise<boolean>,
): Promise<void> {
  const others = group.hosts.filter((host) => host !== subject);
  const deadline = performance.now() + stepMs;
  let last: unknown;
  for (let turn = 0; performance.now() < deadline; turn++) {
    const host = others[turn % others.length];
    if (host === undefined) break;
    const client = createClient(clusterService, host.target);
    try {
      if (await step(client)) return;
    } catch (error) {
      last = error;
    } finally {
      client.close();
    }
    await pause(100);
  }
  throw new Error(`not within ${stepMs / 1_000} s: ${what}: ${String(last)}`, { cause: last });
}
