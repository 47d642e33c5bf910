/**
 * A throwaway containerd for tests: Debian's, with its own root, state, socket, network namespace and pod network,
 * and a small image made from busybox-static. It stands for "any CRI v1 runtime".
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectCri } from '@timonier/grpc/cri';
import { cgroupLayout, cgroupProcesses, removeCgroup } from '@timonier/linux/cgroup';
import { mountPoints, unmount } from '@timonier/linux/mount';
import { everyHierarchy } from './pod/pod-cgroup.ts';

export const labImage = 'timonier.local/lab:1';
const pauseImage = 'timonier.local/lab-pause:1';
const nodeAddress = '192.0.2.77';

export class ContainerdLab {
  readonly directory = mkdtempSync(join(tmpdir(), 'timonier-kubelet-'));
  readonly namespace = `kbl${randomBytes(3).toString('hex')}`;
  readonly cgroup = `/${this.namespace}`;
  readonly nodeAddress = nodeAddress;
  #containerd: ChildProcess | undefined;

  static async create(): Promise<ContainerdLab> {
    const lab = new ContainerdLab();
    try {
      lab.#makeNetwork();
      await lab.#startContainerd();
      lab.#loadImages();
    } catch (error) {
      await lab.destroy();
      throw error;
    }
    return lab;
  }

  get endpoint(): string {
    return `unix://${this.directory}/containerd.sock`;
  }

  /** The command line that runs something inside the lab's network. */
  enter(command: readonly string[]): readonly [string, ...string[]] {
    return ['nsenter', `--net=/run/netns/${this.namespace}`, ...command];
  }

  #makeNetwork(): void {
    execFileSync('ip', ['netns', 'add', this.namespace]);
    const run = (...command: string[]): void => {
      const [file, ...args] = this.enter(command);
      execFileSync(file, args);
    };
    run('ip', 'link', 'set', 'lo', 'up');
    run('ip', 'addr', 'add', `${nodeAddress}/32`, 'dev', 'lo');
    run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    mkdirSync(join(this.directory, 'cni'));
    const network = {
      cniVersion: '1.0.0',
      name: 'lab',
      plugins: [
        {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          isDefaultGateway: true,
          ipam: {
            type: 'host-local',
            dataDir: join(this.directory, 'ipam'),
            ranges: [[{ subnet: '10.244.7.0/24' }]],
          },
        },
      ],
    };
    writeFileSync(join(this.directory, 'cni', '10-lab.conflist'), JSON.stringify(network));
  }

  async #startContainerd(): Promise<void> {
    const at = this.directory;
    const config = `version = 2
root = "${at}/root"
state = "${at}/state"
[grpc]
  address = "${at}/containerd.sock"
[ttrpc]
  address = "${at}/containerd.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${at}/cni"
`;
    writeFileSync(join(at, 'config.toml'), config);
    const [file, ...args] = this.enter(['containerd', '-c', join(at, 'config.toml'), '-l', 'fatal']);
    this.#containerd = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const cri = connectCri(this.endpoint);
    try {
      const deadline = Date.now() + 120_000;
      for (;;) {
        try {
          const { status } = await cri.runtime.Status({}, { timeoutMs: 1_000 });
          if (status?.conditions.every((condition) => condition.status) === true) return;
        } catch (error) {
          if (Date.now() > deadline) throw error;
        }
        if (Date.now() > deadline) throw new Error('containerd did not get ready');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    } finally {
      cri.close();
    }
  }

  #loadImages(): void {
    const root = join(this.directory, 'image');
    mkdirSync(join(root, 'fs', 'bin'), { recursive: true });
    for (const folder of ['tmp', 'etc', 'proc', 'sys', 'dev']) mkdirSync(join(root, 'fs', folder));
    cpSync('/bin/busybox', join(root, 'fs', 'bin', 'busybox'));
    for (const name of [
      'sh',
      'sleep',
      'cat',
      'echo',
      'ls',
      'env',
      'httpd',
      'wget',
      'kill',
      'nc',
      'true',
      'false',
    ]) {
      symlinkSync('busybox', join(root, 'fs', 'bin', name));
    }
    execFileSync('tar', [
      '-C',
      join(root, 'fs'),
      '--owner=0',
      '--group=0',
      '-cf',
      join(root, 'layer.tar'),
      '.',
    ]);
    const digest = createHash('sha256')
      .update(readFileSync(join(root, 'layer.tar')))
      .digest('hex');
    const config = {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Env: ['PATH=/bin'], Cmd: ['/bin/sleep', '1000000'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
    };
    writeFileSync(join(root, 'config.json'), JSON.stringify(config));
    const manifest = [{ Config: 'config.json', RepoTags: [labImage, pauseImage], Layers: ['layer.tar'] }];
    writeFileSync(join(root, 'manifest.json'), JSON.stringify(manifest));
    execFileSync('tar', [
      '-C',
      root,
      '-cf',
      join(root, 'image.tar'),
      'manifest.json',
      'config.json',
      'layer.tar',
    ]);
    const socket = join(this.directory, 'containerd.sock');
    execFileSync('ctr', ['-a', socket, '-n', 'k8s.io', 'images', 'import', join(root, 'image.tar')], {
      stdio: 'ignore',
    });
  }

  /** Ends every container, then containerd, and removes all traces. */
  async destroy(): Promise<void> {
    const cri = connectCri(this.endpoint);
    const { items } = await cri.runtime
      .ListPodSandbox({}, { timeoutMs: 2_000 })
      .catch(() => ({ items: [] as { id: string }[] }));
    for (const { id } of items) {
      await cri.runtime.StopPodSandbox({ podSandboxId: id }).catch(() => undefined);
      await cri.runtime.RemovePodSandbox({ podSandboxId: id }).catch(() => undefined);
    }
    cri.close();
    if (this.#containerd !== undefined && this.#containerd.exitCode === null) {
      const ended = new Promise((resolve) => this.#containerd?.once('exit', resolve));
      this.#containerd.kill('SIGTERM');
      await ended;
    }
    for (const pid of cgroupProcesses(cgroupLayout(), this.cgroup)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    for (const { target } of mountPoints().reverse()) {
      if (target.startsWith(`${this.directory}/`)) unmount(target, { lazy: true });
    }
    execFileSync('ip', ['netns', 'del', this.namespace]);
    removeCgroup(everyHierarchy(), this.cgroup);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
