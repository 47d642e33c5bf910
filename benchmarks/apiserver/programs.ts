/**
 * The two API servers that are measured, each with the store under it, and how they are told the same: TLS with client
 * certificates, Node authorization and RBAC, the default admission plugins, no audit log, priority and fairness with its
 * default of 400 and 200 requests at once, and as many streams on a connection as ours allows.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterPki } from '@timonier/pki';
import { type Program as StoreProgram, timonier } from '../../test/conformance/store/members.ts';
import { peer } from '../../test/peers/peer.ts';
import { type EtcdProgram, newestEtcd } from '../store/etcd.ts';
import type { Explanation } from './explain/explanation.ts';

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));

export interface Place {
  readonly port: number;
  readonly storeEndpoint: string;
  readonly pki: ClusterPki;
}

export interface ApiServerProgram {
  readonly name: 'timonier' | 'kubernetes';
  readonly file: string;
  readonly args: readonly string[];
  readonly store: StoreProgram;
  readonly flags: (place: Place) => Readonly<Record<string, string>>;
}

/** Flags that both have. */
function shared({ port, storeEndpoint, pki }: Place): Record<string, string> {
  const { certificateFile, keyFile } = pki.files('apiserver');
  return {
    'etcd-servers': storeEndpoint,
    'bind-address': '127.0.0.1',
    'secure-port': String(port),
    'tls-cert-file': certificateFile,
    'tls-private-key-file': keyFile,
    'client-ca-file': pki.caFile,
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-signing-key-file': pki.serviceAccountKeyFile,
    'service-cluster-ip-range': '10.96.0.0/16',
    'authorization-mode': 'Node,RBAC',
  };
}

/** From the sources. `profile`: a folder for a CPU profile, written when it ends. */
export function ours(profile: string | undefined, explanation: Explanation | undefined): ApiServerProgram {
  const probe = (who: string): readonly string[] => explanation?.probe(who) ?? [];
  return {
    name: 'timonier',
    file: process.execPath,
    args: [
      ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
      ...probe('the API server'),
      main,
      'apiserver',
    ],
    store: { ...timonier, args: [...probe('the store'), ...timonier.args] },
    flags: (place) => ({ ...shared(place), 'internal-port': '0', 'ops-address': '' }),
  };
}

/** Of our server; the default of theirs would make a thousand watches wait for each other. */
const streamsPerConnection = '1000';
/** Of a range for documentation: the loopback address may not be announced to a cluster. */
const announcedAddress = '192.0.2.1';

export type Kubernetes =
  | { readonly program: ApiServerProgram; readonly etcd: EtcdProgram }
  | { readonly missing: string };

/** Over the newest etcd that is here. */
export function kubernetes(): Kubernetes {
  const found = peer('kube-apiserver');
  if ('missing' in found) return found;
  const etcd = newestEtcd();
  const program: ApiServerProgram = {
    name: 'kubernetes',
    file: found.file,
    args: [],
    store: etcd.program,
    flags: (place) => {
      const publicKeyFile = join(place.pki.directory, 'sa.pub');
      const key = createPublicKey(createPrivateKey(readFileSync(place.pki.serviceAccountKeyFile)));
      writeFileSync(publicKeyFile, key.export({ type: 'spki', format: 'pem' }));
      return {
        ...shared(place),
        'service-account-key-file': publicKeyFile,
        'advertise-address': announcedAddress,
        'http2-max-streams-per-connection': streamsPerConnection,
      };
    },
  };
  return { program, etcd };
}
