import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@timonier/api';
import { refusalOf } from './admission.ts';

const capacity = { pods: 3, cpuMilli: 2_000, memoryBytes: 1 << 30 };

function pod(cpu: string, memory: string, rest: Partial<Pod> = {}): Pod {
  return {
    spec: { containers: [{ name: 'c', resources: { requests: { cpu, memory } } }] },
    ...rest,
  };
}

test('a pod that fits is let in, also when it fills the node', () => {
  assert.equal(refusalOf(pod('1', '512Mi'), [pod('1', '512Mi')], capacity), undefined);
});

test('a pod that does not fit is refused with the resource that is short', () => {
  assert.equal(refusalOf(pod('1100m', '1Mi'), [pod('1', '1Mi')], capacity)?.reason, 'OutOfcpu');
  assert.equal(refusalOf(pod('1', '1Gi'), [pod('1', '1Mi')], capacity)?.reason, 'OutOfmemory');
  const small = pod('0', '0');
  assert.equal(refusalOf(small, [small, small, small], capacity)?.reason, 'OutOfpods');
});

test('pods that have ended need nothing any more, and pods that ask for nothing fit a full node', () => {
  const done = pod('2', '1Gi', { status: { phase: 'Succeeded' } });
  assert.equal(refusalOf(pod('2', '1Gi'), [done, done, done], capacity), undefined);
  assert.equal(refusalOf(pod('0', '0'), [pod('3', '2Gi')], capacity), undefined);
});

test('init containers count by the busiest, sidecars beside everything after them', () => {
  const resources = (cpu: string) => ({ requests: { cpu } });
  const of = (side: string, init: string, main: string): Pod => ({
    spec: {
      initContainers: [
        { name: 's', restartPolicy: 'Always', resources: resources(side) },
        { name: 'i', resources: resources(init) },
      ],
      containers: [{ name: 'm', resources: resources(main) }],
    },
  });
  assert.equal(refusalOf(of('500m', '1500m', '1'), [], capacity), undefined);
  assert.equal(refusalOf(of('600m', '1500m', '1'), [], capacity)?.reason, 'OutOfcpu');
  assert.equal(refusalOf(of('600m', '1', '1500m'), [], capacity)?.reason, 'OutOfcpu');
});

test('a pod whose port of the host another one has is refused, and one at another address is not', () => {
  const at = (hostPort: number, more: object = {}): Pod => ({
    spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort, ...more }] }] },
  });
  const refused = refusalOf(at(8080), [at(8080)], capacity);
  assert.equal(refused?.reason, 'NodePorts');
  assert.match(
    refused?.message ?? '',
    /^Pod was rejected: Predicate NodePorts failed: node\(s\) didn't have free/,
  );
  assert.equal(refusalOf(at(8080, { hostIP: '10.0.0.1' }), [at(8080)], capacity)?.reason, 'NodePorts');
  const others = [at(8081), at(8080, { protocol: 'UDP' }), at(8080, { hostIP: '10.0.0.2' })];
  assert.equal(refusalOf(at(8080, { hostIP: '10.0.0.1' }), others.slice(0, 2), capacity), undefined);
  assert.equal(refusalOf(at(8080, { hostIP: '10.0.0.1' }), others.slice(2), capacity), undefined);
  const done = { ...at(8080), status: { phase: 'Succeeded' as const } };
  assert.equal(refusalOf(at(8080), [done], capacity), undefined);
});
