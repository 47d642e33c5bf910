/** Images by name, from Debian's registry on the worker's own loopback address. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildImage, busyboxFiles } from '../../../deploy/images/demo.ts';
import { until } from '../../acceptance/wait.ts';
import { node, type PodBench, statusOf } from '../pod-bench.ts';

const timonier = fileURLToPath(new URL('../../../bin/timonier', import.meta.url));
const address = '127.0.0.1:5000';

export function registry(bench: () => PodBench): void {
  test('an image is pulled by name from a registry, by tag and by digest', async () => {
    const at = bench();
    const folder = await mkdtemp(join(tmpdir(), 'timonier-registry-'));
    const settings = join(folder, 'registry.yaml');
    await writeFile(
      settings,
      `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: '${folder}/data'}}\nhttp: {addr: '${address}'}\n`,
    );
    const { name, dataDir } = at.cluster.options;
    const server = spawn(
      timonier,
      [
        'host',
        'exec',
        node,
        '--name',
        name,
        '--data-dir',
        dataDir,
        '--',
        'docker-registry',
        'serve',
        settings,
      ],
      { stdio: 'ignore' },
    );
    try {
      const archive = join(folder, 'image.tar');
      await buildImage(archive, {
        name: `${address}/team/tool:v1`,
        layers: [await busyboxFiles(), [{ path: 'etc/from-registry', content: 'yes' }]],
        config: { Env: ['PATH=/bin'], User: 'demo', Cmd: ['sleep', '600'] },
      });
      const inHost = (...command: string[]): Promise<string> => at.cluster.exec(node, command);
      await until('the registry answers', 120_000, async () => {
        await inHost('curl', '-sf', `http://${address}/v2/`);
        return true;
      });
      const target = `docker://${address}/team/tool:v1`;
      await inHost('skopeo', 'copy', '--quiet', '--dest-tls-verify=false', `oci-archive:${archive}`, target);
      const { Digest: digest } = JSON.parse(
        await inHost('skopeo', 'inspect', '--tls-verify=false', target),
      ) as { Digest: string };

      const image = (reference: string): object => ({
        image: `${address}/team/tool${reference}`,
        command: undefined,
      });
      await at.run('pulled', { containers: [image(':v1')] });
      await at.run('pinned', {
        containers: [{ ...image(`@${digest}`), securityContext: { runAsNonRoot: true, runAsUser: 1000 } }],
      });
      const pod = await at.ready('pulled');
      await at.event('pulled', 'Pulled', /Successfully pulled image "127\.0\.0\.1:5000\/team\/tool:v1"/);
      assert.match(statusOf(pod)?.imageID ?? '', new RegExp(digest));
      assert.equal((await at.sh('pulled', 'id -u; cat /etc/from-registry')).trim(), '1000\nyes');
      await at.ready('pinned');
      await at.run('absent-tag', { containers: [image(':v9')] });
      await at.event('absent-tag', 'Failed', /manifest unknown|not found/i);
    } finally {
      await at.cluster.exec(node, ['sh', '-c', `kill $(fuser 5000/tcp 2>/dev/null) 2>/dev/null || true`]);
      server.kill();
      await rm(folder, { recursive: true, force: true });
    }
  });
}
