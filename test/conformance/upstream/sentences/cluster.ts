/** What every cluster has: namespaces that end, garbage, accounts, roles, quotas and policies. */
import { expect, until } from '../../../acceptance/wait.ts';
import { createClient } from '@timonier/client';
import { readFileSync } from 'node:fs';
import { podTemplate, workload } from '../manifests.ts';
import { type Json, type Sentence, waitMs } from '../world.ts';

const configmaps = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;

export const cluster: readonly Sentence[] = [
  {
    name: 'a namespace that is deleted loses all that is in it, and waits for finalizers of others',
    run: async (world, namespace) => {
      const own = `${namespace}-ends`;
      const path = `/api/v1/namespaces/${own}`;
      await world.create('/api/v1/namespaces', { metadata: { name: own } });
      await world.shows(`${path}/serviceaccounts/default`, 'it has its account', () => true);
      await world.create(configmaps(own), {
        metadata: { name: 'held', finalizers: ['example.com/hold'] },
      });
      await world.create(configmaps(own), { metadata: { name: 'free' } });
      await world.create(
        `/apis/apps/v1/namespaces/${own}/deployments`,
        workload('Deployment', 'web', { replicas: 2 }),
      );
      await world.create(`${path}/services`, { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } });
      await world.shows(`${path}/pods`, 'its pods run', ({ items }) => items.length === 2);
      await world.remove(path);
      await world.gone(`${configmaps(own)}/free`);
      await world.shows(path, 'it says what it waits for', ({ status }) =>
        ['NamespaceContentRemaining', 'NamespaceFinalizersRemaining'].every((type) =>
          status.conditions?.some((one: Json) => one.type === type && one.status === 'True'),
        ),
      );
      await world.ask(403, 'POST', configmaps(own), { metadata: { name: 'late' } });
      await world.patch(`${configmaps(own)}/held`, { metadata: { finalizers: null } });
      await world.gone(path);
    },
  },
  {
    name: 'dependents go in the background, in the foreground before their owner, or stay as orphans',
    run: async (world, namespace) => {
      const sets = `/apis/apps/v1/namespaces/${namespace}/replicasets`;
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      const start = async (name: string): Promise<void> => {
        await world.create(sets, workload('ReplicaSet', name, { replicas: 2 }));
        await world.shows(
          `${sets}/${name}`,
          'its pods are ready',
          ({ status }) => status.readyReplicas === 2,
        );
      };
      const left = async (name: string): Promise<number> =>
        (await world.pods(namespace, `app=${name}`)).length;
      await start('background');
      await world.remove(`${sets}/background`, 'Background');
      expect((await world.status(`${sets}/background`)) === 404, 'the owner is gone at once');
      await until('its pods are gone', waitMs, async () =>
        (await left('background')) === 0 ? true : undefined,
      );

      await start('foreground');
      const [blocker] = await world.pods(namespace, 'app=foreground');
      const held = `${pods}/${blocker.metadata.name}`;
      await world.patch(held, { metadata: { finalizers: ['example.com/hold'] } });
      await world.remove(`${sets}/foreground`, 'Foreground');
      await until('one pod is left', waitMs, async () =>
        (await left('foreground')) === 1 ? true : undefined,
      );
      const owner = await world.get(`${sets}/foreground`);
      expect(owner.metadata.finalizers.includes('foregroundDeletion'), 'the owner waits for it');
      await world.patch(held, { metadata: { finalizers: null } });
      await world.gone(`${sets}/foreground`);
      expect((await left('foreground')) === 0, 'no pod outlives it');

      await start('orphaned');
      await world.remove(`${sets}/orphaned`, 'Orphan');
      await world.gone(`${sets}/orphaned`);
      const orphans = await world.pods(namespace, 'app=orphaned');
      expect(
        orphans.length === 2 && orphans.every(({ metadata }) => metadata.ownerReferences === undefined),
        'two pods are left without an owner',
      );
    },
  },
  {
    name: 'garbage is found among custom resources, too',
    run: async (world, namespace) => {
      const group = `${namespace}.example.com`;
      await world.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
        metadata: { name: `things.${group}` },
        spec: {
          group,
          scope: 'Namespaced',
          names: { plural: 'things', singular: 'thing', kind: 'Thing' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          ],
        },
      });
      const things = `/apis/${group}/v1/namespaces/${namespace}/things`;
      await until('things are served', waitMs, async () =>
        (await world.status(things)) === 200 ? true : undefined,
      );
      const thing = (name: string, owner?: Json) => ({
        apiVersion: `${group}/v1`,
        kind: 'Thing',
        metadata: {
          name,
          ...(owner === undefined
            ? {}
            : {
                ownerReferences: [
                  {
                    apiVersion: `${group}/v1`,
                    kind: 'Thing',
                    name: owner.metadata.name,
                    uid: owner.metadata.uid,
                  },
                ],
              }),
        },
      });
      const owner = await world.create(things, thing('owner'));
      await world.create(things, thing('dependent', owner));
      await world.remove(`${things}/owner`);
      await world.gone(`${things}/dependent`);
      await world.remove(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.${group}`);
    },
  },
  {
    name: 'every namespace has an account and the authority of the cluster, and gets them back',
    run: async (world, namespace) => {
      const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
      const first = await world.shows(account, 'it has an account', () => true);
      const root = `${configmaps(namespace)}/kube-root-ca.crt`;
      const ca = readFileSync(world.plane.pki.caFile, 'utf8');
      await world.shows(root, 'it has the authority', ({ data }) => data['ca.crt'] === ca);
      await world.remove(account);
      await world.remove(root);
      await world.shows(
        account,
        'it has another account',
        ({ metadata }) => metadata.uid !== first.metadata.uid,
      );
      await world.shows(root, 'it has the authority again', ({ data }) => data['ca.crt'] === ca);
    },
  },
  {
    name: 'a Secret for an account’s token is filled, the token works, and both go with the account',
    run: async (world, namespace) => {
      const core = `/api/v1/namespaces/${namespace}`;
      await world.create(`${core}/serviceaccounts`, { metadata: { name: 'robot' } });
      await world.create(`${core}/secrets`, {
        metadata: { name: 'robot', annotations: { 'kubernetes.io/service-account.name': 'robot' } },
        type: 'kubernetes.io/service-account-token',
      });
      const { data } = await world.shows(
        `${core}/secrets/robot`,
        'it is filled',
        (json) => json.data?.token !== undefined,
      );
      const token = Buffer.from(data.token as string, 'base64').toString();
      const robot = createClient({
        servers: [world.plane.url],
        ca: readFileSync(world.plane.pki.caFile),
        token,
      });
      try {
        const review = await world.ask(
          201,
          'POST',
          '/apis/authentication.k8s.io/v1/selfsubjectreviews',
          { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
          robot,
        );
        expect(
          review.status.userInfo.username === `system:serviceaccount:${namespace}:robot`,
          JSON.stringify(review.status),
        );
      } finally {
        await robot.close();
      }
      await world.remove(`${core}/serviceaccounts/robot`);
      await world.gone(`${core}/secrets/robot`);
    },
  },
  {
    name: 'the rules of an aggregated ClusterRole are those of all that it selects',
    run: async (world, namespace) => {
      const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
      const label = { [`example.com/${namespace}`]: 'true' };
      await world.create(roles, {
        metadata: { name: `${namespace}-whole` },
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: label }] },
        rules: [],
      });
      const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
      for (const resource of ['pods', 'secrets'])
        await world.create(roles, {
          metadata: { name: `${namespace}-${resource}`, labels: label },
          rules: [rule(resource)],
        });
      const named = ({ rules }: Json): string[] => (rules ?? []).flatMap((one: Json) => one.resources);
      await world.shows(`${roles}/${namespace}-whole`, 'it has both', (json) => named(json).length === 2);
      await world.remove(`${roles}/${namespace}-pods`);
      await world.shows(
        `${roles}/${namespace}-whole`,
        'it has the other one',
        (json) => named(json).join() === 'secrets',
      );
      await world.create(roles, {
        metadata: {
          name: `${namespace}-viewer`,
          labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' },
        },
        rules: [{ apiGroups: [namespace], resources: ['things'], verbs: ['get'] }],
      });
      for (const role of ['view', 'edit', 'admin'])
        await world.shows(`${roles}/${role}`, 'a default role has it', (json) =>
          json.rules.some((one: Json) => one.apiGroups?.includes(namespace)),
        );
      for (const one of ['whole', 'secrets', 'viewer']) await world.remove(`${roles}/${namespace}-${one}`);
    },
  },
  {
    name: 'a ResourceQuota counts what its namespace uses',
    run: async (world, namespace) => {
      const core = `/api/v1/namespaces/${namespace}`;
      await world.create(`${core}/resourcequotas`, {
        metadata: { name: 'all' },
        spec: { hard: { pods: '3', 'requests.cpu': '1', 'count/deployments.apps': '1', services: '1' } },
      });
      const quota = `${core}/resourcequotas/all`;
      await world.shows(quota, 'nothing is used', ({ status }) => status?.used?.pods === '0');
      const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
      await world.create(deployments, workload('Deployment', 'web', { replicas: 4 }, { cpu: '250m' }));
      await world.shows(
        quota,
        'three pods are used',
        ({ status: { used } }) =>
          used.pods === '3' && used['requests.cpu'] === '750m' && used['count/deployments.apps'] === '1',
      );
      await world.shows(`${deployments}/web`, 'the fourth is refused', ({ status }) =>
        status.conditions.some(
          (one: Json) => one.type === 'ReplicaFailure' && String(one.message).includes('exceeded quota: all'),
        ),
      );
      await world.ask(
        403,
        'POST',
        deployments,
        workload('Deployment', 'second', { replicas: 1 }, { cpu: '1m' }),
      );
      await world.remove(`${deployments}/web`);
      await world.shows(
        quota,
        'nothing is used any more',
        ({ status: { used } }) => used.pods === '0' && used['count/deployments.apps'] === '0',
      );
    },
  },
  {
    name: 'a ValidatingAdmissionPolicy is checked for its types, and its status says so',
    run: async (world, namespace) => {
      const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
      const policy = (name: string, expression: string) => ({
        metadata: { name },
        spec: {
          matchConstraints: {
            resourceRules: [
              {
                apiGroups: ['apps'],
                apiVersions: ['v1'],
                operations: ['CREATE'],
                resources: ['deployments'],
              },
            ],
          },
          validations: [{ expression }],
        },
      });
      const seen = ({ metadata, status }: Json): boolean =>
        status?.observedGeneration === metadata.generation && status.typeChecking !== undefined;
      await world.create(policies, policy(`${namespace}-right`, 'object.spec.replicas < 100'));
      const right = await world.shows(`${policies}/${namespace}-right`, 'it was checked', seen);
      expect(right.status.typeChecking.expressionWarnings === undefined, JSON.stringify(right.status));
      await world.create(policies, policy(`${namespace}-wrong`, 'object.spec.replicaz < 100'));
      const wrong = await world.shows(`${policies}/${namespace}-wrong`, 'it was checked', seen);
      expect(
        String(wrong.status.typeChecking.expressionWarnings?.[0]?.warning).includes('replicaz'),
        JSON.stringify(wrong.status),
      );
      for (const one of ['right', 'wrong']) await world.remove(`${policies}/${namespace}-${one}`);
    },
  },
  {
    name: 'the public description of the cluster is signed by bootstrap tokens until they expire',
    run: async (world) => {
      const info = `${configmaps('kube-public')}/cluster-info`;
      if ((await world.status(info)) === 404)
        await world.create(configmaps('kube-public'), {
          metadata: { name: 'cluster-info' },
          data: { kubeconfig: 'apiVersion: v1' },
        });
      const secrets = '/api/v1/namespaces/kube-system/secrets';
      await world.create(secrets, {
        metadata: { name: 'bootstrap-token-abcdef' },
        type: 'bootstrap.kubernetes.io/token',
        stringData: {
          'token-id': 'abcdef',
          'token-secret': '0123456789abcdef',
          'usage-bootstrap-signing': 'true',
        },
      });
      await world.shows(info, 'it is signed', ({ data }) => data['jws-kubeconfig-abcdef'] !== undefined);
      await world.patch(`${secrets}/bootstrap-token-abcdef`, {
        stringData: { expiration: new Date(Date.now() + 2_000).toISOString() },
      });
      await world.gone(`${secrets}/bootstrap-token-abcdef`);
      await world.shows(
        info,
        'the signature is gone',
        ({ data }) => data['jws-kubeconfig-abcdef'] === undefined,
      );
    },
  },
  {
    name: 'a pod of a node that never was is collected',
    run: async (world, namespace) => {
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      const { spec } = podTemplate({ spec: { nodeName: 'never-was', nodeSelector: {} } });
      await world.create(pods, { metadata: { name: 'stranded' }, spec });
      await world.gone(`${pods}/stranded`, 180_000);
    },
  },
];
