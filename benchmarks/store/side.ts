/**
 * One of the two competitors: a group of members, what it costs in CPU and memory, and a check that it is still led by
 * the same member, for an election in the middle of a measurement would be measured too.
 */
import { readFileSync } from 'node:fs';
import { StoreGroup, type Program, type StoreMember } from '../../test/conformance/store/members.ts';
import { undoneAtEnd } from '../ending.ts';
import { cpuMicros } from './cpu.ts';

export class Side {
  readonly name: Program['name'];
  readonly group: StoreGroup;
  leaderChanges = 0;
  readonly #forget: () => void;
  #leader = '';

  private constructor(group: StoreGroup) {
    this.name = group.program.name;
    this.group = group;
    this.#forget = undoneAtEnd(() => group.close());
  }

  static async start(program: Program, members: number): Promise<Side> {
    return new Side(await StoreGroup.start(program, members));
  }

  async leader(): Promise<StoreMember> {
    const leader = await this.group.leader();
    if (this.#leader !== '' && this.#leader !== leader.name) this.leaderChanges++;
    this.#leader = leader.name;
    return leader;
  }

  /** The leader was killed on purpose. */
  newLeader(): void {
    this.#leader = '';
  }

  /** Microseconds of user and system time of all members. */
  cpu(): number {
    return cpuMicros(this.group.members.filter(({ alive }) => alive).map(({ pid }) => pid));
  }

  /** Proportional set size of all members in MiB. */
  memory(): number {
    let kib = 0;
    for (const { pid } of this.group.members)
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? NaN);
    return kib / 1024;
  }

  async close(): Promise<void> {
    this.#forget();
    await this.group.close();
  }
}
