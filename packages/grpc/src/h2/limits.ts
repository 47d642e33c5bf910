/**
 * Everything a peer could make us hold or do, and how much of it we allow. At each bound stands what happens there.
 */
import assert from 'node:assert/strict';

export interface Limits {
  /** Longest request message; a longer one is answered RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes: number;
  /** Streams open or still running after a reset; one more is refused with REFUSED_STREAM. */
  readonly maxConcurrentStreams: number;
  /** Size of a request's header list as RFC 9113 counts it; a larger one is reset with ENHANCE_YOUR_CALM. */
  readonly maxHeaderListBytes: number;
  /** Bytes of one header block over all its frames; more end the connection. */
  readonly maxHeaderBlockBytes: number;
  /** CONTINUATION frames of one block; more end the connection. */
  readonly maxContinuations: number;
  /** What a client may send on one stream before the handler took it, and on all together before we acknowledge. Of a
   * server neither is less than 65,535: so much a client may send before it has read what we allow. */
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** Bytes of incomplete request messages of a connection; beyond, one stream at a time is given room. */
  readonly assemblyBytes: number;
  /** A stream with more than this waiting to be sent tells its handler to wait. */
  readonly streamQueueBytes: number;
  /** Response bytes of a connection that wait, heads among them; beyond, new streams are refused. */
  readonly connectionQueueBytes: number;
  /** Bytes handed to the socket that the peer has not taken: no more answers are handed over beyond the first, and
   * reading stops beyond the second. The first is no less than the 64 KiB from which on Node tells of room again. */
  readonly socketBytes: number;
  readonly pauseBytes: number;
  /** A peer that takes nothing for so long while we have something for it is disconnected. */
  readonly stallMs: number;
  /** The first bytes, and the rest of a request once it has begun, must come within this. */
  readonly handshakeMs: number;
  readonly requestMs: number;
  /** A silent connection is asked for a sign of life after the first, and ended after the second more. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A connection without streams for so long is asked to go. */
  readonly idleMs: number;
  /** Frames that cause work but carry none: how many at once, and how many more each second. */
  readonly idleFrames: number;
  readonly idleFramesPerSecond: number;
  readonly maxConnections: number;
  /** How often all these times are looked at. */
  readonly tickMs: number;
}

export const defaultLimits: Limits = {
  maxReceiveBytes: 4 * 1024 * 1024,
  maxConcurrentStreams: 1_000,
  maxHeaderListBytes: 16 * 1024,
  maxHeaderBlockBytes: 32 * 1024,
  maxContinuations: 8,
  streamWindow: 256 * 1024,
  connectionWindow: 1024 * 1024,
  assemblyBytes: 16 * 1024 * 1024,
  streamQueueBytes: 64 * 1024,
  connectionQueueBytes: 32 * 1024 * 1024,
  socketBytes: 256 * 1024,
  pauseBytes: 1024 * 1024,
  stallMs: 30_000,
  handshakeMs: 10_000,
  requestMs: 60_000,
  keepaliveMs: 60_000,
  keepaliveTimeoutMs: 20_000,
  idleMs: Number.POSITIVE_INFINITY,
  idleFrames: 2_000,
  idleFramesPerSecond: 200,
  maxConnections: 10_000,
  tickMs: 5_000,
};

/** That nobody waits for ever depends on it. */
export function atLeast(
  limits: Limits,
  name: 'streamWindow' | 'connectionWindow' | 'socketBytes',
  least: number,
): void {
  assert.ok(limits[name] >= least, `the limit ${name} is ${limits[name]}, and must be at least ${least}`);
}
