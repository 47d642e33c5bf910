import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { podWarnings } from './pod-warnings.ts';
import { type Meeting, type SeenPort, SeenPorts } from './seen-ports.ts';

const port: fc.Arbitrary<SeenPort> = fc.record({
  path: fc.constantFrom('a', 'b', 'c'),
  hostIP: fc.constantFrom('', '10.0.0.1', '10.0.0.2'),
  hostPort: fc.constantFrom(0, 80, 81),
});

/** Upstream's words for two ports, each compared with each. */
function compared(one: SeenPort, other: SeenPort): Meeting | undefined {
  if (one.hostIP === other.hostIP && one.hostPort === other.hostPort) return 'duplicate';
  if (one.hostPort === 0 || other.hostPort === 0) return 'overlapping';
  const isOneOpen = (one.hostIP === '') !== (other.hostIP === '');
  return one.hostPort === other.hostPort && isOneOpen ? 'dangerously ambiguous' : undefined;
}

test('a port meets those that it meets when it is compared with every other', () => {
  fc.assert(
    fc.property(fc.array(port, { maxLength: 12 }), port, fc.nat(12), (ports, one, most) => {
      const seen = new SeenPorts();
      for (const other of ports) seen.add(other);
      const met = ports.flatMap((other) => {
        const what = compared(one, other);
        return what === undefined ? [] : [[what, other.path]];
      });
      assert.deepEqual(
        seen.meeting(one, most).map(([what, { path }]) => [what, path]),
        met.slice(0, most),
      );
    }),
    { numRuns: 500 },
  );
});

test('ports that are all the same are not told of in pairs', () => {
  const ports = Array.from({ length: 400 }, () => ({ containerPort: 80, protocol: 'TCP' as const }));
  const warnings = podWarnings({ containers: [{ name: 'c', ports }] }, {}, '');
  assert.equal(
    warnings[0],
    'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
  );
  assert.ok(warnings.length <= 100, `${warnings.length} warnings`);
});
