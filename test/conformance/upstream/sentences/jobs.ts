/** What ends: Jobs; and what scales by itself. */
import { expect } from '../../../acceptance/wait.ts';
import { podTemplate, workload } from '../manifests.ts';
import { isTrue, type Json, type Sentence } from '../world.ts';

export const jobs = (namespace: string): string => `/apis/batch/v1/namespaces/${namespace}/jobs`;

export function job(name: string, command: string, spec: Readonly<Record<string, unknown>>) {
  const template = podTemplate({ command: [command], spec: { restartPolicy: 'Never' } });
  return { metadata: { name }, spec: { template, ...spec } };
}

export const jobSentences: readonly Sentence[] = [
  {
    name: 'a Job runs as many pods as it wants to complete, never more at once than it may, and is removed by its time to live',
    run: async (world, namespace) => {
      const spec = { completions: 4, parallelism: 2, ttlSecondsAfterFinished: 3 };
      await world.create(jobs(namespace), job('sum', 'true', spec));
      let most = 0;
      const done = await world.shows(`${jobs(namespace)}/sum`, 'it is complete', (json) => {
        most = Math.max(most, json.status.active ?? 0);
        return isTrue(json, 'Complete');
      });
      expect(done.status.succeeded === 4, `${done.status.succeeded} succeeded`);
      expect(most <= 2, `${most} ran at once`);
      expect(
        isTrue(done, 'SuccessCriteriaMet') && done.status.completionTime !== undefined,
        'its status is whole',
      );
      expect(done.status.uncountedTerminatedPods !== undefined, 'it counts its pods by their finalizers');
      await world.gone(`${jobs(namespace)}/sum`);
      await world.shows(
        `/api/v1/namespaces/${namespace}/pods`,
        'its pods go with it',
        ({ items }) => items.length === 0,
      );
    },
  },
  {
    name: 'a Job gives up after its backoff limit, and one with a deadline when that has passed',
    run: async (world, namespace) => {
      await world.create(jobs(namespace), job('broken', 'false', { backoffLimit: 1 }));
      const failed = await world.shows(
        `${jobs(namespace)}/broken`,
        'it has failed',
        (json) => isTrue(json, 'Failed'),
        90_000,
      );
      const reason = failed.status.conditions.find(({ type }: Json) => type === 'Failed').reason;
      expect(
        reason === 'BackoffLimitExceeded' && failed.status.failed === 2,
        `${reason}, ${failed.status.failed} pods`,
      );
      await world.create(jobs(namespace), job('endless', 'sleep', { activeDeadlineSeconds: 2 }));
      await world.shows(`${jobs(namespace)}/endless`, 'its deadline is exceeded', (json) =>
        json.status.conditions?.some(
          (one: Json) => one.type === 'Failed' && one.reason === 'DeadlineExceeded',
        ),
      );
    },
  },
  {
    name: 'an indexed Job gives each pod its number, and a pod failure policy ends one early',
    run: async (world, namespace) => {
      await world.create(
        jobs(namespace),
        job('indexed', 'true', { completions: 3, parallelism: 3, completionMode: 'Indexed' }),
      );
      const done = await world.shows(`${jobs(namespace)}/indexed`, 'it is complete', (json) =>
        isTrue(json, 'Complete'),
      );
      expect(done.status.completedIndexes === '0-2', `completed: ${done.status.completedIndexes}`);
      const podFailurePolicy = {
        rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } }],
      };
      await world.create(jobs(namespace), job('judged', 'false', { backoffLimit: 5, podFailurePolicy }));
      await world.shows(`${jobs(namespace)}/judged`, 'the policy ends it', (json) =>
        json.status.conditions?.some(
          (one: Json) => one.type === 'Failed' && one.reason === 'PodFailurePolicy',
        ),
      );
    },
  },
  {
    name: 'a suspended Job waits, and runs when it is let go',
    run: async (world, namespace) => {
      await world.create(jobs(namespace), job('later', 'true', { suspend: true }));
      await world.shows(`${jobs(namespace)}/later`, 'it is suspended', (json) => isTrue(json, 'Suspended'));
      await world.patch(`${jobs(namespace)}/later`, { spec: { suspend: false } });
      await world.shows(`${jobs(namespace)}/later`, 'it is complete', (json) => isTrue(json, 'Complete'));
    },
  },
  {
    name: 'an autoscaler without metrics says so in its conditions, and keeps the number of pods within its limits',
    run: async (world, namespace) => {
      const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
      await world.create(deployments, workload('Deployment', 'load', { replicas: 1 }, { cpu: '100m' }));
      const path = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`;
      await world.create(path, {
        metadata: { name: 'load' },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'load' },
          minReplicas: 2,
          maxReplicas: 4,
          metrics: [
            {
              type: 'Resource',
              resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
            },
          ],
        },
      });
      await world.shows(
        `${deployments}/load`,
        'it has the least number of pods',
        ({ spec, status }) => spec.replicas === 2 && status.readyReplicas === 2,
      );
      await world.shows(
        `${path}/load`,
        'it can scale and has no metrics',
        (json) => isTrue(json, 'AbleToScale') && isTrue(json, 'ScalingActive', 'False'),
      );
    },
  },
];
