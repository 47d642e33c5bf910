/**
 * The JSON gateway, asked by curl on Debian's etcd and on `timonier store`: status, kind and body of every answer; of
 * ours also over HTTP/2, which etcd takes for gRPC without TLS (with TLS: credentials.test.ts).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, suite, test } from 'node:test';
import { run } from '../../acceptance/command.ts';
import { until } from '../../acceptance/wait.ts';
import { etcd, StoreGroup, type StoreMember, timonier } from './members.ts';
import { Normalizer } from './normalize.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const pair = (key: string, value: string): object => ({ key: base64(key), value: base64(value) });

interface Ask {
  readonly path: string;
  /** Text is sent as it is. */
  readonly body?: object | string;
  readonly curl?: readonly string[];
  /** Lines of a stream to wait for; without it the answer ends by itself. */
  readonly lines?: number;
  /** The lines may come in any order. */
  readonly unordered?: true;
}

const post = (path: string, body: object | string = {}, more: Partial<Ask> = {}): Ask => ({
  path,
  body,
  ...more,
});

/** In order: each sees what the ones before it did. `$token` is what authenticating gave. */
const asks: readonly (readonly [name: string, ask: Ask])[] = [
  ['put', post('/v3/kv/put', pair('foo', 'bar'))],
  ['put again, with what was there', post('/v3/kv/put', { ...pair('foo', 'baz'), prev_kv: true })],
  ['put by the name in camelCase', post('/v3/kv/put', { ...pair('foo', 'b'), prevKv: true })],
  ['range', post('/v3/kv/range', { key: base64('foo') })],
  [
    'range with numbers as text and enumerations by number',
    post('/v3/kv/range', { key: base64('foo'), limit: '5', sort_order: 'DESCEND', sort_target: 3 }),
  ],
  ['count', post('/v3/kv/range', { key: base64('\0'), range_end: base64('\0'), count_only: true })],
  ['range of an older gateway', post('/v3beta/kv/range', { key: base64('foo') })],
  ['a prefix that is gone', post('/v3alpha/kv/range', { key: base64('foo') })],
  ['a field that is not there', post('/v3/kv/range', { key: base64('foo'), nope: 1 })],
  ['nulls', post('/v3/kv/range', { key: base64('foo'), range_end: null })],
  ['no key', post('/v3/kv/range', {})],
  ['no body', post('/v3/kv/range', '')],
  ['null', post('/v3/kv/range', 'null')],
  ['half a body', post('/v3/kv/range', '{"key":"Zm9v"')],
  ['a list', post('/v3/kv/range', '[]')],
  ['bytes that are no base64', post('/v3/kv/range', { key: '!!' })],
  ['bytes that are no text', post('/v3/kv/range', { key: 5 })],
  ['a number that is none', post('/v3/kv/range', { key: base64('foo'), limit: 'x' })],
  ['an enumeration that is none', post('/v3/kv/range', { key: base64('foo'), sort_order: 'X' })],
  ['more behind the first value', post('/v3/kv/range', '{"key":"Zm9v"} {"key":"YQ=="}')],
  ['a revision to come', post('/v3/kv/range', { key: base64('foo'), revision: 1000 })],
  ['GET where a message is wanted', { path: '/v3/kv/range' }],
  ['PUT where a message is wanted', post('/v3/kv/range', {}, { curl: ['-X', 'PUT'] })],
  ['a path that is none of the gateway', post('/v3/kv/nope')],
  ['a path that is nothing', { path: '/nope' }],
  ['the root', { path: '/' }],
  ['options of another origin', { path: '/v3/kv/range', curl: ['-X', 'OPTIONS', '-H', 'Origin: http://a'] }],
  ['posting to health', post('/health')],
  [
    'a transaction',
    post('/v3/kv/txn', {
      compare: [{ key: base64('foo'), target: 'VALUE', value: base64('b') }],
      success: [
        { request_range: { key: base64('foo') } },
        { requestPut: pair('a', 'b') },
        { request_delete_range: { key: base64('a') } },
        { request_txn: { success: [{ request_range: { key: base64('foo'), keys_only: true } }] } },
      ],
      failure: [{ request_range: { key: base64('none') } }],
    }),
  ],
  [
    'a transaction that does not hold',
    post('/v3/kv/txn', {
      compare: [{ key: base64('foo'), target: 'CREATE', result: 'GREATER', create_revision: '100' }],
    }),
  ],
  ['delete with what was there', post('/v3/kv/deleterange', { key: base64('foo'), prev_kv: true })],
  ['delete nothing', post('/v3/kv/deleterange', { key: base64('foo') })],
  ['compaction', post('/v3/kv/compaction', { revision: '3', physical: true })],
  ['compaction of what is compacted', post('/v3/kv/compaction', { revision: 2 })],
  ['a compacted revision', post('/v3/kv/range', { key: base64('foo'), revision: '2' })],
  ['a lease', post('/v3/lease/grant', { TTL: 600, ID: '1234' })],
  ['the same lease', post('/v3/lease/grant', { TTL: 600, ID: 1234 })],
  ['a lease that is too long', post('/v3/lease/grant', { TTL: '99999999999' })],
  ['a key under a lease', post('/v3/kv/put', { ...pair('leased', '1'), lease: '1234' })],
  ['keeping a lease alive', post('/v3/lease/keepalive', { ID: 1234 })],
  ['keeping nothing alive', post('/v3/lease/keepalive', { ID: 99 })],
  ['time to live of no lease', post('/v3/lease/timetolive', { ID: 99 })],
  ['all leases', post('/v3/lease/leases')],
  ['all leases, by the old path', post('/v3/kv/lease/leases')],
  ['revoking', post('/v3/kv/lease/revoke', { ID: '1234' })],
  ['revoking nothing', post('/v3/lease/revoke', { ID: '1234' })],
  ['members', post('/v3/cluster/member/list')],
  ['a member that is not there', post('/v3/cluster/member/remove', { ID: '1' })],
  [
    'leadership for a member that is not there',
    post('/v3/maintenance/transfer-leadership', { targetID: '1' }),
  ],
  [
    'a watch',
    post('/v3/watch', { create_request: { key: base64('leased'), start_revision: '4' } }, { lines: 2 }),
  ],
  [
    'two watches',
    post(
      '/v3/watch',
      '{"create_request":{"key":"YQ==","range_end":"eg==","watch_id":7,"prev_kv":true,"start_revision":6}}{"progress_request":{}}',
      { lines: 3, unordered: true },
    ),
  ],
  [
    'a watch on compacted history',
    post('/v3/watch', { create_request: { key: base64('a'), start_revision: '1' } }, { lines: 2 }),
  ],
  ['a lock', post('/v3/lock/lock', { name: base64('mine') })],
  ['unlocking nothing', post('/v3/lock/unlock', { key: base64('none') })],
  ['no leader', post('/v3/election/leader', { name: base64('office') })],
  ['a campaign', post('/v3/election/campaign', { name: base64('office'), value: base64('me') })],
  ['the leader', post('/v3/election/leader', { name: base64('office') })],
  ['observing', post('/v3/election/observe', { name: base64('office') }, { lines: 1 })],
  ['a proclamation by nobody', post('/v3/election/proclaim', { value: base64('x') })],
  [
    'a proclamation by who does not lead',
    post('/v3/election/proclaim', {
      leader: { name: base64('office'), key: base64('office/1'), rev: '1', lease: '1' },
      value: base64('x'),
    }),
  ],
  ['a resignation by nobody', post('/v3/election/resign')],
  ['a new role', post('/v3/auth/role/add', { name: 'r' })],
  [
    'a permission',
    post('/v3/auth/role/grant', {
      name: 'r',
      perm: { permType: 'READWRITE', key: base64('a'), range_end: base64('b') },
    }),
  ],
  ['the role', post('/v3/auth/role/get', { role: 'r' })],
  ['a new user', post('/v3/auth/user/add', { name: 'u', password: 'p' })],
  ['the same user', post('/v3/auth/user/add', { name: 'u', password: 'p' })],
  ['a user that is not there', post('/v3/auth/user/get', { name: 'zz' })],
  ['a grant', post('/v3/auth/user/grant', { user: 'u', role: 'r' })],
  ['root', post('/v3/auth/user/add', { name: 'root', password: 'p' })],
  ['enabling without the role', post('/v3/auth/enable')],
  ['the role of root', post('/v3/auth/user/grant', { user: 'root', role: 'root' })],
  ['authenticating too early', post('/v3/auth/authenticate', { name: 'root', password: 'p' })],
  ['enabling', post('/v3/auth/enable')],
  ['nobody', post('/v3/kv/range', { key: base64('a') })],
  ['a wrong password', post('/v3/auth/authenticate', { name: 'u', password: 'x' })],
  ['a right password', post('/v3/auth/authenticate', { name: 'u', password: 'p' })],
  ['allowed', post('/v3/kv/range', { key: base64('a') }, { curl: ['-H', 'Authorization: $token'] })],
  ['forbidden', post('/v3/kv/range', { key: base64('b') }, { curl: ['-H', 'Authorization: $token'] })],
  [
    'forbidden watch',
    post(
      '/v3/watch',
      { create_request: { key: base64('b') } },
      { curl: ['-H', 'Authorization: $token'], lines: 1 },
    ),
  ],
  ['a false token', post('/v3/kv/range', { key: base64('a') }, { curl: ['-H', 'Authorization: false.1'] })],
  [
    'users, asked by no administrator',
    post('/v3/auth/user/list', {}, { curl: ['-H', 'Authorization: $token'] }),
  ],
  ['the password of root', post('/v3/auth/authenticate', { name: 'root', password: 'p' })],
  ['users', post('/v3/auth/user/list', {}, { curl: ['-H', 'Authorization: $token'] })],
  ['roles', post('/v3/auth/role/list', {}, { curl: ['-H', 'Authorization: $token'] })],
  ['disabling', post('/v3/auth/disable', {}, { curl: ['-H', 'Authorization: $token'] })],
];

