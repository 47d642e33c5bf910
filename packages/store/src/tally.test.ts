import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { Durations, LabelledTally, Tally } from './tally.ts';

test('what was counted is what every scrape shows, however often it is asked', async () => {
  const registry = new Registry();
  const registers = [registry];
  const puts = new Tally({ name: 'puts_total', help: 'Puts.', registers });
  const bytes = new LabelledTally({ name: 'bytes_total', help: 'Bytes.', registers, label: 'To' });
  const sync = new Durations({ name: 'sync_seconds', help: 'Syncs.', registers, buckets: [0.001, 0.1] });
  assert.match(await registry.metrics(), /^puts_total 0$/m);
  puts.inc();
  puts.inc(4);
  bytes.inc({ To: 'a' }, 10);
  bytes.inc({ To: 'b' });
  bytes.inc({ To: 'a' }, 5);
  // More than are kept unsorted.
  for (let i = 0; i < 700; i++) sync.observe(i % 2 === 0 ? 0.0005 : 0.05);
  for (let scrape = 0; scrape < 2; scrape++) {
    const text = await registry.metrics();
    assert.match(text, /^puts_total 5$/m);
    assert.match(text, /^bytes_total\{To="a"\} 15$/m);
    assert.match(text, /^bytes_total\{To="b"\} 1$/m);
    assert.match(text, /^sync_seconds_bucket\{le="0.001"\} 350$/m);
    assert.match(text, /^sync_seconds_count 700$/m);
  }
});
