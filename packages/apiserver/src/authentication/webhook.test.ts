import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '@timonier/api/statuses';
import { WebhookTokens } from './webhook.ts';

const audience = 'https://issuer.example';

interface Asked {
  readonly token: string;
  readonly answer: (user?: string) => void;
}

/** A service that answers when the test says so; those that are asked about are kept. */
function service(): { readonly tokens: WebhookTokens; readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const post = (text: string): Promise<unknown> =>
    new Promise((resolve) => {
      const { token } = (JSON.parse(text) as { spec: { token: string } }).spec;
      const answer = (username?: string): void =>
        resolve({ status: username === undefined ? {} : { authenticated: true, user: { username } } });
      asked.push({ token, answer });
    });
  const options = {
    version: 'v1',
    cacheMs: 60_000,
    audience,
    now: () => 0,
    onError: (error: unknown) => assert.fail(String(error)),
  } as const;
  return { tokens: new WebhookTokens({ ...options, client: { post } }), asked };
}

test('no number of invented tokens forgets one that is known', async () => {
  const { tokens, asked } = service();
  const known = tokens.authenticate('jane');
  asked.pop()?.answer('jane');
  assert.equal((await known)?.user.name, 'jane');
  for (let i = 0; i < 5_000; i++) {
    const answer = tokens.authenticate(`invented ${i}`);
    asked.pop()?.answer();
    assert.equal(await answer, undefined);
  }
  const again = tokens.authenticate('jane');
  assert.ok(!(again instanceof Promise), 'it is not asked about again');
  assert.equal(again?.user.name, 'jane');
});

test('whose token cannot be asked about any more is told to come again, and not that there is no such user', async () => {
  const { tokens, asked } = service();
  const waiting = Array.from({ length: 256 }, (_, i) => tokens.authenticate(`slow ${i}`));
  assert.throws(
    () => tokens.authenticate('jane'),
    (error: StatusError) => error.status.code === 429 && error.status.details?.retryAfterSeconds === 1,
  );
  for (const { answer } of asked.splice(0)) answer();
  for (const one of waiting) assert.equal(await one, undefined);
  const late = tokens.authenticate('jane');
  asked.pop()?.answer('jane');
  assert.equal((await late)?.user.name, 'jane');
});
