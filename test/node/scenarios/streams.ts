/** Logs, exec, attach and copying, as people use them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { mustRun } from '../../acceptance/command.ts';
import { until } from '../../acceptance/wait.ts';
import type { PodBench } from '../pod-bench.ts';

export function streams(bench: () => PodBench): void {
  describe('with a pod that runs', { concurrency: 4 }, () => {
    before(async () => {
      await bench().run('talker', {
        containers: [
          {
            script:
              'for i in $(seq 1 20); do echo line $i; done; trap "exit 0" TERM; while :; do sleep 0.1; done',
          },
          {
            name: 'web',
            command: ['/usr/bin/serve'],
            readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
          },
          {
            name: 'reader',
            stdin: true,
            script: 'while read -r line; do echo "got $line"; [ "$line" != end ] || exit 0; done; sleep 600',
          },
        ],
      });
      await bench().ready('talker');
      // The others are no measure of how far this one is.
      await until('all lines are logged', 120_000, async () =>
        (await bench().kubectl(['logs', 'talker', '-c', 'main'])).includes('line 20\n') ? true : undefined,
      );
    });

    test('logs are cut at the end and by time, carry times on demand, and of all containers with their names', async () => {
      const at = bench();
      const logs = (...args: string[]): Promise<string> =>
        at.kubectl(['logs', 'talker', '-c', 'main', ...args]);
      assert.equal(await logs('--tail=2'), 'line 19\nline 20\n');
      assert.equal((await logs('--limit-bytes=7')).slice(0, 7), 'line 1\n');
      assert.match(await logs('--tail=1', '--timestamps'), /^\d{4}-\d\d-\d\dT[\d:.]+Z line 20\n$/);
      assert.equal((await logs('--since=1h')).split('\n').length, 21);
      assert.equal(await logs(`--since-time=${new Date(Date.now() + 3_600_000).toISOString()}`), '');
      const all = await at.kubectl(['logs', 'talker', '--all-containers', '--prefix', '--tail=1']);
      assert.match(all, /^\[pod\/talker\/main\] line 20$/m);
      const none = await at.tryKubectl(['logs', 'talker', '-c', 'main', '--previous']);
      assert.match(none.stderr, /previous terminated container "main" in pod "talker" not found/);
    });

    test('a terminal has the size of the caller’s and ends with the program’s exit code', async () => {
      const at = bench();
      const line = `stty rows 33 cols 77; '${at.kubectlPath}' exec -it talker -c main -- sh -c 'tty; timeout 60 sh -c "until stty size 2>/dev/null | grep -v ^0; do :; done"; exit 5'; echo "code $?"`;
      const printed = await mustRun('script', ['-qec', line, '/dev/null'], { env: at.env });
      assert.match(printed, /\/dev\/pts\/\d+/);
      assert.match(printed, /33 77/);
      assert.match(printed, /code 5/);
    });

    test('exec keeps output and errors apart, passes on input, and says when there is no such program', async () => {
      const at = bench();
      const both = await at.tryKubectl(
        ['exec', '-i', 'talker', '-c', 'main', '--', 'sh', '-c', 'cat; echo oops >&2; exit 4'],
        { input: 'hello' },
      );
      assert.deepEqual([both.code, both.stdout], [4, 'hello']);
      assert.match(both.stderr, /^oops\n/);
      const missing = await at.tryKubectl(['exec', 'talker', '-c', 'main', '--', 'no-such-program']);
      assert.notEqual(missing.code, 0);
      assert.match(missing.stderr, /no-such-program/);
    });

    test('attach reaches the input of the first process and shows its output', async () => {
      const at = bench();
      const attached = at.kubectl(['attach', '-i', 'talker', '-c', 'reader'], { input: 'hello\nagain\n' });
      await until('the program has read both lines', 120_000, async () =>
        (await at.kubectl(['logs', 'talker', '-c', 'reader'])).includes('got again') ? true : undefined,
      );
      assert.match(await at.kubectl(['logs', 'talker', '-c', 'reader']), /^got hello\ngot again\n/);
      await at.kubectl(['attach', '-i', 'talker', '-c', 'reader'], { input: 'end\n' });
      assert.match(await attached, /got again\ngot end\n$/);
    });

    for (const websockets of ['true', 'false']) {
      test(`ports are forwarded, many connections at once, ${websockets === 'true' ? 'by WebSocket' : 'by SPDY alone'}`, async () => {
        const at = bench();
        const forward = spawn(at.kubectlPath, ['port-forward', 'pod/talker', ':8080', ':9'], {
          env: { ...process.env, ...at.env, KUBECTL_PORT_FORWARD_WEBSOCKETS: websockets },
        });
        let printed = '';
        for (const output of [forward.stdout, forward.stderr])
          output.setEncoding('utf8').on('data', (text: string) => {
            printed += text;
          });
        // What it printed is known once its output is closed, too.
        const ended = once(forward, 'close');
        const portTo = (target: number): Promise<string> =>
          until(
            `kubectl listens for ${target}`,
            120_000,
            () => new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${target}\\n`).exec(printed)?.[1],
          );
        try {
          const url = `http://127.0.0.1:${await portTo(8080)}`;
          const answers = await Promise.all(
            Array.from({ length: 20 }, () => fetch(url).then((answer) => answer.text())),
          );
          assert.deepEqual(new Set(answers), new Set(['Hello from talker\n']));
          await assert.rejects(fetch(`http://127.0.0.1:${await portTo(9)}`));
          await ended;
          assert.match(printed, /error forwarding port 9 to pod default\/talker.*refused/is);
        } catch (error) {
          throw new Error(`kubectl printed ${printed}`, { cause: error });
        } finally {
          forward.kill('SIGKILL');
        }
      });
    }

    test('megabytes are copied into a container and out of it unharmed', async () => {
      const at = bench();
      const folder = await mkdtemp(join(tmpdir(), 'timonier-copy-'));
      try {
        const content = randomBytes(6 << 20);
        await writeFile(join(folder, 'in'), content);
        await at.kubectl(['cp', join(folder, 'in'), 'talker:/tmp/copied', '-c', 'main']);
        const sum = createHash('sha256').update(content).digest('hex');
        assert.equal((await at.sh('talker', 'sha256sum < /tmp/copied', '-c', 'main')).split(' ')[0], sum);
        await at.kubectl(['cp', 'talker:/tmp/copied', join(folder, 'out'), '-c', 'main']);
        assert.ok(content.equals(await readFile(join(folder, 'out'))));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  });

  test('following a log ends with the container', async () => {
    const at = bench();
    await at.run('counting', {
      containers: [{ script: 'for i in 1 2 3 4 5; do echo $i; sleep 0.2; done' }],
      spec: { restartPolicy: 'Never' },
    });
    await at.until('counting', 'runs', ({ status }) => status?.phase === 'Running');
    assert.equal(await at.kubectl(['logs', '-f', 'counting']), '1\n2\n3\n4\n5\n');
  });
}
