/**
 * The roles and bindings that every cluster has: upstream's, from `data/rbac.json`, and our own, for the loops that
 * run here under one identity each where upstream gives every controller a service account of its own.
 *
 * Notation of rules: `VERBS GROUPS: RESOURCES (NAMES)`, separated by `; `. `r` = get, list, watch; `w` = create,
 * delete, deletecollection, patch, update; `rw` = both; `core` = the core group; `VERBS url PATHS` for other paths.
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '@timonier/api';
import data from '../../data/rbac.json' with { type: 'json' };

export interface BootstrapPolicy {
  readonly clusterRoles: readonly ClusterRole[];
  readonly roles: readonly Role[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  readonly roleBindings: readonly RoleBinding[];
}

interface RoleRow {
  readonly name: string;
  readonly label?: string;
  readonly aggregates?: string;
  readonly rules?: string;
}

interface BindingRow {
  readonly name: string;
  readonly role: string;
  readonly subjects: string;
}

const controllerPrefix = 'system:controller:';
const rbacGroup = 'rbac.authorization.k8s.io';
export const autoupdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate';

const reading = ['get', 'list', 'watch'];
const writing = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const verbSets: Readonly<Record<string, readonly string[]>> = {
  r: reading,
  w: writing,
  rw: [...reading, ...writing],
};

/** What our own loops and servers need beside upstream's roles. */
const ownRoles: readonly RoleRow[] = [
  {
    name: 'timonier:cloud-controller-manager',
    rules:
      'rw core: nodes; patch,update core: nodes/status; r,patch,update core: services; patch,update core: services/status; r core: pods configmaps secrets endpoints; rw coordination.k8s.io: leases; create,patch,update core+events.k8s.io: events; create core: serviceaccounts/token',
  },
  {
    name: 'timonier:dns',
    rules:
      'r core: endpoints services namespaces nodes pods; r discovery.k8s.io: endpointslices; create,patch,update core+events.k8s.io: events',
  },
  {
    name: 'timonier:cluster-dns',
    rules: 'r,create,patch,update core: services; r,create,patch,update discovery.k8s.io: endpointslices',
  },
  { name: 'timonier:proxy', rules: 'r core: endpoints services; r discovery.k8s.io: endpointslices' },
];

/** As kubeadm has it: a host that is to join may read, before anyone knows it, which cluster this is. */
const discovery = 'kube-public/kubeadm:bootstrap-signer-clusterinfo';
const ownNamespacedRoles = [{ name: discovery, rules: 'get core: configmaps (cluster-info)' }];

const ownBindings: readonly BindingRow[] = [
  { name: discovery, role: 'Role kubeadm:bootstrap-signer-clusterinfo', subjects: 'user system:anonymous' },
  {
    name: 'timonier:controllers',
    role: 'ClusterRole timonier:controllers',
    subjects: 'user system:kube-controller-manager',
  },
  {
    name: 'timonier:cluster-dns',
    role: 'ClusterRole timonier:cluster-dns',
    subjects: 'user system:kube-controller-manager',
  },
  {
    name: 'timonier:cloud-controller-manager',
    role: 'ClusterRole timonier:cloud-controller-manager',
    subjects: 'user system:cloud-controller-manager',
  },
  { name: 'timonier:dns', role: 'ClusterRole timonier:dns', subjects: 'user system:kube-dns' },
  { name: 'timonier:proxy', role: 'ClusterRole timonier:proxy', subjects: 'user system:kube-proxy' },
];

export const bootstrapPolicy: BootstrapPolicy = readPolicy();

