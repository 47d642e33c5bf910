/** v3lockpb.Lock: a lock is held by the oldest key under its name, and with the lease that the key is attached to. */
import type { Handlers, ServerCall } from '@timonier/grpc';
import { firstCreated, oneKey, outliving, readIn, turnKey, turnPrefix, type Turns } from './turns.ts';

export type LockShape = {
  lock: { request: { readonly name: Buffer; readonly lease: bigint }; response: object };
  unlock: { request: { readonly key: Buffer }; response: object };
};

/** `grant` makes a lease for callers that name none. */
export function lockHandlers(
  turns: Turns,
  grant: (call: ServerCall) => Promise<bigint>,
): Handlers<LockShape> {
  return {
    lock: async ({ name, lease: given }, call) => {
      const lease = given === 0n ? await grant(call) : given;
      const key = turnKey(name, lease);
      const prefix = turnPrefix(name);
      const mine = {
        key,
        value: Buffer.alloc(0),
        lease,
        prevKv: false,
        ignoreValue: false,
        ignoreLease: false,
      };
      const owner = { requestRange: firstCreated(prefix) };
      const done = await turns.ifCreatedAt(
        call,
        key,
        0,
        [{ requestPut: mine }, owner],
        [{ requestRange: oneKey(key) }, owner],
      );
      const revision = done.succeeded ? done.header.revision : (readIn(done, 0)?.createRevision ?? 0);
      const holder = readIn(done, 1);
      if (holder === undefined || holder.createRevision === revision) return { header: done.header, key };
      try {
        return { header: await turns.waitForOlder(call, prefix, revision), key };
      } catch (error) {
        // Nobody shall wait for a turn that nobody takes.
        await turns.delete(outliving(call), key).catch(() => undefined);
        throw error;
      }
    },
    unlock: async ({ key }, call) => ({ header: (await turns.delete(call, key)).header }),
  };
}
