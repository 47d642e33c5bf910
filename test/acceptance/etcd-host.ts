/**
 * A host of its own that runs a three-member cluster of Debian's etcd, so that the API server can be run on a real
 * one, over mutual TLS. It is a network namespace with one link to the machine; everything goes when it is closed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, createCertificate } from '@timonier/pki';
import { mustRun, run } from './command.ts';
import { until } from './wait.ts';

export interface EtcdHost {
  readonly endpoints: string;
  /** Paths of PEM files: the authority, and a client's certificate and key. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly version: string;
  close(): Promise<void>;
}

export async function startEtcdHost(id: number): Promise<EtcdHost> {
  const namespace = `tm-etcd-${id}`;
  const link = `tmetcd${id}`.slice(0, 15);
  const subnet = `10.87.${id % 250}`;
  const directory = await mkdtemp(join(tmpdir(), 'timonier-etcd-'));
  const children: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    for (const child of children) child.kill('SIGKILL');
    await run('ip', ['link', 'delete', link]);
    await run('ip', ['netns', 'delete', namespace]);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await mustRun('ip', ['netns', 'add', namespace]);
    await mustRun('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
    await mustRun('ip', ['address', 'add', `${subnet}.1/24`, 'dev', link]);
    await mustRun('ip', ['link', 'set', link, 'up']);
    for (const command of [
      `address add ${subnet}.2/24 dev eth0`,
      'link set eth0 up',
      'link set lo up',
      `route add default via ${subnet}.1`,
    ]) {
      await mustRun('ip', ['-n', namespace, ...command.split(' ')]);
    }
    const tls = await certificates(directory, `${subnet}.2`);
    const members = [1, 2, 3].map((n) => ({
      name: `e${n}`,
      client: `https://${subnet}.2:${2000 + n}`,
      peer: `http://${subnet}.2:${3000 + n}`,
    }));
    const initial = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
    for (const { name, client, peer } of members) {
      const flags = [
        '--name',
        name,
        '--data-dir',
        join(directory, name),
        '--listen-client-urls',
        client,
        '--advertise-client-urls',
        client,
        '--listen-peer-urls',
        peer,
        '--cert-file',
        tls.cert,
        '--key-file',
        tls.key,
        '--trusted-ca-file',
        tls.ca,
        '--client-cert-auth',
        '--initial-advertise-peer-urls',
        peer,
        '--initial-cluster',
        initial,
        '--log-level',
        'error',
      ];
      children.push(
        spawn('nsenter', [`--net=/run/netns/${namespace}`, 'etcd', ...flags], { stdio: 'ignore' }),
      );
    }
    const endpoints = members.map(({ client }) => client).join(',');
    await until('the etcd cluster is healthy', 60_000, async () => {
      const identity = ['--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key];
      const { code } = await run('etcdctl', ['--endpoints', endpoints, ...identity, 'endpoint', 'health'], {
        env: { ETCDCTL_API: '3' },
      });
      return code === 0 ? true : undefined;
    });
    const version = /etcd Version: (\S+)/.exec(await mustRun('etcd', ['--version']))?.[1] ?? 'unknown';
    return { endpoints, tls, version, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** One identity for all: etcd's own gateway is a client of its members, too. */
async function certificates(directory: string, address: string): Promise<EtcdHost['tls']> {
  const authority = createAuthority('etcd-ca', 1);
  const identity = createCertificate(
    { commonName: 'etcd', usages: ['client', 'server'], hosts: [address], validDays: 1 },
    authority,
  );
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  return {
    ca: await write('ca.crt', authority.certificate),
    cert: await write('etcd.crt', identity.certificate),
    key: await write('etcd.key', identity.key),
  };
}
