/**
 * Sends every call of a script to both servers and keeps what came of it: equal, different on purpose, or open. The two
 * sides may need different words for the same request, such as a version of an object: then a call is a function of the
 * side.
 */
import { until } from '../../acceptance/wait.ts';
import { type Answer, type Call, jsonOf } from './calls.ts';
import type { Connections } from './connections.ts';
import { classOf, type Difference, type DifferenceClass, differences } from './compare.ts';
import { meantFor } from './differences.ts';
import { normalize } from './normalize.ts';
import type { Servers } from './servers.ts';

export interface Case {
  readonly section: string;
  readonly title: string;
  /** Undefined when nothing differs that is not meant. */
  readonly open?: DifferenceClass;
  readonly isMeant: boolean;
  readonly differences: readonly Difference[];
  readonly call: Call;
}

export class Side {
  readonly #connections: Connections;
  readonly #last = new Map<string, Answer>();

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  async send(title: string, call: Call): Promise<Answer> {
    const answer = await this.#connections.send(call);
    this.#last.set(title, answer);
    return answer;
  }

  /** What this side answered to an earlier call of that title, as JSON. */
  // What it holds is for the script to say.
  // oxlint-disable-next-line typescript/no-explicit-any
  saw(title: string): any {
    const answer = this.#last.get(title);
    return answer === undefined ? undefined : (jsonOf(answer) as unknown);
  }
}

export type SidedCall = Call | ((side: Side) => Call);
/** Takes out of an answer what a script does not compare. */
export type Reduce = (answer: Answer) => Answer;

/** Caught by the section that was under way. */
class TimeOver extends Error {}

/** Enough that neither server waits for the other's turn. */
const atOnce = 16;
const settleDeadlineMs = 30_000;

export class Comparison {
  readonly cases: Case[] = [];
  /** Sections that were not done when the time was over. */
  readonly unfinished: string[] = [];
  readonly usedDifferences = new Set<string>();
  readonly #theirs: Side;
  readonly #ours: Side;
  readonly #only: RegExp | undefined;
  readonly #endsAt: number;
  #section = '';

  /** After so many milliseconds nothing more is sent. */
  constructor({ theirs, ours }: Servers, only: RegExp | undefined, lastsMs = Infinity) {
    this.#endsAt = performance.now() + lastsMs;
    this.#theirs = new Side(theirs);
    this.#ours = new Side(ours);
    this.#only = only;
  }

  /** A part of a script that can run without the others. */
  async section(name: string, body: () => Promise<void>): Promise<void> {
    if (this.#only?.test(name) === false) return;
    this.#section = name;
    try {
      this.#checkTime();
      await body();
    } catch (error) {
      if (!(error instanceof TimeOver)) throw error;
      this.unfinished.push(name);
    }
  }

  #checkTime(): void {
    if (performance.now() > this.#endsAt) throw new TimeOver();
  }

  /** Sent to both sides, but not compared: what a script needs. */
  async both(title: string, call: SidedCall): Promise<void> {
    await Promise.all([this.#theirs, this.#ours].map((side) => side.send(title, callFor(side, call))));
  }

  /**
   * Asks both sides until their answers are as wanted: for what a server does in its own time. That one never answers so
   * is a case that is open.
   */
  async settle(
    title: string,
    call: SidedCall,
    isSettled: (answer: Answer, isOurs: boolean) => boolean,
  ): Promise<void> {
    this.#checkTime();
    const [theirs, ours] = await Promise.all(
      [this.#theirs, this.#ours].map((side) =>
        until(title, settleDeadlineMs, async () =>
          isSettled(await side.send(title, callFor(side, call)), side === this.#ours) ? true : undefined,
        ).catch(() => false),
      ),
    );
    if (theirs === true && ours === true) return;
    this.cases.push({
      section: this.#section,
      title,
      open: 'code',
      isMeant: false,
      differences: [{ place: 'settled', theirs, ours }],
      call: callFor(this.#ours, call),
    });
  }

  async compare(title: string, call: SidedCall, reduce: Reduce = (answer) => answer): Promise<void> {
    this.#checkTime();
    const section = this.#section;
    const [theirs, ours] = await Promise.all(
      [this.#theirs, this.#ours].map(async (side) =>
        normalize(reduce(await side.send(title, callFor(side, call)))),
      ),
    );
    if (theirs === undefined || ours === undefined) throw new Error('two sides answer');
    const all = differences(theirs, ours);
    const open = all.filter((difference) => {
      const known = meantFor(`${section}: ${title}`, difference);
      if (known !== undefined) this.usedDifferences.add(known.reason);
      return known === undefined;
    });
    const word = open.length === 0 ? undefined : classOf(theirs, ours);
    this.cases.push({
      section,
      title,
      ...(word === undefined ? {} : { open: word }),
      isMeant: all.length > 0 && open.length === 0,
      differences: open,
      call: callFor(this.#ours, call),
    });
  }

  /** Calls that do not depend on each other, several at once. */
  async all(
    calls: readonly { readonly title: string; readonly call: SidedCall }[],
    reduce?: Reduce,
  ): Promise<void> {
    const queue = calls.values();
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (const { title, call } of queue) await this.compare(title, call, reduce);
      }),
    );
  }
}

function callFor(side: Side, call: SidedCall): Call {
  return typeof call === 'function' ? call(side) : call;
}
