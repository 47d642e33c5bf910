/** Pods and what makes pods, against every check of the pod security standards, in every mode and in several versions. */
import type { Comparison } from '../../comparison.ts';
import { makeNamespace } from '../world.ts';

type Json = Record<string, unknown>;

const prefix = 'pod-security.kubernetes.io';

/** Changes of the security that a container has. */
const containers: Readonly<Record<string, Json>> = {
  nothing: {},
  privileged: { securityContext: { privileged: true } },
  'not privileged': { securityContext: { privileged: false } },
  'added capabilities': { securityContext: { capabilities: { add: ['NET_ADMIN', 'SYS_TIME', 'CHOWN'] } } },
  'dropped capabilities': { securityContext: { capabilities: { drop: ['CHOWN'] } } },
  'all capabilities dropped and one added': {
    securityContext: { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } },
  },
  'all capabilities dropped and another added': {
    securityContext: { capabilities: { drop: ['ALL'], add: ['CHOWN', 'NET_RAW'] } },
  },
  escalation: { securityContext: { allowPrivilegeEscalation: true } },
  'no escalation': { securityContext: { allowPrivilegeEscalation: false } },
  root: { securityContext: { runAsUser: 0 } },
  'not root': { securityContext: { runAsNonRoot: true } },
  'maybe root': { securityContext: { runAsNonRoot: false } },
  'an unconfined profile': { securityContext: { seccompProfile: { type: 'Unconfined' } } },
  'a default profile': { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } },
  'a profile of a file': {
    securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'x.json' } },
  },
  'unconfined by AppArmor': { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
  'an SELinux type': { securityContext: { seLinuxOptions: { type: 'spc_t' } } },
  'an SELinux user and role': { securityContext: { seLinuxOptions: { user: 'a', role: 'b', level: 'c' } } },
  'an unmasked proc': { securityContext: { procMount: 'Unmasked' } },
  'host ports': {
    ports: [
      { containerPort: 80, hostPort: 80 },
      { containerPort: 81, hostPort: 81 },
    ],
  },
  'a host process': { securityContext: { windowsOptions: { hostProcess: true } } },
  'a probe of another host': { livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } },
  'a socket probe of another host': { readinessProbe: { tcpSocket: { host: 'example.com', port: 80 } } },
  'a hook on another host': { lifecycle: { preStop: { httpGet: { host: '1.2.3.4', port: 80 } } } },
};

const restricted = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

/** Changes of the pod itself, whose container follows the restricted standard. */
const pods: Readonly<Record<string, Json>> = {
  'nothing wrong': {},
  'the network of the host': { hostNetwork: true },
  'all of the host': { hostNetwork: true, hostPID: true, hostIPC: true },
  'a path of the host': {
    volumes: [
      { name: 'a', hostPath: { path: '/' } },
      { name: 'b', hostPath: { path: '/x' } },
    ],
  },
  'restricted volumes': {
    volumes: [
      { name: 'a', nfs: { server: 'x', path: '/' } },
      { name: 'b', iscsi: { targetPortal: 'x', iqn: 'iqn.2001-04.com.example:x', lun: 0 } },
      { name: 'c', emptyDir: {} },
      { name: 'd', gcePersistentDisk: { pdName: 'x' } },
    ],
  },
  'harmless volumes': {
    volumes: [
      { name: 'a', emptyDir: {} },
      { name: 'b', configMap: { name: 'x' } },
    ],
  },
  root: { securityContext: { runAsUser: 0 } },
  'maybe root': { securityContext: { runAsNonRoot: false } },
  'unsafe sysctls': {
    securityContext: {
      sysctls: [
        { name: 'kernel.msgmax', value: '1' },
        { name: 'net.core.somaxconn', value: '1' },
      ],
    },
  },
  'safe sysctls': {
    securityContext: {
      sysctls: [
        { name: 'kernel.shm_rmid_forced', value: '1' },
        { name: 'net.ipv4.tcp_keepalive_time', value: '1' },
        { name: 'net.ipv4.tcp_rmem', value: '1' },
      ],
    },
  },
  'an unconfined profile': { securityContext: { seccompProfile: { type: 'Unconfined' } } },
  'a bad SELinux type': { securityContext: { seLinuxOptions: { type: 'x', user: 'y' } } },
  'a host process': { securityContext: { windowsOptions: { hostProcess: true } }, hostNetwork: true },
  'unconfined by AppArmor': { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
  windows: { os: { name: 'windows' } },
  'a user namespace': { hostUsers: false },
};

const annotated: Readonly<Record<string, Json>> = {
  'unconfined by an annotation': { 'container.apparmor.security.beta.kubernetes.io/one': 'unconfined' },
  'a profile by an annotation': { 'container.apparmor.security.beta.kubernetes.io/one': 'runtime/default' },
};

const pod = (name: string, spec: Json, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec,
});

