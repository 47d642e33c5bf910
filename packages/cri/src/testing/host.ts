/**
 * A host of its own for tests: this process moves into new network and mount namespaces, runs the real runtime there as
 * a child, and takes everything away at the end. Needs root and Debian's crun, conmon and CNI plugins.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectCri, type CriClient } from '@timonier/grpc/cri';
import { cgroupLayout, cgroupProcesses, removeCgroup } from '@timonier/linux/cgroup';
import { linkUp, unshare } from '@timonier/linux/libc';
import { isMountPoint, mountPoints, setPropagation, unmount } from '@timonier/linux/mount';

const needed = ['/usr/bin/crun', '/usr/bin/conmon', '/bin/busybox', '/usr/lib/cni/bridge'];

/** Why these tests cannot run here; `false` when they can. */
export function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = needed.filter((file) => !existsSync(file));
  return missing.length === 0 ? false : `missing: ${missing.join(', ')}`;
}

export class TestHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'tcri-'));
  readonly socket = join(this.folder, 'cri.sock');
  readonly logs = join(this.folder, 'logs');
  readonly #cgroup = `/timonier-cri-test-${process.pid}`;
  #child: ChildProcess | undefined;
  #client: CriClient | undefined;

  constructor() {
    unshare(['net', 'mnt']);
    setPropagation('/', 'slave', true);
    // crun refuses machines that have both versions of control groups mounted.
    if (isMountPoint('/sys/fs/cgroup/unified')) unmount('/sys/fs/cgroup/unified');
    linkUp('lo');
    mkdirSync(join(this.folder, 'net.d'));
    const ipam = {
      type: 'host-local',
      ranges: [[{ subnet: '10.251.7.0/24' }]],
      dataDir: join(this.folder, 'ipam'),
    };
    const bridge = { type: 'bridge', bridge: 'tcri0', isGateway: true, ipam };
    writeFileSync(
      join(this.folder, 'net.d/10-test.conflist'),
      JSON.stringify({ cniVersion: '1.0.0', name: 'test', plugins: [bridge] }),
    );
  }

  get cri(): CriClient {
    if (this.#client === undefined) throw new Error('the runtime has not been started');
    return this.#client;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(...flags: string[]): Promise<void> {
    const args = [fileURLToPath(new URL('./main.ts', import.meta.url)), '--socket', this.socket];
    args.push('--root', join(this.folder, 'root'), '--state', join(this.folder, 'state'));
    args.push(
      '--cni-conf-dir',
      join(this.folder, 'net.d'),
      '--cgroup-parent',
      this.#cgroup,
      '--ops-address',
      '',
    );
    const log = openSync(join(this.folder, 'cri.log'), 'a');
    const child = spawn(process.execPath, [...args, ...flags], { stdio: ['ignore', log, log] });
    this.#child = child;
    this.#client = connectCri(`unix:${this.socket}`);
    await until('the runtime answers', async () => {
      if (child.exitCode !== null) throw new Error(`the runtime ended: ${this.log()}`);
      if (!existsSync(this.socket)) return false;
      await this.cri.runtime.Version({}, { timeoutMs: 2_000 });
      return true;
    });
  }

  /** Ends the runtime, but not what it runs. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
    if (signal === 'SIGKILL') rmSync(this.socket, { force: true });
  }

  /** Ends every process and forgets everything that does not outlive a boot. */
  async reboot(): Promise<void> {
    await this.stop('SIGKILL');
    const layout = cgroupLayout();
    await until('every process is gone', async () => {
      const left = cgroupProcesses(layout, this.#cgroup);
      for (const pid of left) process.kill(pid, 'SIGKILL');
      return left.length === 0;
    });
    this.#unmountAll();
    rmSync(join(this.folder, 'state'), { recursive: true });
    removeCgroup(layout, this.#cgroup);
    await this.start();
  }

  #unmountAll(): void {
    for (const { target } of mountPoints().reverse()) {
      if (target.startsWith(this.folder)) unmount(target, { lazy: true });
    }
  }

  log(): string {
    return readFileSync(join(this.folder, 'cri.log'), 'utf8');
  }

  /** Takes down every sandbox, the runtime and all traces. */
  async dispose(): Promise<void> {
    if (this.#client !== undefined && this.#child?.exitCode === null) {
      const { items } = await this.cri.runtime.ListPodSandbox({});
      for (const { id } of items)
        await this.cri.runtime.RemovePodSandbox({ podSandboxId: id }).catch(() => undefined);
    }
    await this.stop();
    const layout = cgroupLayout();
    for (const pid of cgroupProcesses(layout, this.#cgroup)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    await until('the control groups are empty', async () => removeCgroup(layout, this.#cgroup)).catch(
      () => undefined,
    );
    this.#unmountAll();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A sandbox with plain settings. */
  async sandbox(
    name: string,
    options: { network?: 'POD' | 'NODE'; pid?: 'POD' | 'CONTAINER' } = {},
  ): Promise<string> {
    const { podSandboxId } = await this.cri.runtime.RunPodSandbox({
      config: {
        metadata: { name, uid: `uid-${name}`, namespace: 'default', attempt: 0 },
        hostname: name,
        logDirectory: join(this.logs, name),
        labels: { app: name },
        dnsConfig: { servers: ['10.96.0.10'], searches: ['cluster.local'] },
        linux: {
          securityContext: {
            namespaceOptions: { network: options.network ?? 'POD', pid: options.pid ?? 'CONTAINER' },
          },
        },
      },
    });
    return podSandboxId;
  }
}

/** Waits for a condition with a deadline; a failing attempt counts as "not yet". */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      if (await condition()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause: last });
}
