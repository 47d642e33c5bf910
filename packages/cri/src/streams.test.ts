/** What goes in and out of containers while they run. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { criStatus, CriError } from '@timonier/grpc/cri';
import { dial, openStreams } from '@timonier/streaming';
import { until } from './testing/host.ts';
import { sharedHost } from './testing/shared-host.ts';

const shared = sharedHost();
const { skip, container, run, shell } = shared;

test('exec streams input, output and exit code, with and without a terminal', { skip }, async () => {
  const id = await shared.host.sandbox('exec');
  const main = await container(id, shell('sleep 1000'));
  const plain = await shared.host.cri.runtime.Exec({
    containerId: main,
    cmd: ['sh', '-c', 'tr a-z A-Z; echo problem >&2; exit 3'],
    stdin: true,
    stdout: true,
    stderr: true,
  });
  const streams = await openStreams(plain.url);
  streams.stdin.end('hello');
  assert.deepEqual(await Promise.all([text(streams.stdout), text(streams.stderr)]), ['HELLO', 'problem\n']);
  assert.deepEqual(await streams.outcome, { exitCode: 3 });
  await assert.rejects(openStreams(plain.url), /404/);
  const terminal = await shared.host.cri.runtime.Exec({
    containerId: main,
    cmd: ['sh'],
    stdin: true,
    stdout: true,
    tty: true,
  });
  const session = await openStreams(terminal.url);
  await session.resize({ columns: 91, rows: 17 });
  session.stdin.write('stty size; exit 4\n');
  assert.match(await text(session.stdout), /17 91/);
  assert.deepEqual(await session.outcome, { exitCode: 4 });
  const big = await shared.host.cri.runtime.Exec({
    containerId: main,
    cmd: ['sh', '-c', 'head -c 3000000 /dev/zero; (sleep 66 &)'],
    stdout: true,
  });
  const lazy = await openStreams(big.url);
  lazy.stdout.pause();
  // Longer than a silent output is waited for: an output that waits for its reader is not silent.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  assert.equal((await text(lazy.stdout)).length, 3_000_000);
  assert.deepEqual(await lazy.outcome, { exitCode: 0 });
  const slow = { containerId: main, cmd: ['sleep', '77'], timeout: 1 };
  await assert.rejects(
    shared.host.cri.runtime.ExecSync(slow),
    (error) => error instanceof CriError && error.code === criStatus.DEADLINE_EXCEEDED,
  );
  assert.equal(await run(main, 'ps | grep -c "[s]leep 77" || true'), '0');
  // Left before, while and after the runtime makes the process.
  for (const waitMs of [0, 5, 10, 15, 20, 30, 50, 100]) {
    const abandoned = await shared.host.cri.runtime.Exec({
      containerId: main,
      cmd: ['sleep', '88'],
      stdout: true,
    });
    const left = await openStreams(abandoned.url);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    left.close();
  }
  await until(
    'the abandoned commands are gone',
    async () => (await run(main, 'ps | grep -c "[s]leep 88" || true')) === '0',
  );
});

test('attach reaches the process the container started with', { skip }, async () => {
  const id = await shared.host.sandbox('attach');
  const main = await container(id, {
    ...shell('while read line; do echo "got $line"; [ "$line" = end ] && exit 9; done'),
    stdin: true,
    logPath: 'attach.log',
  });
  const { url } = await shared.host.cri.runtime.Attach({
    containerId: main,
    stdin: true,
    stdout: true,
    stderr: true,
  });
  const streams = await openStreams(url);
  streams.stdin.write('one\nend\n');
  assert.equal(await text(streams.stdout), 'got one\ngot end\n');
  assert.deepEqual(await streams.outcome, { exitCode: 9 });
});

test('a port of a pod can be forwarded', { skip }, async () => {
  const id = await shared.host.sandbox('forward');
  const main = await container(id, {});
  await until('the server listens', async () => (await run(main, 'netstat -ltn | grep -c 8080')) === '1');
  const { url } = await shared.host.cri.runtime.PortForward({ podSandboxId: id, port: [8080, 9] });
  const socket = await dial(url, { protocols: ['v4.channel.k8s.io'] });
  const received = new Map<number, string>();
  socket.on('message', (data: Buffer) => {
    received.set(data[0] ?? 0, (received.get(data[0] ?? 0) ?? '') + data.subarray(1).toString('latin1'));
  });
  socket.resume();
  socket.send(Buffer.from('\0GET / HTTP/1.0\r\n\r\n', 'latin1'));
  await until('the answer comes back', async () => /Hello from forward/.test(received.get(0) ?? ''));
  await until('the other port is refused', async () => /ECONNREFUSED/.test(received.get(3) ?? ''));
  socket.terminate();
});

test('a log that was moved away is started anew on request', { skip }, async () => {
  const id = await shared.host.sandbox('rotate');
  const main = await container(id, {
    ...shell('i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done'),
    logPath: 'r.log',
  });
  const file = join(shared.host.logs, 'rotate/r.log');
  await until('something is logged', async () => readFileSync(file).length > 0);
  renameSync(file, `${file}.1`);
  await shared.host.cri.runtime.ReopenContainerLog({ containerId: main });
  await until('the new file fills', async () => readFileSync(file).length > 0);
  const numbers = [`${file}.1`, file].flatMap((name) =>
    [...readFileSync(name, 'utf8').matchAll(/line (\d+)\n/g)].map((match) => Number(match[1])),
  );
  assert.deepEqual(
    numbers,
    numbers.map((_n, i) => i + 1),
  );
});