const annotatedTemplate = {
  annotations: Object.fromEntries([['container.apparmor.security.beta.kubernetes.io/one', 'unconfined']]),
};

const one = (more: Json): Json => ({ containers: [{ name: 'one', image: 'a', ...more }] });

function templates(spec: Json): Readonly<Record<string, { path: string; object: Json }>> {
  const template = { metadata: { labels: { a: 'b' }, ...annotatedTemplate }, spec };
  const selector = { matchLabels: { a: 'b' } };
  const of = (apiVersion: string, kind: string, path: string, own: Json) => ({
    path,
    object: { apiVersion, kind, metadata: { name: 'made' }, spec: own },
  });
  const never = { ...template, spec: { ...spec, restartPolicy: 'Never' } };
  return {
    Deployment: of('apps/v1', 'Deployment', '/apis/apps/v1', { selector, template }),
    ReplicaSet: of('apps/v1', 'ReplicaSet', '/apis/apps/v1', { selector, template }),
    DaemonSet: of('apps/v1', 'DaemonSet', '/apis/apps/v1', { selector, template }),
    StatefulSet: of('apps/v1', 'StatefulSet', '/apis/apps/v1', { selector, template, serviceName: 'x' }),
    ReplicationController: of('v1', 'ReplicationController', '/api/v1', { selector: { a: 'b' }, template }),
    Job: of('batch/v1', 'Job', '/apis/batch/v1', { template: never }),
    CronJob: of('batch/v1', 'CronJob', '/apis/batch/v1', {
      schedule: '@daily',
      jobTemplate: { spec: { template: never } },
    }),
    PodTemplate: {
      path: '/api/v1',
      object: { apiVersion: 'v1', kind: 'PodTemplate', metadata: { name: 'made' }, template },
    },
  };
}

export async function podSecurityScript(comparison: Comparison): Promise<void> {
  for (const level of ['baseline', 'restricted'])
    await makeNamespace(comparison, `pss-${level}`, { [`${prefix}/enforce`]: level });
  await makeNamespace(comparison, 'pss-told', {
    [`${prefix}/audit`]: 'restricted',
    [`${prefix}/warn`]: 'restricted',
    [`${prefix}/warn-version`]: 'latest',
  });
  await makeNamespace(comparison, 'pss-both', {
    [`${prefix}/enforce`]: 'baseline',
    [`${prefix}/enforce-version`]: 'v1.20',
    [`${prefix}/warn`]: 'restricted',
    [`${prefix}/warn-version`]: 'v1.22',
  });
  const calls: { title: string; call: { method: string; path: string; body: unknown } }[] = [];
  for (const where of ['pss-baseline', 'pss-restricted', 'pss-told', 'pss-both']) {
    const post = (title: string, body: Json): void =>
      void calls.push({
        title: `${where}: ${title}`,
        call: { method: 'POST', path: `/api/v1/namespaces/${where}/pods?dryRun=All`, body },
      });
    for (const [title, more] of Object.entries(containers)) {
      post(`container, ${title}`, pod('one', one(more)));
      post(
        `init container, ${title}`,
        pod('one', {
          ...one({ securityContext: restricted }),
          initContainers: [
            {
              name: 'init',
              image: 'a',
              ...more,
              lifecycle: undefined,
              livenessProbe: undefined,
              readinessProbe: undefined,
            },
          ],
        }),
      );
    }
    post(
      'wrong from the beginning',
      pod('one', {
        ...one({
          ports: [
            { containerPort: 9, hostPort: 9 },
            { containerPort: 80, hostPort: 8080 },
          ],
        }),
        initContainers: [
          {
            name: 'init',
            image: 'a',
            securityContext: {
              privileged: true,
              runAsNonRoot: false,
              seLinuxOptions: { type: 'b', user: 'c' },
            },
            ports: [{ containerPort: 80, hostPort: 80 }],
          },
        ],
        securityContext: {
          runAsNonRoot: false,
          runAsUser: 0,
          seLinuxOptions: { type: 'a', role: 'x' },
          seccompProfile: { type: 'Unconfined' },
          appArmorProfile: { type: 'Unconfined' },
        },
      }),
    );
    post(
      'a user namespace with more',
      pod('one', { ...one({ securityContext: { procMount: 'Unmasked' } }), hostUsers: false }),
    );
    post(
      'root in a user namespace',
      pod('one', {
        ...one({ securityContext: { runAsUser: 0 } }),
        hostUsers: false,
        securityContext: { runAsNonRoot: false },
      }),
    );
    post(
      'a probe of itself',
      pod(
        'one',
        one({
          livenessProbe: { tcpSocket: { host: '127.0.0.1', port: 80 } },
          startupProbe: { httpGet: { host: 'localhost', port: 80 } },
        }),
      ),
    );
    post(
      'two containers',
      pod('one', {
        containers: ['one', 'two', 'three'].map((name) => ({
          name,
          image: 'a',
          securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'] } },
        })),
        hostPID: true,
      }),
    );
    for (const [title, more] of Object.entries(pods))
      post(`pod, ${title}`, pod('one', { ...one({ securityContext: restricted }), ...more }));
    for (const [title, annotations] of Object.entries(annotated))
      post(title, pod('one', one({ securityContext: restricted }), { annotations }));
    for (const [kind, { path, object }] of Object.entries(
      templates(one({ securityContext: { privileged: true } })),
    ))
      calls.push({
        title: `${where}: ${kind}`,
        call: {
          method: 'POST',
          path: `${path}/namespaces/${where}/${kind.toLowerCase()}s?dryRun=All`,
          body: object,
        },
      });
  }
  await comparison.all(calls);
  await changes(comparison);
  await labels(comparison);
}

