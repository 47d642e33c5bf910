/** For tests: another server that requests are passed on to, which does what the test says. */
import { EventEmitter } from 'node:events';
import type { ClientRequest } from 'node:http';
import { internalError, StatusError } from '@timonier/api/statuses';
import type { Call as Asked, Upstream } from '../http/upstream.ts';

/** A request that answers by the events that the test emits, and takes as much of a body as it says. */
export class RelayedCall extends EventEmitter {
  destroyed = false;
  reusedSocket = false;
  readonly written: string[] = [];
  takes = true;

  setHeader(name: string, value: string): void {
    this.written.push(`${name}: ${value}`);
  }

  write(chunk: Buffer): boolean {
    this.written.push(chunk.toString());
    return this.takes;
  }

  end(): void {
    this.written.push('end');
    this.emit('ended');
  }

  destroy(_error?: Error): void {
    this.destroyed = true;
    this.emit('close');
  }
}

/** Each request that is begun there comes to `calls`, and what it was begun with to `asked`. */
export function upstreamOf(
  calls: RelayedCall[],
  asked: Asked[] = [],
  made: () => RelayedCall = () => new RelayedCall(),
): Upstream {
  return {
    open: (one) => {
      const call = made();
      calls.push(call);
      asked.push(one);
      return call as unknown as ClientRequest;
    },
    unreachable: (reason) => new StatusError(internalError(reason)),
  };
}
