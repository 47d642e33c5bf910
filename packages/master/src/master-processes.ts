/**
 * The processes of a master, with the flags that follow from host.json. Pure, but for a look at which keys the host has.
 */
import { existsSync } from 'node:fs';
import { flagArguments, type HostConfig, type ProcessSpec, subcommand } from '@timonier/worker';

const etc = '/etc/timonier';
const run = '/run/timonier';
export const storeSocket = `${run}/store.sock`;
export const officeSocket = `${run}/office.sock`;

function pki(name: string): { readonly certificate: string; readonly key: string } {
  return { certificate: `${etc}/pki/${name}.crt`, key: `${etc}/pki/${name}.key` };
}

/** `apiserverArguments` are passed on to the API server, after its own. */
export function masterProcesses(
  config: HostConfig,
  apiserverArguments: readonly string[] = [],
): readonly ProcessSpec[] {
  const ownStore = config.storeEndpoints.length === 0;
  return [
    ...(ownStore ? [storeProcess(config)] : []),
    apiserverProcess(config, ownStore, apiserverArguments),
    loopsProcess(config),
    vipProcess(config),
  ];
}

function storeProcess(config: HostConfig): ProcessSpec {
  const server = pki('store-server');
  const peer = pki('store-peer');
  return {
    component: 'store',
    // Handing over and closing the log take a moment on a busy disk.
    stopTimeoutMs: 8_000,
    urgent: true,
    command: subcommand(
      'store',
      flagArguments({
        name: config.name,
        'data-dir': '/var/lib/timonier/store',
        'listen-client-urls': ['https://127.0.0.1:2379', `https://${config.address}:2379`],
        'private-socket': storeSocket,
        'advertise-client-urls': `https://${config.address}:2379`,
        'listen-peer-urls': `https://${config.address}:2380`,
        'initial-advertise-peer-urls': `https://${config.address}:2380`,
        'initial-cluster': config.masters.map(({ name, address }) => `${name}=https://${address}:2380`),
        'initial-cluster-token': config.cluster,
        'initial-cluster-state': 'new',
        'cert-file': server.certificate,
        'key-file': server.key,
        'trusted-ca-file': `${etc}/pki/ca.crt`,
        'client-cert-auth': 'true',
        'peer-cert-file': peer.certificate,
        'peer-key-file': peer.key,
        'peer-trusted-ca-file': `${etc}/pki/ca.crt`,
        'peer-client-cert-auth': 'true',
        // A dead peer is noticed by its closed connection; the timeout is for silent losses.
        'heartbeat-interval': '75',
        'election-timeout': '400',
        'auto-compaction-mode': 'periodic',
        'auto-compaction-retention': '5m',
        'ops-address': '0.0.0.0:2381',
      }),
    ),
  };
}

const frontProxyAuthority = `${etc}/pki/front-proxy-ca.crt`;

function frontProxyFlags(): Record<string, string> {
  const proxy = pki('front-proxy-client');
  return {
    'proxy-client-cert-file': proxy.certificate,
    'proxy-client-key-file': proxy.key,
    'requestheader-client-ca-file': frontProxyAuthority,
    'requestheader-allowed-names': 'front-proxy-client',
  };
}

const serviceAccountKey = `${etc}/pki/sa.key`;
const encryptionConfig = `${etc}/pki/encryption.yaml`;
const authorityKey = `${etc}/pki/ca.key`;

function apiserverProcess(config: HostConfig, ownStore: boolean, more: readonly string[]): ProcessSpec {
  const serving = pki('apiserver');
  const kubelet = pki('apiserver-kubelet-client');
  return {
    component: 'apiserver',
    // Clients wait for it, and nobody for the loops beside it.
    urgent: true,
    command: subcommand('apiserver', [
      ...flagArguments({
        'etcd-servers': ownStore ? `unix://${storeSocket}` : config.storeEndpoints,
        ...(config.storeTls === undefined
          ? {}
          : {
              'etcd-cafile': config.storeTls.ca,
              'etcd-certfile': config.storeTls.cert,
              'etcd-keyfile': config.storeTls.key,
            }),
        'tls-cert-file': serving.certificate,
        'tls-private-key-file': serving.key,
        'client-ca-file': `${etc}/pki/ca.crt`,
        'kubelet-client-certificate': kubelet.certificate,
        'kubelet-client-key': kubelet.key,
        'kubelet-certificate-authority': `${etc}/pki/ca.crt`,
        // A host prepared by an older version has none, and goes on without secondary API servers.
        ...(existsSync(frontProxyAuthority) ? frontProxyFlags() : {}),
        // A host prepared by an older version has none, and goes on without tokens.
        'service-account-signing-key-file': existsSync(serviceAccountKey) ? serviceAccountKey : '',
        // A host prepared by an older version has none, and its secrets stay as they are.
        'encryption-provider-config': existsSync(encryptionConfig) ? encryptionConfig : '',
        'advertise-address': config.address,
        masters: config.masters.map(({ name, address }) => `${name}=${address}`),
        'service-cluster-ip-range': config.serviceRange,
        'office-socket': officeSocket,
        'private-socket': `${run}/apiserver.sock`,
        'ops-address': '0.0.0.0:10244',
      }),
      ...more,
    ]),
  };
}

function loopsProcess(config: HostConfig): ProcessSpec {
  return {
    component: 'control-loops',
    command: subcommand(
      'control-loops',
      flagArguments({
        'apiserver-socket': `${run}/apiserver.sock`,
        'office-socket': officeSocket,
        'config-dir': etc,
        'cluster-cidr': config.podRange,
        // A host without it, as older versions prepared, leaves requests for certificates to others.
        ...(existsSync(authorityKey)
          ? { 'cluster-signing-cert-file': `${etc}/pki/ca.crt`, 'cluster-signing-key-file': authorityKey }
          : {}),
      }),
    ),
  };
}

function vipProcess(config: HostConfig): ProcessSpec {
  return {
    component: 'vip',
    urgent: true,
    command: subcommand(
      'vip',
      flagArguments({ address: config.vip, interface: config.interface, 'office-socket': officeSocket }),
    ),
  };
}
