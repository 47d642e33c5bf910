/**
 * What goes wrong in a chaos run. A fault is begun, holds for a while, and is healed; `begin` says what was done to
 * whom, for the report. Faults of different kinds may overlap, those of one track never do.
 */
import { createClient } from '@timonier/grpc';
import type { Random } from '../../simulation/random.ts';
import type { Group } from './group.ts';
import { syncMode } from '../sync-gate.ts';
import type { Host } from './host.ts';
import { putBack, takeOut } from './membership.ts';
import { maintenanceService } from './protocol.ts';
import { clients, type Direction } from './switchboard.ts';

export interface Fault {
  readonly name: string;
  /** Relative to the others of its track. */
  readonly weight: number;
  readonly holdMs: readonly [number, number];
  /** A member it strikes may end by itself, or may not start while it holds. */
  readonly ends?: true;
  /** Resolves with what was done, such as `m1, the leader`. */
  readonly begin: (scene: Scene) => Promise<string>;
  readonly heal: (scene: Scene) => Promise<void>;
}

/** Where faults happen. Each fault keeps what it must undo in `struck`. */
export interface Scene {
  readonly group: Group;
  readonly random: Random;
  struck: readonly Host[];
}

/** One member; the leader half of the time. */
async function victim({ group, random }: Scene): Promise<{ host: Host; text: string }> {
  const leader = await group.leader();
  const host = leader !== undefined && random.chance(0.5) ? leader : random.pick(group.hosts);
  return { host, text: host === leader ? `${host.name}, the leader` : host.name };
}

async function strike(scene: Scene, act: (host: Host) => void | Promise<void>): Promise<string> {
  const { host, text } = await victim(scene);
  scene.struck = [host];
  await act(host);
  return text;
}

function others({ group }: Scene, host: Host): readonly Host[] {
  return group.hosts.filter((one) => one !== host);
}

function between(from: readonly string[], to: readonly string[]): Direction[] {
  return from.flatMap((a) => to.map((b) => ({ from: a, to: b })));
}

const nothing = (): Promise<void> => Promise.resolve();
const startAgain = (scene: Scene): Promise<void> => {
  for (const host of scene.struck) host.start();
  return Promise.resolve();
};
const healCables = ({ group }: Scene): Promise<void> => {
  group.board.heal();
  return Promise.resolve();
};

/** Stopped first, so that all lose their power at one moment; and nobody writes to a disk that has none. */
async function cutPower(hosts: readonly Host[]): Promise<void> {
  for (const host of hosts) host.signal('SIGSTOP');
  for (const host of hosts) host.disk.powerOff();
  await Promise.all(hosts.map((host) => host.end('SIGKILL')));
  await Promise.all(hosts.map((host) => host.disk.powerOn()));
}

/** Faults of processes and their disks and clocks. */
export const hostFaults: readonly Fault[] = [
  {
    name: 'kill',
    weight: 6,
    holdMs: [50, 4_000],
    begin: (scene) => strike(scene, (host) => host.end('SIGKILL')),
    heal: startAgain,
  },
  {
    name: 'kill all',
    weight: 2,
    holdMs: [50, 1_000],
    begin: async (scene) => {
      scene.struck = scene.group.hosts;
      await Promise.all(scene.struck.map((host) => host.end('SIGKILL')));
      return 'all';
    },
    heal: startAgain,
  },
  {
    name: 'power cut',
    weight: 3,
    holdMs: [50, 1_000],
    begin: (scene) => strike(scene, (host) => cutPower([host])),
    heal: startAgain,
  },
  {
    name: 'power cut of all',
    weight: 3,
    holdMs: [50, 500],
    begin: async (scene) => {
      scene.struck = scene.group.hosts;
      await cutPower(scene.struck);
      return 'all';
    },
    heal: startAgain,
  },
  {
    name: 'restart',
    weight: 2,
    holdMs: [50, 500],
    begin: (scene) => strike(scene, (host) => host.end('SIGTERM')),
    heal: startAgain,
  },
  {
    name: 'stop',
    weight: 6,
    holdMs: [100, 5_000],
    begin: (scene) => strike(scene, (host) => host.signal('SIGSTOP')),
    heal: (scene) => {
      for (const host of scene.struck) host.signal('SIGCONT');
      return Promise.resolve();
    },
  },
  {
    name: 'slow disk',
    weight: 4,
    holdMs: [1_000, 5_000],
    begin: async (scene) => {
      const delayMs = scene.random.pick([2, 10, 50, 300]);
      const text = await strike(scene, (host) => host.slowDown(delayMs));
      return `${text}, ${delayMs} ms a sync`;
    },
    heal: quickDisks,
  },
  {
    name: 'stalled disk',
    weight: 2,
    holdMs: [2_500, 5_000],
    begin: (scene) => strike(scene, (host) => host.slowDown(60_000)),
    heal: quickDisks,
  },
  {
    name: 'full disk',
    ends: true,
    weight: 3,
    holdMs: [1_000, 5_000],
    begin: (scene) => strike(scene, (host) => host.disk.fill()),
    heal: (scene) => {
      for (const host of scene.struck) host.disk.free();
      return Promise.resolve();
    },
  },
  {
    name: 'failed sync',
    ends: true,
    weight: 1,
    holdMs: [300, 1_500],
    begin: (scene) => strike(scene, (host) => host.slowDown(0, syncMode.failing)),
    heal: quickDisks,
  },
  {
    name: 'clock step',
    weight: 3,
    holdMs: [1_000, 5_000],
    begin: async (scene) => {
      const byMs = scene.random.pick([-86_400_000, -3_600_000, -2_000, 2_000, 3_600_000, 86_400_000]);
      const text = await strike(scene, (host) => host.stepClock(byMs));
      return `${text}, by ${byMs / 1_000} s`;
    },
    heal: (scene) => {
      for (const host of scene.struck) host.stepClock(0);
      return Promise.resolve();
    },
  },
  {
    name: 'member replaced',
    weight: 2,
    holdMs: [50, 1_000],
    ends: true,
    begin: (scene) => strike(scene, (host) => takeOut(scene.group, host)),
    heal: async (scene) => {
      for (const host of scene.struck) await putBack(scene.group, host);
    },
  },
  {
    name: 'leader moved',
    weight: 2,
    holdMs: [0, 200],
    begin: async (scene) => {
      const leader = await scene.group.leader();
      if (leader === undefined) return 'nobody led';
      const to = scene.random.pick(others(scene, leader));
      const text = `${leader.name} to ${to.name}`;
      return (await moveLeader(leader, to)) ? text : `${text}, refused`;
    },
    heal: nothing,
  },
];

