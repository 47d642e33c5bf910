/**
 * The twin in memory of the disk that a write-ahead log lies on, and of the thread that writes it. What was not synced
 * when the power went may be there, or not, sector by sector; files whose entry was not synced may be gone, removed
 * ones back.
 */
import type { LogDisk, LogFile } from '../../../packages/store/src/log-disk.ts';
import { DirectAppend } from '../../../packages/store/src/direct-append.ts';
import { LogTail } from '../../../packages/store/src/log-tail.ts';
import type { Append, WalRequest } from '../../../packages/store/src/log-requests.ts';
import { carryOut, type LogThread, type LogThreadEvents } from '../../../packages/store/src/log-thread.ts';
import { isDiskFull } from '../../../packages/store/src/disk-room.ts';
import { WalFiles, type WalFilesOptions } from '../../../packages/store/src/wal-files.ts';
import type { Random } from '../random.ts';
import { Room } from './room.ts';
import type { Life, World } from './world.ts';

const sectorBytes = 512;
/** Between two tries of a write that found no room, in milliseconds. */
const retryMs = 200;

class Contents {
  bytes: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  pending: { readonly at: number; readonly bytes: Buffer }[] = [];
  entrySynced = false;

  write(bytes: Buffer, at: number): void {
    this.bytes = grown(this.bytes, at + bytes.length);
    bytes.copy(this.bytes, at);
    this.pending.push({ at, bytes: Buffer.from(bytes) });
  }

  sync(): void {
    for (const { at, bytes } of this.pending) this.#keep(bytes, at);
    this.pending = [];
  }

  /** Of what is not durable each sector may be. */
  crash(random: Random): void {
    for (const { at, bytes } of this.pending)
      for (let from = 0; from < bytes.length;) {
        const to = Math.min(bytes.length, from + sectorBytes - ((at + from) % sectorBytes));
        if (random.chance(0.5)) this.#keep(bytes.subarray(from, to), at + from);
        from = to;
      }
    this.pending = [];
    this.bytes = Buffer.from(this.durable);
  }

  #keep(bytes: Buffer, at: number): void {
    this.durable = grown(this.durable, at + bytes.length);
    bytes.copy(this.durable, at);
  }
}

function grown(bytes: Buffer, size: number): Buffer {
  return bytes.length >= size ? bytes : Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
}

export class MemoryLogDisk implements LogDisk {
  readonly folder = 'wal';
  readonly #files = new Map<string, Contents>();
  #removed: [name: string, contents: Contents][] = [];
  /** The power is going: nothing becomes durable any more. */
  failing = false;
  readonly #room: Room;

  constructor(room = new Room()) {
    this.#room = room;
  }