/** Of pods that are there: what is checked again, and containers for debugging. */
async function changes(comparison: Comparison): Promise<void> {
  const path = '/api/v1/namespaces/pss-restricted/pods';
  await comparison.both('a pod', {
    method: 'POST',
    path,
    body: pod('right', one({ securityContext: restricted })),
  });
  await comparison.compare('a label of a right pod', {
    method: 'PATCH',
    path: `${path}/right`,
    body: { metadata: { labels: { a: 'b' } } },
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  for (const [title, more] of Object.entries({
    wrong: {},
    right: { securityContext: restricted },
    privileged: { securityContext: { privileged: true } },
  }))
    await comparison.compare(`a ${title} container for debugging`, {
      method: 'PATCH',
      path: `${path}/right/ephemeralcontainers?dryRun=All`,
      body: { spec: { ephemeralContainers: [{ name: 'debug', image: 'x', ...more }] } },
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
    });
}

/** Labels of namespaces: wrong ones, and what a tighter standard says of pods that are there. */
async function labels(comparison: Comparison): Promise<void> {
  await makeNamespace(comparison, 'pss-later');
  const path = '/api/v1/namespaces/pss-later/pods';
  for (const [name, more] of Object.entries({
    a: { securityContext: { privileged: true } },
    b: { securityContext: { privileged: true } },
    c: {},
    d: { ports: [{ containerPort: 80, hostPort: 80 }] },
  }))
    await comparison.both(name, { method: 'POST', path, body: pod(name, one(more)) });
  const some: readonly Readonly<Record<string, string>>[] = [
    { enforce: 'baseline' },
    { enforce: 'restricted' },
    { enforce: 'restricted', 'enforce-version': 'v1.24' },
    { enforce: 'what' },
    { enforce: '' },
    { warn: 'Baseline' },
    { audit: 'x', warn: 'y', enforce: 'z' },
    { 'enforce-version': 'v1' },
    { 'enforce-version': '1.30', 'warn-version': 'v1.999', 'audit-version': 'newest' },
    { enforce: 'baseline', 'enforce-version': 'v1.999' },
    { what: 'baseline' },
    { enforce: 'privileged' },
    { 'warn-version': 'v01.2' },
    { enforce: 'what', 'enforce-version': 'latest' },
  ];
  for (const own of some)
    await comparison.compare(`a namespace with ${JSON.stringify(own)}`, {
      method: 'PATCH',
      path: '/api/v1/namespaces/pss-later?dryRun=All',
      body: {
        metadata: { labels: Object.fromEntries(Object.entries(own).map(([k, v]) => [`${prefix}/${k}`, v])) },
      },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
  for (const own of some)
    await comparison.compare(`a new namespace with ${JSON.stringify(own)}`, {
      method: 'POST',
      path: '/api/v1/namespaces?dryRun=All',
      body: {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: 'pss-new',
          labels: Object.fromEntries(Object.entries(own).map(([k, v]) => [`${prefix}/${k}`, v])),
        },
      },
    });
}