function readPolicy(): BootstrapPolicy {
  const rows: readonly RoleRow[] = data.clusterRoles;
  const controllers = rows.filter(({ name }) => name.startsWith(controllerPrefix));
  // The controllers share one identity here; it may do what all of them may.
  const together = {
    name: 'timonier:controllers',
    rules: unique(controllers.flatMap(({ rules = '' }) => rules.split('; '))).join('; '),
  };
  const bindings: readonly BindingRow[] = [
    ...data.bindings,
    ...controllers.map(({ name }) => ({
      name,
      role: `ClusterRole ${name}`,
      subjects: `sa kube-system/${name.slice(controllerPrefix.length)}`,
    })),
    ...ownBindings,
  ];
  return {
    clusterRoles: [...rows, ...ownRoles, together].map((row) => clusterRoleOf(row, rows)),
    roles: [...data.roles, ...ownNamespacedRoles].map((row) => {
      const { name, namespace } = splitName(row.name);
      return { ...roleType('Role'), metadata: metadataOf(name, namespace), rules: parseRules(row.rules) };
    }),
    clusterRoleBindings: bindings
      .filter(({ name }) => !name.includes('/'))
      .map((row) => ({
        ...roleType('ClusterRoleBinding'),
        metadata: metadataOf(row.name),
        ...bindingContent(row),
      })),
    roleBindings: bindings
      .filter(({ name }) => name.includes('/'))
      .map((row) => {
        const { name, namespace } = splitName(row.name);
        return {
          ...roleType('RoleBinding'),
          metadata: metadataOf(name, namespace),
          ...bindingContent(row, namespace),
        };
      }),
  };
}

function clusterRoleOf(row: RoleRow, rows: readonly RoleRow[]): ClusterRole {
  const base = { ...roleType('ClusterRole'), metadata: metadataOf(row.name, undefined, row.label) };
  if (row.aggregates === undefined) return { ...base, rules: parseRules(row.rules ?? '') };
  const [label = '', value = ''] = row.aggregates.split('=');
  return {
    ...base,
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: value } }] },
    rules: parseRules(aggregated(row.aggregates, rows).join('; ')),
  };
}

/** The rules of all roles with a label; those that aggregate others themselves included. */
function aggregated(label: string, rows: readonly RoleRow[]): readonly string[] {
  return rows
    .filter((row) => row.label === label)
    .flatMap((row) =>
      row.aggregates === undefined ? (row.rules ?? '').split('; ') : aggregated(row.aggregates, rows),
    );
}

function bindingContent(
  { role, subjects }: BindingRow,
  namespace?: string,
): Pick<RoleBinding, 'roleRef' | 'subjects'> {
  const [kind = '', name = ''] = role.split(' ');
  return {
    roleRef: { apiGroup: rbacGroup, kind: namespace === undefined ? 'ClusterRole' : kind, name },
    ...(subjects === '(none)' ? {} : { subjects: subjects.split(', ').map(subjectOf) }),
  };
}

function subjectOf(text: string): Subject {
  const [kind = '', name = ''] = text.split(' ');
  if (kind === 'sa') {
    const [namespace = '', account = ''] = name.split('/');
    return { kind: 'ServiceAccount', name: account, namespace };
  }
  return { apiGroup: rbacGroup, kind: kind === 'group' ? 'Group' : 'User', name };
}

function parseRules(text: string): PolicyRule[] {
  return text.split('; ').map((rule) => {
    const [verbs = '', ...rest] = rule.split(' ');
    const allVerbs = verbs
      .split(',')
      .flatMap((verb) => verbSets[verb] ?? [verb])
      .sort();
    if (rest[0] === 'url') return { verbs: allVerbs, nonResourceURLs: rest.slice(1) };
    const match = /^([^:]+): ([^(]+?)(?: \(([^)]+)\))?$/.exec(rest.join(' '));
    if (match === null) throw new Error(`"${rule}" is not a rule`);
    const [, groups = '', resources = '', names] = match;
    return {
      verbs: allVerbs,
      apiGroups: groups.split('+').map((group) => (group === 'core' ? '' : group)),
      resources: resources.split(' '),
      ...(names === undefined ? {} : { resourceNames: names.split(' ') }),
    };
  });
}

function roleType(kind: string): { apiVersion: string; kind: string } {
  return { apiVersion: `${rbacGroup}/v1`, kind };
}

function metadataOf(name: string, namespace?: string, label?: string): NonNullable<Role['metadata']> {
  const [key = '', value = ''] = label?.split('=') ?? [];
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: {
      'kubernetes.io/bootstrapping': 'rbac-defaults',
      ...(label === undefined ? {} : { [key]: value }),
    },
    annotations: { [autoupdateAnnotation]: 'true' },
  };
}

function splitName(text: string): { name: string; namespace: string } {
  const slash = text.indexOf('/');
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)];
}
