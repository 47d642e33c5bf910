/**
 * The cables between members, and between members and clients: a bridge with a port for each member's network
 * namespace; the clients sit on the bridge itself. Any direction between any two can be cut silently, and all
 * connections of a member can be reset with nobody dead.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { runIp } from '@timonier/linux/ip';
import { applyNft } from '@timonier/linux/nftables';

/** One direction between two members, or between a member and the clients. */
export interface Direction {
  readonly from: string;
  readonly to: string;
}

export const clients = 'clients';
const bridge = 'chaos0';

export class Switchboard {
  readonly #names: readonly string[];

  private constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** At most 200 members, named so that `p-NAME` is a valid name of a link. */
  static async create(names: readonly string[]): Promise<Switchboard> {
    const board = new Switchboard(names);
    await runIp([
      `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `addr add ${board.address(clients)}/24 dev ${bridge}`,
      `link set ${bridge} up`,
    ]);
    for (const name of names) {
      await runIp([`netns add ${name}`]);
      await runIp([
        `link add ${port(name)} type veth peer name eth0 netns ${name}`,
        `link set ${port(name)} master ${bridge} up`,
      ]);
      await runIp(['link set lo up', `addr add ${board.address(name)}/24 dev eth0`, 'link set eth0 up'], {
        netns: name,
      });
    }
    applyNft(`table bridge chaos {
      set cut { type ifname . ifname; }
      set deaf { type ifname; }
      set mute { type ifname; }
      chain forward { type filter hook forward priority 0; iifname . oifname @cut drop; }
      chain input { type filter hook input priority 0; iifname @mute drop; }
      chain output { type filter hook output priority 0; oifname @deaf drop; }
    }`);
    return board;
  }

  address(name: string): string {
    return `10.77.0.${name === clients ? 1 : 11 + this.#names.indexOf(name)}`;
  }

  /** Silently drops every frame in these directions, in one step. */
  cut(directions: readonly Direction[]): void {
    if (directions.length > 0) applyNft(directions.map((one) => `add ${element(one)}`).join('\n'));
  }

  /** Ends all cuts. */
  heal(): void {
    applyNft(['cut', 'deaf', 'mute'].map((set) => `flush set bridge chaos ${set}`).join('\n'));
  }

  /** Takes the link of a member down, so that it is gone without a word. */
  async setLink(name: string, state: 'up' | 'down'): Promise<void> {
    await runIp([`link set ${port(name)} ${state}`]);
  }

  /** While `on`, whatever arrives at the member or leaves it on a connection is answered with a reset. */
  async resetConnections(name: string, on: boolean): Promise<void> {
    await nftInside(
      name,
      on
        ? `table ip chaos {
            chain input { type filter hook input priority 0; iifname "eth0" meta l4proto tcp reject with tcp reset; }
            chain output { type filter hook output priority 0; oifname "eth0" tcp flags & rst == 0 reject with tcp reset; }
          }`
        : 'table ip chaos\ndelete table ip chaos',
    );
  }
}

/** `applyNft` keeps to the namespace that it was first used in. */
async function nftInside(netns: string, rules: string): Promise<void> {
  const child = spawn('nsenter', [`--net=/run/netns/${netns}`, '--', 'nft', '-f', '-'], {
    stdio: ['pipe', 'ignore', 'inherit'],
    timeout: 10_000,
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(rules);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`nft in ${netns} ended with ${code}`);
}

function port(name: string): string {
  return `p-${name}`;
}

function element({ from, to }: Direction): string {
  if (from === clients) return `element bridge chaos deaf { "${port(to)}" }`;
  if (to === clients) return `element bridge chaos mute { "${port(from)}" }`;
  return `element bridge chaos cut { "${port(from)}" . "${port(to)}" }`;
}
