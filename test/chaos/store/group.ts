/** The members of a run together: cables, hosts, who leads. */
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '@timonier/grpc';
import { buildNative } from '../native.ts';
import { Host } from './host.ts';
import type { Program } from './program.ts';
import { kvService, maintenanceService } from './protocol.ts';
import { Switchboard } from './switchboard.ts';

const diskBytes = 512 * 1024 * 1024;

export interface GroupOptions {
  readonly folder: string;
  readonly size: number;
  readonly program: Program;
  readonly flags: readonly string[];
  /** A process ended that nobody told to. */
  readonly ended: (name: string, how: string) => void;
}

export class Group {
  readonly hosts: readonly Host[];
  readonly board: Switchboard;

  private constructor(hosts: readonly Host[], board: Switchboard) {
    this.hosts = hosts;
    this.board = board;
  }

  /** Starts all members with empty disks and waits until each of them serves. */
  static async start({ folder, size, program, flags, ended }: GroupOptions): Promise<Group> {
    const names = Array.from({ length: size }, (_unused, i) => `m${i + 1}`);
    const [board, slowDisk, clockStep] = await Promise.all([
      Switchboard.create(names),
      buildNative('slowDisk', folder),
      buildNative('clockStep', folder),
    ]);
    const tools = { slowDisk, clockStep };
    const hosts = names.map(
      (name) =>
        new Host({ name, address: board.address(name), folder, diskBytes, program, flags, tools, ended }),
    );
    const group = new Group(hosts, board);
    await Promise.all(hosts.map((host) => host.prepare([`--initial-cluster=${group.initialCluster}`])));
    for (const host of hosts) host.start();
    await group.serving(60_000);
    return group;
  }

  host(name: string): Host {
    const host = this.hosts.find((one) => one.name === name);
    if (host === undefined) throw new Error(`no member ${name}`);
    return host;
  }

  /** Resolves when every member answers a linearizable read. */
  async serving(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    await Promise.all(
      this.hosts.map(async ({ name, target, lastWords }) => {
        const client = createClient(kvService, target);
        try {
          for (;;) {
            try {
              await client.unary('range', { key: Buffer.from('none') }, { timeoutMs: 1_000 });
              return;
            } catch (error) {
              if (performance.now() > deadline)
                throw new Error(
                  `${name} does not serve within ${timeoutMs} ms: ${String(error)}; ${lastWords}`,
                  {
                    cause: error,
                  },
                );
              await pause(50);
            }
          }
        } finally {
          client.close();
        }
      }),
    );
  }

  /** The member that takes itself for the leader, undefined when none answers so. */
  async leader(): Promise<Host | undefined> {
    const found = await Promise.all(
      this.hosts.map(async (host) => {
        const client = createClient(maintenanceService, host.target);
        try {
          const { header, leader } = await client.unary('status', {}, { timeoutMs: 300 });
          return header.memberId === leader ? host : undefined;
        } catch {
          return undefined;
        } finally {
          client.close();
        }
      }),
    );
    return found.find((host) => host !== undefined);
  }

  /** All members with their addresses, in the form of the flag. */
  get initialCluster(): string {
    return this.hosts.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  }

  async stop(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.end('SIGKILL')));
  }
}