interface Answer {
  readonly status: string;
  readonly type: string;
  readonly cors: string;
  readonly body: string;
}

class Browser {
  readonly #member: StoreMember;
  readonly #normalizer: Normalizer;
  readonly #http: readonly string[];
  #token = '';

  constructor(member: StoreMember, http: readonly string[] = []) {
    this.#member = member;
    this.#http = http;
    this.#normalizer = new Normalizer({ url: member.endpoint });
  }

  async ask({ path, body, curl = [], lines, unordered }: Ask): Promise<Answer> {
    const data = typeof body === 'object' ? JSON.stringify(body) : body;
    const args = [
      '-sNi',
      '--max-time',
      '60',
      ...this.#http,
      this.#member.endpoint + path,
      ...curl.map((word) => word.replace('$token', this.#token)),
      ...(data === undefined ? [] : ['-d', data]),
    ];
    const raw =
      lines === undefined
        ? (await run('curl', args, { timeoutMs: 120_000 })).stdout
        : await stream(args, lines);
    const [head = '', ...rest] = raw.split('\r\n\r\n');
    const text = rest.join('\r\n\r\n').replace(/Grpc-Trailer-Content-Type: application\/grpc\s*$/, '');
    const content = unordered === true ? text.split('\n').sort().join('\n') : text;
    this.#token = /"token":"([^"]*)"/.exec(content)?.[1] ?? this.#token;
    const header = (name: string): string => new RegExp(`^${name}: *([^\r\n]*)`, 'im').exec(head)?.[1] ?? '';
    return {
      status: head.split('\r\n')[0]?.split(' ')[1] ?? '',
      type: header('content-type'),
      cors: header('access-control-allow-origin'),
      body: this.#normalizer
        .text(content)
        .replace(/"token":"[^"]*"/, '"token":"<token>"')
        .replace(/"raft_term":"\d+"/g, '"raft_term":"<n>"')
        // Their ends are ids of leases.
        .replace(/"key":"(b2ZmaWNlL|bWluZS|bWlu)[^"]*"/g, '"key":"<turn>"'),
    };
  }
}

/** What curl printed when so many lines of the body were there. */
async function stream(args: readonly string[], lines: number): Promise<string> {
  const child = spawn('curl', args);
  const closed = once(child, 'close');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const enough = (): boolean => (text.split('\r\n\r\n')[1] ?? '').split('\n').length > lines;
  await until(`curl prints ${lines} lines`, 60_000, () =>
    enough() || child.exitCode !== null ? true : undefined,
  ).catch(() => undefined);
  child.kill('SIGKILL');
  await closed;
  return text;
}

suite('curl gets the same from the JSON gateway', () => {
  const groups: StoreGroup[] = [];
  const browsers: Browser[] = [];
  const member = (i: number): StoreMember => {
    const found = groups[i]?.members[0];
    assert.ok(found !== undefined);
    return found;
  };

  before(
    async () => {
      const ours = process.env['STORE_PEER'] === 'etcd' ? etcd : timonier;
      for (const program of [etcd, ours, ours]) groups.push(await StoreGroup.start(program, 1));
      const http2 = ours === etcd ? [] : ['--http2-prior-knowledge'];
      for (const i of groups.keys()) browsers.push(new Browser(member(i), i < 2 ? [] : http2));
    },
    { timeout: 300_000 },
  );
  after(async () => {
    for (const group of groups) await group.close();
  });

  for (const [name, ask] of asks)
    test(name, async () => {
      const [theirs, ours, overHttp2] = await Promise.all(browsers.map((browser) => browser.ask(ask)));
      assert.deepEqual(ours, theirs);
      assert.deepEqual(overHttp2, theirs, 'over HTTP/2');
    });

  test('health, version and metrics are on the port of the clients', async () => {
    for (const i of groups.keys()) {
      const { endpoint } = member(i);
      const health = await fetch(`${endpoint}/health`);
      assert.equal(health.status, 200);
      assert.equal(((await health.json()) as { health: string }).health, 'true');
      const version = (await (await fetch(`${endpoint}/version`)).json()) as Record<string, string>;
      assert.deepEqual(Object.keys(version), ['etcdserver', 'etcdcluster']);
      const metrics = await fetch(`${endpoint}/metrics`);
      assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
      assert.match(await metrics.text(), /^etcd_server_has_leader 1$/m);
    }
  });
});
