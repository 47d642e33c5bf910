import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IssuedToken, TokenCache, type TokenWish } from './token-cache.ts';

const wish: TokenWish = { podUid: 'p', account: 'a', audience: undefined, expirationSeconds: 1_000 };

/** A cache by a clock that the test moves, and an API server that numbers its tokens. */
function world() {
  const state = { now: 0, issued: 0, isDown: false };
  const cache = new TokenCache(
    () => state.now,
    () => 0.5,
  );
  const ask = async (): Promise<IssuedToken | undefined> => {
    if (state.isDown) throw new Error('the API server is away');
    state.issued++;
    return { token: `t${state.issued}`, expiresAt: state.now + 1_000_000 };
  };
  return { state, cache, token: (of: TokenWish = wish) => cache.token(of, ask) };
}

test('a token is used until four fifths of its time are over, and one question is enough for all who wait', async () => {
  const { state, token } = world();
  assert.deepEqual(await Promise.all([token(), token(), token()]), ['t1', 't1', 't1']);
  state.now = 795_000;
  assert.equal(await token(), 't1');
  state.now = 795_001;
  assert.equal(await token(), 't2');
  assert.equal(state.issued, 2);
});

test('pods, accounts, audiences and times have tokens of their own, and those of a pod that is gone go', async () => {
  const { cache, state, token } = world();
  const others = [
    { ...wish, podUid: 'q' },
    { ...wish, account: 'b' },
    { ...wish, audience: 'vault' },
    { ...wish, expirationSeconds: 600 },
  ];
  await token();
  for (const other of others) await token(other);
  assert.equal(state.issued, 5);
  cache.forget('p');
  await token();
  await token({ ...wish, podUid: 'q' });
  assert.equal(state.issued, 6);
});

test('while no new token is to be had the old one goes on, and not for longer than it holds', async () => {
  const { state, token } = world();
  await token();
  state.isDown = true;
  state.now = 999_999;
  assert.equal(await token(), 't1');
  state.now = 1_000_000;
  await assert.rejects(token(), /the API server is away/);
  state.isDown = false;
  assert.equal(await token(), 't2');
});

test('a token that holds for long is renewed after a day', async () => {
  const state = { now: 0, issued: 0 };
  const cache = new TokenCache(
    () => state.now,
    () => 0,
  );
  const ask = async (): Promise<IssuedToken> => ({
    token: `t${++state.issued}`,
    expiresAt: 365 * 86_400_000,
  });
  const long = { ...wish, expirationSeconds: 365 * 86_400 };
  assert.equal(await cache.token(long, ask), 't1');
  state.now = 86_400_000;
  assert.equal(await cache.token(long, ask), 't1');
  state.now++;
  assert.equal(await cache.token(long, ask), 't2');
});
