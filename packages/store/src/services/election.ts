/** v3electionpb.Election: the leader is who has the oldest key under the election's name, its value the proclamation. */
import { GrpcError, type Handlers, type ServerCall, Status } from '@timonier/grpc';
import type { KeyValue, PutRequest, ResponseHeader } from '../types.ts';
import {
  type Done,
  firstCreated,
  oneKey,
  outliving,
  readIn,
  turnKey,
  turnPrefix,
  type Turns,
} from './turns.ts';

interface LeaderKey {
  readonly name: Buffer;
  readonly key: Buffer;
  readonly rev: number;
  readonly lease: bigint;
}

interface Campaign {
  readonly name: Buffer;
  readonly lease: bigint;
  readonly value: Buffer;
}

export type ElectionShape = {
  campaign: { request: Campaign; response: object };
  proclaim: { request: { readonly leader?: LeaderKey; readonly value: Buffer }; response: object };
  leader: { request: { readonly name: Buffer }; response: object };
  observe: { request: { readonly name: Buffer }; response: object; kind: 'server-stream' };
  resign: { request: { readonly leader?: LeaderKey }; response: object };
};

const missingLeader = (): GrpcError => new GrpcError(Status.UNKNOWN, '"leader" field must be provided');
const notLeader = (): GrpcError => new GrpcError(Status.UNKNOWN, 'election: not leader');
const noLeader = (): GrpcError => new GrpcError(Status.UNKNOWN, 'election: no leader');

function putOf(key: Buffer, value: Buffer, lease: bigint): PutRequest {
  return { key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false };
}

/** `grant` makes a lease for callers that name none. */
export function electionHandlers(
  turns: Turns,
  grant: (call: ServerCall) => Promise<bigint>,
): Handlers<ElectionShape> {
  const proclaim = async (call: ServerCall, leader: LeaderKey, value: Buffer): Promise<Done> => {
    const { key, rev, lease } = leader;
    const done = await turns.ifCreatedAt(call, key, rev, [{ requestPut: putOf(key, value, lease) }]);
    if (!done.succeeded) throw notLeader();
    return done;
  };
  const resign = (call: ServerCall, { key, rev }: LeaderKey): Promise<Done> =>
    turns.ifCreatedAt(call, key, rev, [
      { requestDeleteRange: { key, rangeEnd: Buffer.alloc(0), prevKv: false } },
    ]);

  return {
    campaign: async ({ name, lease: given, value }, call) => {
      const lease = given === 0n ? await grant(call) : given;
      const key = turnKey(name, lease);
      const done = await turns.ifCreatedAt(
        call,
        key,
        0,
        [{ requestPut: putOf(key, value, lease) }],
        [{ requestRange: oneKey(key) }],
      );
      const known = done.succeeded ? undefined : readIn(done, 0);
      const leader = { name, key, rev: known?.createRevision ?? done.header.revision, lease };
      try {
        if (known !== undefined && !known.value.equals(value)) await proclaim(call, leader, value);
        await turns.waitForOlder(call, turnPrefix(name), leader.rev);
      } catch (error) {
        // Nobody shall wait for a turn that nobody takes.
        await resign(outliving(call), leader).catch(() => undefined);
        throw error;
      }
      return { header: done.header, leader };
    },
    proclaim: async ({ leader, value }, call) => {
      if (leader === undefined) throw missingLeader();
      return { header: (await proclaim(call, leader, value)).header };
    },
    leader: async ({ name }, call) => {
      const { kvs, header } = await turns.range(call, firstCreated(turnPrefix(name)));
      const [kv] = kvs;
      if (kv === undefined) throw noLeader();
      return { header, kv };
    },
    observe: async ({ name }, call) => {
      const prefix = turnPrefix(name);
      const tell = async (header: ResponseHeader, kv: KeyValue): Promise<void> => {
        if (!call.write({ header, kv })) await call.drained();
      };
      while (!call.signal.aborted) {
        const { kvs, header } = await turns.range(call, firstCreated(prefix));
        const kv = kvs[0] ?? (await turns.nextPut(call, prefix, header.revision));
        if (kvs[0] === undefined) header.revision = kv.modRevision;
        await tell(header, kv);
        const { key } = kv;
        let from = header.revision + 1;
        for (let deleted = false; !deleted && !call.signal.aborted;) {
          const event = await turns.follow(call, key, Buffer.alloc(0), from, () => true);
          from = event.kv.modRevision + 1;
          if (event.type === 1) deleted = true;
          else await tell({ ...header, revision: event.kv.modRevision }, event.kv);
        }
      }
    },
    resign: async ({ leader }, call) => {
      if (leader === undefined) throw missingLeader();
      return { header: (await resign(call, leader)).header };
    },
  };
}
