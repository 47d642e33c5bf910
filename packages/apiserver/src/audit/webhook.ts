/**
 * Audit events to a service outside (`--audit-webhook-config-file`), as EventLists in batches. Requests never wait for it:
 * what waits is bounded, and what comes when that is full is dropped and counted. Source: "Webhook backend" and "Event
 * batching" of the Kubernetes documentation.
 */
import type { KubeconfigClient } from '../callouts/kubeconfig-client.ts';
import type { AuditSink, OnLost } from './counted-sink.ts';
import { WaitingLines } from './waiting-lines.ts';

export interface AuditWebhookOptions {
  /** Events that wait at most. */
  readonly bufferSize: number;
  /** Events of one batch at most. */
  readonly maxBatchSize: number;
  /** How long an event waits for others at most, in milliseconds. */
  readonly maxBatchWaitMs: number;
  /** Batches a second, and at once after a pause; undefined: as many as there are. */
  readonly throttle: { readonly qps: number; readonly burst: number } | undefined;
  /** Before the second try, in milliseconds; later pauses are half as long again each. */
  readonly initialBackoffMs: number;
  /** Bytes; undefined: nothing is cut. */
  readonly truncate: { readonly maxEventBytes: number; readonly maxBatchBytes: number } | undefined;
}

export interface AuditWebhookParts {
  readonly client: Pick<KubeconfigClient, 'post' | 'close'>;
  readonly onLost: OnLost;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

const tryMs = 30_000;
const maxTries = 5;
/** Batches under way at once: a slow service must not hold up everything behind one batch. */
const maxUnderWay = 4;
const closeMs = 5_000;

export class AuditWebhook implements AuditSink {
  readonly #options: AuditWebhookOptions;
  readonly #parts: AuditWebhookParts;
  readonly #now: () => number;
  readonly #waiting: WaitingLines;
  #timer: NodeJS.Timeout | undefined;
  #underWay = 0;
  #tokens: number;
  #counted: number;
  #isClosing = false;
  #emptied: (() => void) | undefined;

  constructor(options: AuditWebhookOptions, parts: AuditWebhookParts) {
    this.#options = options;
    this.#parts = parts;
    this.#waiting = new WaitingLines(options.bufferSize);
    this.#now = parts.now ?? (() => performance.now());
    this.#tokens = options.throttle?.burst ?? 0;
    this.#counted = this.#now();
  }

  write(line: string): void {
    const { maxBatchSize, maxBatchWaitMs } = this.#options;
    if (!this.#waiting.add(line)) {
      this.#parts.onLost('buffered', 1, new Error('audit buffer queue blocked'));
      return;
    }
    if (this.#waiting.length >= maxBatchSize) this.#schedule(0);
    else this.#timer ??= this.#after(maxBatchWaitMs);
  }

  /** Sends what waits, for a few seconds at most. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#schedule(0);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#emptied = resolve;
        this.#tellWhenEmpty();
      }),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, closeMs);
      }),
    ]);
    clearTimeout(timer);
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0)
      this.#parts.onLost(
        'webhook',
        this.#waiting.take(Infinity).length,
        new Error('the server ended before they were sent'),
      );
    this.#parts.client.close();
  }

  #after(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, ms).unref();
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = this.#after(ms);
  }

  /** Sends batches as long as there are events, room and tokens. */
  #flush(): void {
    const { maxBatchSize, maxBatchWaitMs } = this.#options;
    while (this.#waiting.length > 0 && this.#underWay < maxUnderWay) {
      const pause = this.#isClosing ? 0 : this.#take();
      if (pause > 0) return this.#schedule(pause);
      const lines = this.#waiting.take(maxBatchSize);
      this.#underWay++;
      void this.#send(lines).finally(() => {
        this.#underWay--;
        this.#tellWhenEmpty();
        if (this.#waiting.length >= maxBatchSize || this.#isClosing) this.#schedule(0);
        else if (this.#waiting.length > 0) this.#timer ??= this.#after(maxBatchWaitMs);
      });
    }
  }

  /** Takes a token; the milliseconds to wait when there is none. */
  #take(): number {
    const { throttle } = this.#options;
    if (throttle === undefined) return 0;
    const now = this.#now();
    this.#tokens = Math.min(throttle.burst, this.#tokens + ((now - this.#counted) / 1_000) * throttle.qps);
    this.#counted = now;
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) / throttle.qps) * 1_000);
    this.#tokens--;
    return 0;
  }

  #tellWhenEmpty(): void {
    if (this.#waiting.length === 0 && this.#underWay === 0) this.#emptied?.();
  }

  async #send(lines: readonly string[]): Promise<void> {
    for (const batch of this.#batches(lines)) await this.#post(batch);
  }

  /** The lines, cut where that is wanted, in lists that are small enough. */
  #batches(lines: readonly string[]): string[][] {
    const { truncate } = this.#options;
    if (truncate === undefined) return [[...lines]];
    const batches: string[][] = [];
    let size = 0;
    for (const line of lines) {
      const event = truncated(line, truncate.maxEventBytes);
      if (event === undefined) {
        this.#parts.onLost('truncate', 1, new Error('an event is too large even without its objects'));
        continue;
      }
      const bytes = Buffer.byteLength(event);
      const last = batches.at(-1);
      if (last === undefined || size + bytes > truncate.maxBatchBytes) {
        batches.push([event]);
        size = bytes;
      } else {
        last.push(event);
        size += bytes;
      }
    }
    return batches;
  }

  async #post(lines: readonly string[]): Promise<void> {
    const text = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${lines.join(',')}]}`;
    let pause = this.#options.initialBackoffMs;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#parts.client.post(text, { timeoutMs: tryMs, retryMs: 0 });
        return;
      } catch (error) {
        if (attempt >= maxTries || this.#isClosing) {
          this.#parts.onLost('webhook', lines.length, error);
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, pause).unref());
      pause *= 1.5;
    }
  }
}

/** An event without its objects, when it is too large with them; undefined when it is too large all the same. */
export function truncated(line: string, maxBytes: number): string | undefined {
  if (Buffer.byteLength(line) <= maxBytes) return line;
  const event = JSON.parse(line) as Record<string, unknown>;
  delete event['requestObject'];
  delete event['responseObject'];
  event['annotations'] = {
    ...(event['annotations'] as object | undefined),
    'audit.k8s.io/truncated': 'true',
  };
  const text = JSON.stringify(event);
  return Buffer.byteLength(text) <= maxBytes ? text : undefined;
}