  list(): string[] {
    return [...this.#files.keys()];
  }

  read(name: string): Buffer {
    return Buffer.from(this.#contents(name).bytes);
  }

  open(name: string): LogFile {
    const contents = this.#contents(name);
    return {
      write: (bytes, at) => {
        // What was filled with zeros ahead of use has its room.
        if (at + bytes.length > contents.bytes.length) this.#room.need();
        contents.write(bytes, at);
      },
      sync: () => {
        if (this.failing) throw new Error('the power is gone');
        contents.sync();
      },
      close: () => undefined,
    };
  }

  create(name: string): LogFile {
    this.#files.set(name, new Contents());
    return this.open(name);
  }

  syncEntry(name: string): void {
    if (this.failing) throw new Error('the power is gone');
    this.#contents(name).sync();
    for (const contents of this.#files.values()) contents.entrySynced = true;
    this.#removed = [];
  }

  remove(name: string): void {
    this.#removed.push([name, this.#contents(name)]);
    this.#files.delete(name);
  }

  /** The process ended; with `random` the power is gone too. */
  crash(random: Random | undefined): void {
    this.failing = false;
    if (random === undefined) return;
    // A journal keeps the order in which entries changed: the last removals are those that may be undone.
    const undone = this.#removed.slice(random.below(this.#removed.length + 1));
    for (const [name, contents] of undone) this.#files.set(name, contents);
    this.#removed = [];
    for (const [name, contents] of this.#files) {
      if (!contents.entrySynced && random.chance(0.5)) this.#files.delete(name);
      else contents.crash(random);
    }
  }

  #contents(name: string): Contents {
    const contents = this.#files.get(name);
    if (contents === undefined) throw new Error(`there is no ${name}`);
    return contents;
  }
}

/** How long a disk takes for things at the moment. */
export interface DiskSpeed {
  /** Milliseconds for one write that is synced. */
  writeMs(): number;
}

/** The host of a member. */
export interface LogHost extends DiskSpeed {
  /** The member itself waits for the write that begins. */
  directWrite(): void;
}

/**
 * Stands in for the worker: the same requests in the same order, each after as long as the disk takes. A member that
 * writes by itself is frozen for as long.
 */
export class SimulatedLogThread implements LogThread {
  readonly #world: World;
  readonly #life: Life;
  readonly #disk: MemoryLogDisk;
  readonly #host: LogHost;
  readonly #files: WalFiles;
  readonly #direct: DirectAppend;
  readonly #events: LogThreadEvents;
  readonly #requests: WalRequest[] = [];
  #full = false;
  #hasReserve = true;
  #preparing = false;
  #closed = false;

  constructor(
    world: World,
    life: Life,
    disk: MemoryLogDisk,
    host: LogHost,
    files: WalFilesOptions,
    events: LogThreadEvents,
  ) {
    this.#world = world;
    this.#life = life;
    this.#disk = disk;
    this.#host = host;
    this.#events = events;
    const tail = new LogTail();
    this.#direct = new DirectAppend(tail, files);
    this.#files = new WalFiles(files, tail);
    this.#files.open();
  }

  post(request: WalRequest): void {
    if (request.type === 'close') this.#closed = true;
    this.#requests.push(request);
    if (this.#requests.length === 1) this.#begin();
  }

  appendHere(request: Append): boolean {
    if (this.#requests.length > 0 || !this.#direct.takes(request)) return false;
    this.#host.directWrite();
    this.#requests.push(request);
    const begin = this.#world.now;
    const life = this.#life;
    // What was frozen before, or is from outside, stays so.
    const freezes = !life.frozen;
    life.frozen = true;
    this.#world.after(this.#host.writeMs(), undefined, () => {
      if (life.over) return;
      this.#world.after(0, life, () => {
        this.#direct.append(request);
        this.#requests.shift();
        this.#events.onAnswer({
          type: 'durable',
          ticket: request.ticket,
          syncMs: this.#world.now - begin,
        });
        this.#begin();
      });
      // Behind the end of the write comes what happened meanwhile.
      if (freezes && life.frozen) this.#world.thaw(life);
    });
    return true;
  }

  async end(): Promise<void> {}

  #begin(): void {
    const request = this.#requests[0];
    if (request === undefined) return;
    const ms = request.type === 'append' ? this.#host.writeMs() : 0;
    this.#world.after(ms, this.#life, () => this.#try(request));
  }

  /** A write that finds no room is tried again, and segments are let go meanwhile: that makes room. */
  #try(request: WalRequest): void {
    try {
      const answer = carryOut(this.#files, request, () => this.#world.now);
      this.#requests.shift();
      this.#begin();
      this.#setFull(false);
      if (answer !== undefined) this.#events.onAnswer(answer);
      if (request.type === 'append') this.#prepare();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#setFull(true);
      for (const other of this.#requests.splice(1)) {
        if (other.type === 'append') {
          this.#requests.push(other);
          continue;
        }
        const answer = carryOut(this.#files, other, () => this.#world.now);
        if (answer !== undefined) this.#events.onAnswer(answer);
        if (other.type === 'close') return;
      }
      this.#world.after(retryMs, this.#life, () => this.#try(request));
    }
  }

  #setFull(full: boolean): void {
    if (full === this.#full) return;
    this.#full = full;
    this.#events.onAnswer({ type: 'full', full });
  }

  /** Works on the next segment, as the worker does between writes. */
  #prepare(): void {
    let state = this.#files.prepare();
    while (state === 'unfinished') state = this.#files.prepare();
    const has = state === 'ready';
    if (has !== this.#hasReserve) this.#events.onAnswer({ type: 'reserve', has });
    this.#hasReserve = has;
    if (has || this.#preparing) return;
    this.#preparing = true;
    this.#world.after(retryMs, this.#life, () => {
      this.#preparing = false;
      if (!this.#closed) this.#prepare();
    });
  }

  /** The power goes in the middle of whatever is being written. */
  interrupt(random: Random): void {
    const request = this.#requests[0];
    if (request === undefined || random.chance(0.5)) return;
    this.#disk.failing = true;
    try {
      carryOut(this.#files, request, () => 0);
    } catch {
      // As meant: written, and not durable.
    }
  }
}
