import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Output, type Transport } from './output.ts';

/** Takes bytes, and says that the kernel has them when the test says so, or at once. */
class Pipe implements Transport {
  readonly written: Buffer[] = [];
  readonly #encrypted: boolean;
  #waiting: { bytes: Buffer; taken: (() => void) | undefined }[] = [];

  constructor(encrypted: boolean) {
    this.#encrypted = encrypted;
  }

  get encrypted(): boolean {
    return this.#encrypted;
  }

  get writableLength(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  write(bytes: Buffer, taken?: () => void): boolean {
    if (this.#encrypted) {
      // TLS copies at once and tells later.
      this.written.push(Buffer.from(bytes));
      this.#waiting.push({ bytes, taken });
      return true;
    }
    this.written.push(Buffer.from(bytes));
    taken?.();
    return true;
  }

  /** Everything is with the kernel. */
  take(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { taken } of waiting) taken?.();
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

function put(output: Output, text: string): void {
  output.append(Buffer.from(text));
}

test('a slab is given back when the socket has taken everything, at once or later', () => {
  for (const encrypted of [false, true]) {
    const pipe = new Pipe(encrypted);
    const output = new Output();
    put(output, 'one');
    const { slab } = output;
    assert.equal(slab.length, 32 * 1024);
    output.flush(pipe);
    assert.equal(output.slab === slab, encrypted);
    pipe.take();
    assert.equal(output.slab.length, 0, 'silent connections hold none');
    put(output, 'two');
    assert.equal(output.slab, slab, 'and it is used again');
    output.flush(pipe);
    pipe.take();
    assert.equal(Buffer.concat(pipe.written).toString(), 'onetwo');
  }
});

test('what the socket still owns is not written over, and nothing that waits is given back', () => {
  const pipe = new Pipe(true);
  const output = new Output();
  put(output, 'a');
  output.flush(pipe);
  put(output, 'b');
  pipe.take();
  assert.equal(output.pending, 1);
  output.flush(pipe);
  for (let i = 0; i < 40; i++) {
    put(output, 'c'.repeat(4_000));
    output.flush(pipe);
  }
  const text = `ab${'c'.repeat(160_000)}`;
  assert.equal(Buffer.concat(pipe.written).toString(), text);
  pipe.take();
  assert.equal(output.slab.length, 0);
});

test('whoever lent memory hears when it is taken, with something to send and without', () => {
  const pipe = new Pipe(true);
  const output = new Output();
  let taken = 0;
  output.flush(pipe, () => taken++);
  assert.equal(taken, 1);
  put(output, 'x');
  output.flush(pipe, () => taken++);
  assert.equal(taken, 1);
  pipe.take();
  assert.equal(taken, 2);
});
