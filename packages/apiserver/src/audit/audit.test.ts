/** What the audit log holds, on a real server; and that a log that cannot be written stalls nobody. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { RequestTarget } from '../http/request-target.ts';
import { startApiServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { Auditor } from './auditor.ts';
import { AuditLogFile } from './log-file.ts';
import { decide, parseAuditPolicy } from './policy.ts';

const policy = parseAuditPolicy(`
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: [system:apiserver]}
- {level: None, nonResourceURLs: ['/readyz', '/metrics*']}
- level: Metadata
  resources: [{group: '', resources: [secrets]}]
- level: RequestResponse
  omitManagedFields: true
  resources: [{group: '', resources: [configmaps]}]
- level: Request
  verbs: [watch]
  omitStages: []
- level: Metadata
`);

// What an event holds is for the test to say.
// oxlint-disable-next-line typescript/no-explicit-any
type Event = any;

test('the first rule that matches decides', () => {
  const user = { name: 'jane', groups: ['dev', 'system:authenticated'] };
  const info = {
    path: '',
    verb: 'get',
    group: '',
    resource: 'pods',
    namespace: 'a',
    name: 'x',
    subresource: '',
  };
  const one = (rule: string) =>
    decide(parseAuditPolicy(`{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [${rule}]}`), user, info)
      .level;
  const table: readonly (readonly [string, string])[] = [
    ['{level: Request, users: [jane]}', 'Request'],
    ['{level: Request, users: [john]}', 'None'],
    ['{level: Request, userGroups: [dev]}', 'Request'],
    ['{level: Request, verbs: [list]}', 'None'],
    ["{level: Request, resources: [{group: '', resources: ['pods/*']}]}", 'Request'],
    ["{level: Request, resources: [{group: '', resources: ['*/log']}]}", 'None'],
    ['{level: Request, namespaces: [b]}', 'None'],
    ["{level: Request, resources: [{group: '', resources: [pods/log]}]}", 'None'],
    ['{level: Request, resources: [{group: apps}]}', 'None'],
    ["{level: Request, resources: [{group: ''}]}", 'Request'],
    ["{level: Request, resources: [{group: '', resources: [pods], resourceNames: [y]}]}", 'None'],
    ["{level: Request, nonResourceURLs: ['*']}", 'None'],
    ['{level: None}, {level: Request}', 'None'],
  ];
  for (const [rule, level] of table) assert.equal(one(rule), level, rule);
  assert.throws(() => one('{level: All}'), /rules\[0\]\.level: Unsupported value/);
  assert.throws(
    () => one("{level: Request, namespaces: [a], nonResourceURLs: ['/x']}"),
    /cannot apply to both/,
  );
  assert.throws(() => one('{level: Request, omitStages: [Never]}'), /allowed stages/);
});

test('a request is looked at once for where it came from, however many events it makes', () => {
  const events: Event[] = [];
  const sink = {
    write: (line: string) => void events.push(JSON.parse(line)),
    close: () => Promise.resolve(),
  };
  const all = parseAuditPolicy('{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}');
  const headers = { 'x-forwarded-for': '192.0.2.1' };
  const request = { headers, socket: { remoteAddress: '192.0.2.7' } as { remoteAddress?: string } };
  const record = new Auditor(all, sink, new Registry()).begin(
    {
      request,
      url: { pathname: '/', search: '' } as RequestTarget,
      header: () => undefined,
      headers: {},
      statusCode: 200,
    },
    { name: 'jane', groups: [] },
    { path: '/', verb: 'get', namespace: '', name: '', subresource: '' },
    true,
  );
  // As a connection that has ended.
  request.socket = {};
  headers['x-forwarded-for'] = '192.0.2.2';
  record?.started();
  record?.stage('ResponseComplete');
  const sources = ['192.0.2.1', '192.0.2.7'];
  assert.deepEqual(
    events.map(({ stage, sourceIPs }) => [stage, sourceIPs]),
    [
      ['RequestReceived', sources],
      ['ResponseStarted', sources],
      ['ResponseComplete', sources],
    ],
  );
});

