/**
 * The certificates of a cluster, as named in "Identities" of `docs/architecture.md`: one authority, and an identity
 * per component and host. Idempotent: what is on disk and still right is kept, everything else is made anew.
 */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  type CertificateSpec,
  createAuthority,
  createCertificate,
  type Identity,
  keyMatches,
} from './certificate.ts';
import {
  daysLeft,
  identityFiles,
  type IdentityFiles,
  readIdentity,
  replaceFile,
  writeIdentity,
} from './files.ts';
import { newEncryptionConfiguration } from './encryption.ts';

export interface PkiHost {
  readonly name: string;
  readonly address: string;
}

export interface ClusterPkiOptions {
  readonly masters: readonly PkiHost[];
  readonly workers: readonly PkiHost[];
  readonly vip?: string;
  /** First address of the service range: the Service `kubernetes`. */
  readonly serviceIp: string;
  readonly clusterDomain?: string;
  /** Further names and addresses under which the API server is reached. */
  readonly extraHosts?: readonly string[];
  readonly now?: Date;
}

export interface ClusterPki {
  readonly directory: string;
  readonly caFile: string;
  /** The authority's own key, with which masters sign certificates for those who ask with a request. */
  readonly caKeyFile: string;
  /** The authority by which secondary API servers know this cluster's; it signs nothing else. */
  readonly frontProxyCaFile: string;
  /** The private key that signs tokens of ServiceAccounts; every master has the same. */
  readonly serviceAccountKeyFile: string;
  /** How secrets are encrypted in the store; of masters only, like the key above. */
  readonly encryptionFile: string;
  /** Files of the identity `name`; throws when the cluster has none of that name. */
  files(name: string): IdentityFiles;
  readonly names: readonly string[];
  /** Names of the identities made by this call; empty when everything was there. */
  readonly created: readonly string[];
}

const authorityDays = 3650;
const leafDays = 365;
/** An identity with less than this left is made anew. */
const renewDays = 30;
const authorityName = 'ca';
const frontProxyAuthority = 'front-proxy-ca';
const frontProxyName = 'front-proxy-client';

/** Name of the identity of the kubelet on host `name`: client and server in one. */
export function kubeletIdentity(name: string): string {
  return `kubelet-${name}`;
}

/** Makes sure that `directory` holds every identity of the cluster. */
export async function createClusterPki(directory: string, options: ClusterPkiOptions): Promise<ClusterPki> {
  const now = options.now ?? new Date();
  const created: string[] = [];
  let authority = await readIdentity(directory, authorityName);
  if (authority === undefined || !authorityIsValid(authority, now)) {
    authority = createAuthority('timonier-ca', authorityDays, now);
    await writeIdentity(directory, authorityName, authority);
    created.push(authorityName);
  }
  const specs = clusterSpecs(options);
  for (const [name, spec] of specs) {
    const present = await readIdentity(directory, name);
    if (present !== undefined && identityIsValid(present, spec, authority, now)) continue;
    await writeIdentity(directory, name, createCertificate(spec, authority, now));
    created.push(name);
  }
  const serviceAccountKeyFile = join(directory, 'sa.key');
  if (!existsSync(serviceAccountKeyFile)) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await replaceFile(serviceAccountKeyFile, pem, 0o600);
  }
  const encryptionFile = join(directory, 'encryption.yaml');
  if (!existsSync(encryptionFile)) await replaceFile(encryptionFile, newEncryptionConfiguration(), 0o600);
  const proxyFiles = await ensureFrontProxy(directory, now, created);
  const names = [...specs.keys(), frontProxyName];
  return {
    directory,
    caFile: identityFiles(directory, authorityName).certificateFile,
    caKeyFile: identityFiles(directory, authorityName).keyFile,
    frontProxyCaFile: identityFiles(directory, frontProxyAuthority).certificateFile,
    serviceAccountKeyFile,
    encryptionFile,
    names,
    created,
    files: (name) => {
      if (name === frontProxyName) return proxyFiles;
      if (!specs.has(name))
        throw new Error(`the cluster has no identity "${name}"; it has ${names.join(', ')}`);
      return identityFiles(directory, name);
    },
  };
}

