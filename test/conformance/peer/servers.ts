/**
 * The two API servers side by side: Kubernetes' own on an etcd, and `timonier apiserver` on
 * `timonier store`. Both have the same certificates, key of service accounts, ranges, authorizers and default admission,
 * so that the same request means the same to both. No controllers run on either side.
 *
 * Invariant: `onEnd` is told of every process and file before the next one is made.
 */
import { createPublicKey } from 'node:crypto';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClusterPki, createClusterPki } from '@timonier/pki';
import { until } from '../../acceptance/wait.ts';
import { etcd, freePorts, type Program, StoreMember, timonier } from '../store/members.ts';
import { peer } from '../../peers/peer.ts';
import { Connections } from './connections.ts';

const main = fileURLToPath(new URL('../../../packages/cli/src/main.ts', import.meta.url));
const startDeadlineMs = 120_000;

export interface Servers {
  readonly theirs: Connections;
  readonly ours: Connections;
}

type OnEnd = (end: () => unknown) => void;

/** `ourselves` as the peer compares our server with itself: a check of the comparison, in which nothing may differ. */
export const ourselves = 'timonier';

export async function startServers(peerProgram: string, onEnd: OnEnd): Promise<Servers> {
  try {
    if (peerProgram !== ourselves) accessSync(peerProgram, constants.X_OK);
  } catch (error) {
    throw new Error(`${peerProgram} is no program: build Kubernetes' API server first`, { cause: error });
  }
  const directory = await mkdtemp(join(tmpdir(), 'timonier-peer-'));
  onEnd(() => rm(directory, { recursive: true, force: true }));
  const pki = await createClusterPki(join(directory, 'pki'), {
    masters: [{ name: 'master-1', address: '127.0.0.1' }],
    workers: [{ name: 'worker-1', address: '127.0.0.1' }],
    serviceIp: '10.96.0.1',
  });
  const [theirs, ours] = await Promise.all([
    peerProgram === ourselves
      ? startOurs('peer', directory, pki, onEnd)
      : startPeer(peerProgram, directory, pki, onEnd),
    startOurs('ours', directory, pki, onEnd),
  ]);
  return { theirs, ours };
}

/** One member that is not waited for: both servers wait for their store themselves. */
async function startStore(program: Program, directory: string, onEnd: OnEnd): Promise<string> {
  const [client, peer, metrics] = await freePorts(3);
  const endpoint = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const member = new StoreMember(program, {
    name: 'm1',
    endpoint,
    logFile: `${directory}.log`,
    flags: Object.entries({
      name: 'm1',
      'data-dir': directory,
      'listen-client-urls': endpoint,
      'advertise-client-urls': endpoint,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'listen-metrics-urls': `http://127.0.0.1:${metrics}`,
      'initial-cluster': `m1=${peerUrl}`,
    }).map(([flag, value]) => `--${flag}=${value}`),
  });
  onEnd(() => member.kill());
  member.start();
  return endpoint;
}

/** What both servers are told in the same words. */
function sharedFlags(pki: ClusterPki, endpoint: string): Record<string, string> {
  const own = pki.files('apiserver');
  const kubelet = pki.files('apiserver-kubelet-client');
  const proxy = pki.files('front-proxy-client');
  return {
    'etcd-servers': endpoint,
    'bind-address': '127.0.0.1',
    'advertise-address': '127.0.0.1',
    'tls-cert-file': own.certificateFile,
    'tls-private-key-file': own.keyFile,
    'client-ca-file': pki.caFile,
    'kubelet-client-certificate': kubelet.certificateFile,
    'kubelet-client-key': kubelet.keyFile,
    'proxy-client-cert-file': proxy.certificateFile,
    'proxy-client-key-file': proxy.keyFile,
    'requestheader-client-ca-file': pki.frontProxyCaFile,
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'service-cluster-ip-range': '10.96.0.0/16',
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-signing-key-file': pki.serviceAccountKeyFile,
    // Ours has it from the start.
    'enable-admission-plugins': 'NodeRestriction',
  };
}

async function startPeer(
  file: string,
  directory: string,
  pki: ClusterPki,
  onEnd: OnEnd,
): Promise<Connections> {
  // Debian's etcd is too old for watches that begin with a list.
  const newer = peer('etcd');
  const store = 'file' in newer ? { ...etcd, file: newer.file } : etcd;
  const endpoint = await startStore(store, join(directory, 'etcd'), onEnd);
  const [port] = await freePorts(1);
  const flags = {
    ...sharedFlags(pki, endpoint),
    'secure-port': String(port),
    'service-account-key-file': await publicKeyFile(pki, directory),
    'authorization-mode': 'Node,RBAC',
    'allow-privileged': 'true',
    'enable-bootstrap-token-auth': 'true',
    // It serves nobody but this comparison.
    'max-requests-inflight': '800',
    'max-mutating-requests-inflight': '800',
  };
  const log = spawnLogged(file, [], flags, join(directory, 'peer.log'), onEnd);
  return connected(port, pki, log, onEnd);
}

/** Kubernetes wants the public half as a file of its own. */
async function publicKeyFile(pki: ClusterPki, directory: string): Promise<string> {
  const key = createPublicKey(await readFile(pki.serviceAccountKeyFile));
  const file = join(directory, 'sa.pub');
  await writeFile(file, key.export({ type: 'spki', format: 'pem' }));
  return file;
}

async function startOurs(
  name: string,
  directory: string,
  pki: ClusterPki,
  onEnd: OnEnd,
): Promise<Connections> {
  const endpoint = await startStore(timonier, join(directory, `${name}-store`), onEnd);
  const [port, ops] = await freePorts(2);
  const flags = {
    ...sharedFlags(pki, endpoint),
    'secure-port': String(port),
    'internal-port': '0',
    'private-socket': join(directory, `${name}.sock`),
    'ops-address': `127.0.0.1:${ops}`,
  };
  const log = spawnLogged(
    process.execPath,
    [main, 'apiserver'],
    flags,
    join(directory, `${name}.log`),
    onEnd,
  );
  return connected(port, pki, log, onEnd);
}

interface Logged {
  readonly child: ChildProcess;
  readonly tail: () => string;
}

function spawnLogged(
  file: string,
  args: readonly string[],
  flags: Readonly<Record<string, string>>,
  logFile: string,
  onEnd: OnEnd,
): Logged {
  const output = openSync(logFile, 'a');
  const child = spawn(
    file,
    [...args, ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
    {
      stdio: ['ignore', output, output],
    },
  );
  closeSync(output);
  const gone = once(child, 'exit');
  onEnd(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await gone;
  });
  return { child, tail: () => readFileSync(logFile, 'utf8').slice(-4_000) };
}

async function connected(
  port = 0,
  pki: ClusterPki,
  { child, tail }: Logged,
  onEnd: OnEnd,
): Promise<Connections> {
  const connections = new Connections(`https://127.0.0.1:${port}`, pki);
  onEnd(() => connections.close());
  await until('the API server is ready', startDeadlineMs, async () => {
    if (child.exitCode !== null) return true;
    try {
      const { status } = await connections.send({ method: 'GET', path: '/readyz' });
      return status === 200 ? true : undefined;
    } catch {
      return undefined;
    }
  });
  if (child.exitCode !== null) throw new Error(`an API server ended:\n${tail()}`);
  return connections;
}
