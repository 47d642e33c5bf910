/** Autoscalers written in one version and read in the other: metrics and pace that version 1 has in annotations only. */
import type { Comparison } from '../../comparison.ts';
import { get, inTurn, patch, post, put, tables } from './world.ts';

type Json = Record<string, unknown>;

const at = (version: string): string =>
  `/apis/autoscaling/${version}/namespaces/clients/horizontalpodautoscalers`;
const carrier = 'autoscaling.alpha.kubernetes.io';
const reference = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' };
const metric = { name: 'm', selector: { matchLabels: { a: 'b' } } };
const of = (name: string, spec: Json = {}, annotations: Json = {}): Json => ({
  metadata: { name, annotations: { kept: 'x', ...annotations } },
  spec: { maxReplicas: 3, scaleTargetRef: reference, ...spec },
});

const cpu = (target: Json): Json => ({ type: 'Resource', resource: { name: 'cpu', target } });
const metrics = [
  cpu({ type: 'Utilization', averageUtilization: 50 }),
  cpu({ type: 'Utilization', averageUtilization: 60 }),
  cpu({ type: 'AverageValue', averageValue: '100m' }),
  { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: '1k' } } },
  ...[
    { type: 'Value', value: '3' },
    { type: 'AverageValue', averageValue: '3' },
  ].flatMap((target) => [
    { type: 'Object', object: { describedObject: reference, metric, target } },
    { type: 'External', external: { metric, target } },
  ]),
  {
    type: 'ContainerResource',
    containerResource: {
      name: 'memory',
      container: 'c',
      target: { type: 'Utilization', averageUtilization: 7 },
    },
  },
];
const behavior = {
  scaleUp: {
    stabilizationWindowSeconds: 5,
    selectPolicy: 'Min',
    policies: [{ type: 'Pods', value: 3, periodSeconds: 15 }],
  },
  scaleDown: { tolerance: '0.2' },
};

/** What annotations may say instead. */
const texts: Readonly<Record<string, string>> = {
  brace: '{',
  object: '{"a":1}',
  numbers: '[1]',
  nothing: '[]',
  null: 'null',
  text: '"x"',
  odd: '[{"type":"Odd"}]',
  memory: '[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":5}}]',
  unknown: '[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":5,"z":1},"q":2}]',
  wrong: '[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":"5"}}]',
  pace: '{"ScaleUp":{"SelectPolicy":"Disabled","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":1}]}}',
  'odd-pace': '{"scaleUp":{"selectPolicy":"Odd"}}',
};

export async function autoscalers(comparison: Comparison): Promise<void> {
  await inTurn(comparison, {
    'made in version 2': post(at('v2'), of('scaler', { metrics, behavior })),
    'read in version 1': get(`${at('v1')}/scaler`),
    'listed in version 1': get(at('v1'), tables),
    'put back in version 1': (side) => {
      const seen = side.saw('read in version 1');
      return put(`${at('v1')}/scaler`, {
        ...seen,
        metadata: { ...seen?.metadata, labels: { by: 'version-1' } },
      });
    },
    'read in version 2': get(`${at('v2')}/scaler`),
    'changed in version 1': patch('merge', `${at('v1')}/scaler`, {
      spec: { targetCPUUtilizationPercentage: 70 },
    }),
    'read in version 2 again': get(`${at('v2')}/scaler`),
    'an annotation changed alone': patch('merge', `${at('v1')}/scaler`, {
      metadata: { annotations: { [`${carrier}/metrics`]: texts['odd'] } },
    }),
    'made in version 1': post(at('v1'), of('old')),
    'read in version 2 then': get(`${at('v2')}/old`),
    'status in version 1': patch('merge', `${at('v1')}/old/status`, {
      status: { currentReplicas: 2, desiredReplicas: 3, currentCPUUtilizationPercentage: 7 },
    }),
    'status in version 2': get(`${at('v2')}/old`),
  });
  for (const [title, text] of Object.entries(texts))
    for (const which of ['metrics', 'behavior']) {
      const name = `${title}-${which}`;
      const annotations = { [`${carrier}/${which}`]: text };
      await inTurn(comparison, {
        [`${name}: made in version 1`]: post(at('v1'), of(name, {}, annotations)),
        [`${name}: read in version 1`]: get(`${at('v1')}/${name}`),
        [`${name}: read in version 2`]: get(`${at('v2')}/${name}`),
        [`${name}: made in version 2`]: post(at('v2'), of(`${name}-2`, {}, annotations)),
      });
    }
}