test('events say who asked for what and what became of it, and no more than the policy allows', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-audit-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'audit.log');
  const { endpoint } = await startEtcd(t);
  const file = { path, maxBytes: 2 ** 30, maxBackups: 0, maxAgeDays: 0, bufferSize: 10_000 };
  const server = await startApiServer(t, { endpoint, audit: { policy, file } });
  await until(
    async () => (await server.request('GET', '/api/v1/namespaces/default')).status === 200,
    'the namespace is there',
  );
  const headers = { 'audit-id': 'chosen-1', 'user-agent': 'tester/1' };
  const secret = { metadata: { name: 's' }, stringData: { p: 'hunter2' } };
  assert.equal(
    (await server.request('POST', '/api/v1/namespaces/default/secrets', secret, { headers })).status,
    201,
  );
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { a: 'b' } };
  const made = await server.request('POST', '/api/v1/namespaces/default/configmaps', map, {
    headers: { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' },
  });
  assert.equal(made.status, 201, made.body.toString());
  const asProxy = { as: 'proxy' };
  const refused = await server.request('GET', '/api/v1/namespaces/default/secrets/s', undefined, asProxy);
  assert.equal(refused.status, 403);
  const stop = new AbortController();
  const events = server.watch('/api/v1/pods?watch=1&timeoutSeconds=1', stop.signal);
  await events.next();
  stop.abort();
  let log: Event[] = [];
  const read = async (): Promise<Event[]> => {
    const text = await readFile(path, 'utf8').catch(() => '');
    log = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
    return log;
  };
  const of = (id: unknown): Event => log.find(({ auditID }) => auditID === id);
  await until(
    async () => (await read()).filter(({ verb }) => verb === 'watch').length >= 2,
    'the watch has begun and ended',
  );
  const created = of('chosen-1');
  assert.deepEqual(
    { ...created, requestReceivedTimestamp: '', stageTimestamp: '', sourceIPs: [] },
    {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'chosen-1',
      stage: 'ResponseComplete',
      requestURI: '/api/v1/namespaces/default/secrets',
      verb: 'create',
      user: {
        username: 'kubernetes-admin',
        groups: ['system:masters', 'system:authenticated'],
        extra: created.user.extra,
      },
      sourceIPs: [],
      userAgent: 'tester/1',
      objectRef: { resource: 'secrets', namespace: 'default', name: 's', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      requestReceivedTimestamp: '',
      stageTimestamp: '',
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    },
  );
  assert.match(created.stageTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const full = of(made.headers['audit-id']);
  assert.equal(full.level, 'RequestResponse');
  assert.equal(full.impersonatedUser.username, 'jane');
  assert.deepEqual(full.requestObject.data, { a: 'b' });
  assert.equal(full.responseObject.metadata.name, 'm');
  assert.equal(full.responseObject.metadata.managedFields, undefined);
  const forbidden = of(refused.headers['audit-id']);
  assert.equal(forbidden.annotations['authorization.k8s.io/decision'], 'forbid');
  assert.equal(forbidden.responseStatus.code, 403);
  assert.equal(forbidden.responseStatus.reason, 'Forbidden');
  assert.deepEqual(
    log.filter(({ verb }) => verb === 'watch').map(({ stage }) => stage),
    ['ResponseStarted', 'ResponseComplete'],
  );
  const text = await readFile(path, 'utf8');
  assert.ok(!text.includes('hunter2') && !text.includes(Buffer.from('hunter2').toString('base64')));
  assert.ok(!text.includes('"/readyz"'));
});

test('a log begins anew when it is large, keeps what it shall, and drops what a full buffer cannot take', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-audit-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const lost: unknown[] = [];
  const options = {
    path: join(directory, 'audit.log'),
    maxBytes: 100,
    maxBackups: 2,
    maxAgeDays: 0,
    bufferSize: 3,
    onError: (plugin: unknown) => void lost.push(plugin),
  };
  const file = new AuditLogFile(options);
  for (let i = 0; i < 6; i++) {
    file.write(`${i}`.repeat(60));
    await until(
      async () => (await readFile(options.path, 'utf8').catch(() => '')).includes(`${i}${i}`),
      'it is written',
    );
    await until(() => Date.now() % 2 === 0, 'time has passed');
  }
  assert.equal(lost.length, 0);
  const names = await readdir(directory);
  assert.equal(names.length, 3, names.join());
  for (let i = 0; i < 10; i++) file.write('x');
  assert.deepEqual(
    lost,
    Array.from({ length: 7 }, () => 'buffered'),
  );
  await file.close();
  const broken = new AuditLogFile({ ...options, path: join(directory, 'missing', 'audit.log') });
  broken.write('x');
  await until(() => lost.includes('log'), 'the failure is counted');
  await broken.close();
});

test('an event that comes when the one before has just been written is written too', async () => {
  // What is to be written fails at once, so that it can be told when the look for more is over.
  for (let depth = 0; depth < 8; depth++) {
    let lost = 0;
    const file: AuditLogFile = new AuditLogFile({
      path: join(tmpdir(), 'timonier-no-such-folder', 'audit.log'),
      maxBytes: 2 ** 30,
      maxBackups: 0,
      maxAgeDays: 0,
      bufferSize: 10,
      onError: () => {
        lost++;
        if (lost > 1) return;
        let turn = Promise.resolve();
        for (let i = 0; i < depth; i++) turn = turn.then(() => undefined);
        void turn.then(() => file.write('second'));
      },
    });
    file.write('first');
    await until(() => lost > 0, 'the first one was tried');
    await file.close();
    assert.equal(lost, 2, `after ${depth} turns`);
  }
});

test('an event is not lost because an old file cannot be removed', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-audit-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'audit.log');
  // What has the name of an old file, and is none that can be removed.
  await mkdir(join(directory, 'audit-2020-01-01T00-00-00.000.log', 'x'), { recursive: true });
  const told: (readonly [string, number])[] = [];
  const file = new AuditLogFile({
    path,
    maxBytes: 10,
    maxBackups: 1,
    maxAgeDays: 0,
    bufferSize: 10,
    onError: (plugin, events) => told.push([plugin, events]),
  });
  for (const line of ['the first line', 'the second line']) {
    file.write(line);
    await until(async () => (await readFile(path, 'utf8').catch(() => '')) === `${line}\n`, line);
  }
  await file.close();
  assert.deepEqual(told, [['log', 0]]);
});
