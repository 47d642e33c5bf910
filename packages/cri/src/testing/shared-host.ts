/** For tests: one host with the demo image for all tests of a file, and what they do again and again on it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { ContainerConfig, ContainerStatus, Draft } from '@timonier/grpc/cri';
import { buildDemoImage, demoImageName } from '../../../../deploy/images/demo.ts';
import { importImage } from '../import-service.ts';
import { TestHost, until, whyNot } from './host.ts';

export interface SharedHost {
  readonly skip: string | false;
  /** Known once the first test begins. */
  readonly host: TestHost;
  /** Starts a container of the demo image. */
  readonly container: (podSandboxId: string, config: Draft<ContainerConfig>) => Promise<string>;
  readonly shell: (script: string) => { command: string[] };
  /** Waits until a container has ended. */
  readonly exited: (containerId: string) => Promise<ContainerStatus>;
  /** Runs a script in a container, and gives what it printed. */
  readonly run: (containerId: string, script: string) => Promise<string>;
}

/** To be called once, at the top of a file. */
export function sharedHost(): SharedHost {
  const skip = whyNot();
  let started: TestHost | undefined;
  before(async () => {
    if (skip !== false) return;
    started = new TestHost();
    await started.start();
    const archive = join(started.folder, 'demo.tar');
    await buildDemoImage(archive);
    const images = await importImage(started.socket, archive);
    assert.deepEqual(images[0]?.tags, [demoImageName]);
  });
  after(() => started?.dispose());
  const running = (): TestHost => {
    assert.ok(started, 'the host is asked for before it has started');
    return started;
  };
  return {
    skip,
    get host() {
      return running();
    },
    container: async (podSandboxId, config) => {
      const { runtime } = running().cri;
      const image = { image: demoImageName };
      const { containerId } = await runtime.CreateContainer({
        podSandboxId,
        config: { image, metadata: { name: 'main' }, logPath: 'main.log', ...config },
      });
      await runtime.StartContainer({ containerId });
      return containerId;
    },
    shell: (script) => ({ command: ['/bin/sh', '-c', script] }),
    exited: async (containerId) => {
      const look = async (): Promise<ContainerStatus | undefined> =>
        (await running().cri.runtime.ContainerStatus({ containerId })).status;
      await until('the container ends', async () => (await look())?.state === 'CONTAINER_EXITED');
      const status = await look();
      assert.ok(status !== undefined);
      return status;
    },
    run: async (containerId, script) => {
      const cmd = ['/bin/sh', '-c', script];
      const answer = await running().cri.runtime.ExecSync({ containerId, cmd, timeout: 60 });
      assert.equal(answer.exitCode, 0, answer.stderr.toString());
      return answer.stdout.toString().trim();
    },
  };
}