/**
 * The API server's identity towards secondary API servers. Its authority is one of its own: whoever it signs may speak
 * in everybody's name there.
 */
async function ensureFrontProxy(directory: string, now: Date, created: string[]): Promise<IdentityFiles> {
  let authority = await readIdentity(directory, frontProxyAuthority);
  if (authority === undefined || !authorityIsValid(authority, now)) {
    authority = createAuthority('timonier-front-proxy-ca', authorityDays, now);
    await writeIdentity(directory, frontProxyAuthority, authority);
    created.push(frontProxyAuthority);
  }
  const spec: CertificateSpec = { commonName: frontProxyName, usages: ['client'], validDays: leafDays };
  const present = await readIdentity(directory, frontProxyName);
  if (present === undefined || !identityIsValid(present, spec, authority, now)) {
    await writeIdentity(directory, frontProxyName, createCertificate(spec, authority, now));
    created.push(frontProxyName);
  }
  return identityFiles(directory, frontProxyName);
}

/** What each identity of the cluster says. */
function clusterSpecs(options: ClusterPkiOptions): ReadonlyMap<string, CertificateSpec> {
  const specs = new Map<string, CertificateSpec>();
  const client = (name: string, commonName: string, ...organizations: string[]): void =>
    void specs.set(name, { commonName, organizations, usages: ['client'], validDays: leafDays });
  client('admin', 'kubernetes-admin', 'system:masters');
  client('scheduler', 'system:kube-scheduler');
  client('controller-manager', 'system:kube-controller-manager');
  client('cloud-controller-manager', 'system:cloud-controller-manager');
  client('proxy', 'system:kube-proxy');
  client('dns', 'system:kube-dns');
  client('monitoring', 'prometheus', 'system:monitoring');
  client('apiserver-kubelet-client', 'kube-apiserver-kubelet-client', 'system:masters');
  const domain = options.clusterDomain ?? 'cluster.local';
  const masterHosts = options.masters.flatMap((master) => [master.name, master.address]);
  const loopback = ['localhost', '127.0.0.1'];
  specs.set('apiserver', {
    commonName: 'kube-apiserver',
    usages: ['server'],
    hosts: unique([
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${domain}`,
      ...loopback,
      options.serviceIp,
      ...(options.vip === undefined ? [] : [options.vip]),
      ...masterHosts,
      ...(options.extraHosts ?? []),
    ]),
    validDays: leafDays,
  });
  for (const host of [...options.masters, ...options.workers]) {
    specs.set(kubeletIdentity(host.name), {
      commonName: `system:node:${host.name}`,
      organizations: ['system:nodes'],
      usages: ['client', 'server'],
      hosts: unique([host.name, host.address, ...loopback]),
      validDays: leafDays,
    });
  }
  const storeHosts = unique([...loopback, ...masterHosts]);
  for (const name of ['store-peer', 'store-server']) {
    specs.set(name, {
      commonName: name,
      usages: ['client', 'server'],
      hosts: storeHosts,
      validDays: leafDays,
    });
  }
  client('store-client', 'store-client');
  return specs;
}

function authorityIsValid(authority: Identity, now: Date): boolean {
  return keyMatches(authority) && daysLeft(authority.certificate, now) > leafDays;
}

/** True when the identity says what `spec` asks for, is signed by this authority and does not expire soon. */
function identityIsValid(
  identity: Identity,
  spec: CertificateSpec,
  authority: Identity,
  now = new Date(),
): boolean {
  const certificate = new X509Certificate(identity.certificate);
  const issuer = new X509Certificate(authority.certificate);
  if (!certificate.verify(issuer.publicKey) || !keyMatches(identity)) return false;
  if (daysLeft(identity.certificate, now) < renewDays) return false;
  const subject = [...(spec.organizations ?? []).map((name) => `O=${name}`), `CN=${spec.commonName}`];
  if (certificate.subject !== subject.join('\n')) return false;
  return (spec.hosts ?? []).every((host) =>
    isIP(host) === 0 ? certificate.checkHost(host) !== undefined : certificate.checkIP(host) !== undefined,
  );
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)];
}
