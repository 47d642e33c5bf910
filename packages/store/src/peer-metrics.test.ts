import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Exposition, parseExposition } from '../../../test/conformance/metrics/exposition.ts';
import { eventually, TestCluster } from './testing/processes.ts';

async function shownBy(cluster: TestCluster, name: string): Promise<Exposition> {
  return parseExposition(await (await fetch(`${cluster.endpoint(name)}/metrics`)).text());
}

/** Of all series of a metric, or of those with this label. */
function sum(exposition: Exposition, metric: string, label?: string, value?: string): number {
  return (exposition.get(metric)?.samples ?? [])
    .filter(
      ({ name, labels }) =>
        (name === metric || name === `${metric}_count`) && (label === undefined || labels[label] === value),
    )
    .reduce((total, { value: one }) => total + one, 0);
}

test('what alerts about members ask for rises when members are lost', async (t) => {
  const cluster = await TestCluster.create(3);
  t.after(() => cluster.remove());
  cluster.startAll();
  const leader = await cluster.leader();
  const [lost = '', other = ''] = cluster.names.filter((name) => name !== leader);
  const before = await eventually('both others have answered heartbeats', async () => {
    const shown = await shownBy(cluster, leader);
    const trips = shown.get('etcd_network_peer_round_trip_time_seconds')?.samples ?? [];
    assert.equal(new Set(trips.map(({ labels }) => labels['To'])).size, 2);
    assert.equal(sum(shown, 'etcd_network_active_peers'), 2);
    return shown;
  });
  assert.equal(sum(before, 'etcd_network_known_peers'), 3);
  assert.ok(sum(before, 'etcd_network_peer_sent_bytes_total') > 0);
  assert.ok(sum(before, 'etcd_network_peer_received_bytes_total') > 0);
  const failures = 'etcd_network_peer_sent_failures_total';
  await cluster.end(lost, 'SIGKILL');
  await eventually('messages to the lost member fail', async () => {
    const shown = await shownBy(cluster, leader);
    assert.equal(sum(shown, 'etcd_network_active_peers'), 1);
    assert.ok(sum(shown, 'etcd_network_disconnected_peers_total') >= 1);
    assert.ok(sum(shown, failures) > sum(before, failures));
  });
  await cluster.end(other, 'SIGKILL');
  const { code } = await cluster.etcdctl(['put', 'a', 'b'], { at: leader, patienceMs: 30_000 });
  assert.notEqual(code, 0, 'nothing is written without a majority');
  await eventually('the proposal is counted as failed', async () => {
    assert.ok(sum(await shownBy(cluster, leader), 'etcd_server_proposals_failed_total') >= 1);
  });
});
