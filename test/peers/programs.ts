/**
 * The real programs of Kubernetes and etcd that ours are compared with and measured beside, and where their sources come
 * from: two Go modules that hold nothing but requirements, `kubernetes/` and `etcd/`. Versions stand in their `go.mod`
 * alone; what is needed of it is read here.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('./', import.meta.url));

export type ModuleName = 'kubernetes' | 'etcd';

export interface Program {
  readonly module: ModuleName;
  /** The main package of upstream that becomes the program. */
  readonly package: string;
  /** The program is what `go test` would run of the package. */
  readonly isTest?: boolean;
  /** It runs in images that hold no C library. */
  readonly isStatic?: boolean;
  /** Is built only when it is named: one suite needs it, and it takes long. */
  readonly byNameOnly?: boolean;
}

export const programs = {
  etcd: { module: 'etcd', package: 'go.etcd.io/etcd/server/v3' },
  etcdctl: { module: 'etcd', package: 'go.etcd.io/etcd/etcdctl/v3' },
  etcdutl: { module: 'etcd', package: 'go.etcd.io/etcd/etcdutl/v3' },
  'kube-apiserver': { module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  'kube-controller-manager': {
    module: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kube-controller-manager',
  },
  'kube-scheduler': { module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kube-scheduler' },
  kubectl: { module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kubectl' },
  'e2e.test': {
    module: 'kubernetes',
    package: 'k8s.io/kubernetes/test/e2e',
    isTest: true,
    byNameOnly: true,
  },
  agnhost: {
    module: 'kubernetes',
    package: 'k8s.io/kubernetes/test/images/agnhost',
    isStatic: true,
    byNameOnly: true,
  },
  nonewprivs: {
    module: 'kubernetes',
    package: 'k8s.io/kubernetes/test/images/nonewprivs',
    isStatic: true,
    byNameOnly: true,
  },
  'sample-apiserver': {
    module: 'kubernetes',
    package: 'k8s.io/sample-apiserver',
    isStatic: true,
    byNameOnly: true,
  },
} as const satisfies Readonly<Record<string, Program>>;

export type ProgramName = keyof typeof programs;

export const programNames = Object.keys(programs) as readonly ProgramName[];

export function programOf(name: ProgramName): Program {
  return programs[name];
}

/** What is built when none is named. */
export const usualNames = programNames.filter((name) => programOf(name).byNameOnly !== true);

export function isProgramName(name: string): name is ProgramName {
  return Object.hasOwn(programs, name);
}

/** Of each module the one whose version is the programs'. */
const versionedBy: Readonly<Record<ModuleName, string>> = {
  kubernetes: 'k8s.io/kubernetes',
  etcd: 'go.etcd.io/etcd/server/v3',
};

export interface ModuleFiles {
  readonly mod: string;
  readonly sum: string;
}

export function moduleFolder(module: ModuleName): string {
  return join(here, module);
}

export function moduleFiles(module: ModuleName): ModuleFiles {
  const read = (name: string): string => readFileSync(join(moduleFolder(module), name), 'utf8');
  return { mod: read('go.mod'), sum: read('go.sum') };
}

/** With its `v`, as Go writes it. */
export function requiredVersion(mod: string, path: string): string {
  const line = mod.split('\n').find((text) => text.replace('require', '').trim().startsWith(`${path} v`));
  const version = line
    ?.trim()
    .split(/\s+/)
    .find((word) => /^v\d/.test(word));
  if (version === undefined) throw new Error(`go.mod requires no version of ${path}`);
  return version;
}

export function versionOf(module: ModuleName, mod = moduleFiles(module).mod): string {
  return requiredVersion(mod, versionedBy[module]);
}