/** Faults of the network. */
export const networkFaults: readonly Fault[] = [
  {
    name: 'cut off',
    weight: 4,
    holdMs: [200, 5_000],
    begin: (scene) =>
      strike(scene, (host) => {
        const rest = [...others(scene, host).map(({ name }) => name), clients];
        scene.group.board.cut([...between([host.name], rest), ...between(rest, [host.name])]);
      }),
    heal: healCables,
  },
  {
    name: 'cut off from members only',
    weight: 5,
    holdMs: [200, 5_000],
    begin: (scene) =>
      strike(scene, (host) => {
        const rest = others(scene, host).map(({ name }) => name);
        scene.group.board.cut([...between([host.name], rest), ...between(rest, [host.name])]);
      }),
    heal: healCables,
  },
  {
    name: 'hears nobody',
    weight: 3,
    holdMs: [200, 4_000],
    begin: (scene) =>
      strike(scene, (host) => {
        const rest = others(scene, host).map(({ name }) => name);
        scene.group.board.cut(between(rest, [host.name]));
      }),
    heal: healCables,
  },
  {
    name: 'is heard by nobody',
    weight: 3,
    holdMs: [200, 4_000],
    begin: (scene) =>
      strike(scene, (host) => {
        const rest = others(scene, host).map(({ name }) => name);
        scene.group.board.cut(between([host.name], rest));
      }),
    heal: healCables,
  },
  {
    name: 'one link cut',
    weight: 3,
    holdMs: [200, 4_000],
    begin: async (scene) => {
      const { host, text } = await victim(scene);
      const other = scene.random.pick(others(scene, host));
      const oneWay = scene.random.chance(0.5);
      scene.group.board.cut([
        { from: host.name, to: other.name },
        ...(oneWay ? [] : [{ from: other.name, to: host.name }]),
      ]);
      return `${text}, to ${other.name}${oneWay ? ', one way' : ''}`;
    },
    heal: healCables,
  },
  {
    name: 'all cut from all',
    weight: 1,
    holdMs: [200, 2_000],
    begin: ({ group }) => {
      const names = group.hosts.map(({ name }) => name);
      group.board.cut(between(names, names).filter(({ from, to }) => from !== to));
      return Promise.resolve('all');
    },
    heal: healCables,
  },
  {
    name: 'connections reset',
    weight: 3,
    holdMs: [30, 100],
    begin: async (scene) => {
      scene.struck = scene.random.chance(0.5) ? scene.group.hosts : [(await victim(scene)).host];
      for (const { name } of scene.struck) await scene.group.board.resetConnections(name, true);
      return scene.struck.map(({ name }) => name).join(', ');
    },
    heal: async (scene) => {
      for (const { name } of scene.struck) await scene.group.board.resetConnections(name, false);
    },
  },
];

function quickDisks(scene: Scene): Promise<void> {
  for (const host of scene.struck) host.slowDown(0);
  return Promise.resolve();
}

async function moveLeader(from: Host, to: Host): Promise<boolean> {
  const [asked, target] = [from, to].map((host) => createClient(maintenanceService, host.target));
  if (asked === undefined || target === undefined) return false;
  try {
    const { header } = await target.unary('status', {}, { timeoutMs: 500 });
    await asked.unary('moveLeader', { targetID: header.memberId }, { timeoutMs: 3_000 });
    return true;
  } catch {
    return false;
  } finally {
    asked.close();
    target.close();
  }
}
