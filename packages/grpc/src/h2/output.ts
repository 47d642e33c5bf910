/**
 * Gathers the frames of one connection and hands them to its socket once per turn of the event loop.
 *
 * Small frames are written side by side into a slab; large payloads are passed on as they are. A slab belongs to a
 * connection only while there is something in it, so silent connections hold none, and bytes that the socket still
 * owns are never written over.
 */

/** What a connection needs of its socket; `net.Socket` and `tls.TLSSocket` are ones. */
export interface Transport {
  /** `taken` is called when the kernel has them, or never will. */
  write(bytes: Buffer, taken?: () => void): boolean;
  cork(): void;
  uncork(): void;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  destroy(): unknown;
  /** Bytes accepted by `write` that the kernel has not taken. */
  readonly writableLength: number;
  /** True on TLS, which never says at once that the kernel has taken what it was given. */
  readonly encrypted?: boolean;
}

const slabBytes = 32 * 1024;
/** Payloads from this size on are not copied. */
const passedOn = 8 * 1024;
const pool: Buffer[] = [];
/** More of them than a socket is given at once are left to the garbage collector. */
const mostFull = 8;
/** As many as connections that are written to in one turn of a watch's fan-out. */
const pooled = 64;

export class Output {
  /** Where `reserve` says to write. */
  slab: Buffer = noSlab;
  #start = 0;
  #end = 0;
  #sealed: Buffer[] = [];
  #sealedBytes = 0;
  /** Slabs that are full, while the socket still owns some of them. */
  readonly #full: Buffer[] = [];
  /** Made once: an output has one socket. */
  #recycle: (() => void) | undefined;

  /** Bytes that wait for the next flush. */
  get pending(): number {
    return this.#sealedBytes + this.#end - this.#start;
  }

  /** Makes room for `bytes` bytes, at most `slabBytes`, in `slab`, and returns where. The caller fills all of it. */
  reserve(bytes: number): number {
    if (this.#end + bytes > this.slab.length) {
      this.#seal();
      if (this.slab !== noSlab && this.#full.length < mostFull) this.#full.push(this.slab);
      this.slab = pool.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
      this.#start = 0;
      this.#end = 0;
    }
    const at = this.#end;
    this.#end += bytes;
    return at;
  }

  append(bytes: Buffer): void {
    if (bytes.length < passedOn) {
      const at = this.reserve(bytes.length);
      bytes.copy(this.slab, at);
      return;
    }
    this.#seal();
    this.#sealed.push(bytes);
    this.#sealedBytes += bytes.length;
  }

  #seal(): void {
    if (this.#end === this.#start) return;
    this.#sealed.push(this.slab.subarray(this.#start, this.#end));
    this.#sealedBytes += this.#end - this.#start;
    this.#start = this.#end;
  }

  /** `taken` is called when the kernel has all of it, or never will. */
  flush(transport: Transport, taken?: () => void): void {
    const sealed = this.#sealed;
    const told = transport.encrypted === true ? this.#whenTaken(transport, taken) : taken;
    if (sealed.length > 0) {
      this.#seal();
      this.#sealed = [];
      this.#sealedBytes = 0;
      transport.cork();
      for (const [i, bytes] of sealed.entries())
        transport.write(bytes, i === sealed.length - 1 ? told : undefined);
      transport.uncork();
    } else if (this.#end > this.#start) {
      transport.write(this.slab.subarray(this.#start, this.#end), told);
      this.#start = this.#end;
    } else {
      taken?.();
      return;
    }
    if (transport.writableLength === 0) this.#giveBack();
  }

  #whenTaken(transport: Transport, taken: (() => void) | undefined): () => void {
    const recycle = (this.#recycle ??= () => {
      if (transport.writableLength === 0 && this.pending === 0) this.#giveBack();
    });
    if (taken === undefined) return recycle;
    return () => {
      taken();
      recycle();
    };
  }

  /** Everything has been copied away: the slabs are anybody's again. */
  #giveBack(): void {
    for (const slab of this.#full) if (pool.length < pooled) pool.push(slab);
    this.#full.length = 0;
    if (this.slab !== noSlab && pool.length < pooled) pool.push(this.slab);
    this.slab = noSlab;
    this.#start = 0;
    this.#end = 0;
  }
}

const noSlab = Buffer.alloc(0);

export interface Flushable {
  flush(): void;
}

let waiting: Flushable[] = [];

/** Has `flush` called after the events of this turn. The caller asks once until it is flushed. */
export function flushSoon(connection: Flushable): void {
  if (waiting.push(connection) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const batch = waiting;
  waiting = [];
  for (const connection of batch) connection.flush();
}
