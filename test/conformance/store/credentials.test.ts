/**
 * Who a client is, by certificate and by signed token, on Debian's etcd and on `timonier store` behind TLS in one run.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { mustRun, run } from '../../acceptance/command.ts';
import { until } from '../../acceptance/wait.ts';
import { etcd, freePorts, type Program, timonier } from './members.ts';
import { Normalizer } from './normalize.ts';

/** An authority, a server's certificate, and clients with their common names. */
async function makeCertificates(folder: string, names: readonly string[]): Promise<void> {
  const subject = (name: string): string => (name === 'nameless' ? '/O=nameless' : `/CN=${name}`);
  const openssl = (...args: string[]): Promise<unknown> => mustRun('openssl', args);
  const at = (file: string): string => join(folder, file);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.crt'),
    '-subj',
    '/CN=authority',
  );
  for (const name of ['server', ...names]) {
    await openssl(
      'req',
      ...key,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.csr`),
      '-subj',
      subject(name),
    );
    await writeFile(
      at(`${name}.ext`),
      'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n',
    );
    await openssl(
      'x509',
      '-req',
      '-in',
      at(`${name}.csr`),
      '-CA',
      at('ca.crt'),
      '-CAkey',
      at('ca.key'),
      '-CAcreateserial',
      '-extfile',
      at(`${name}.ext`),
      '-out',
      at(`${name}.crt`),
    );
  }
  await openssl('genrsa', '-out', at('token.key'), '2048');
  await openssl('rsa', '-in', at('token.key'), '-pubout', '-out', at('token.pub'));
}

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Secured {
  readonly endpoint: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #normalizer: Normalizer;
  #log = '';
  #token = '';

  private constructor(program: Program, folder: string, ports: readonly number[]) {
    this.#folder = folder;
    this.endpoint = `https://127.0.0.1:${ports[0]}`;
    this.#normalizer = new Normalizer({ url: this.endpoint, endpoint: `127.0.0.1:${ports[0]}`, folder });
    const peer = `http://127.0.0.1:${ports[1]}`;
    const flags = {
      'data-dir': join(folder, program.name),
      'listen-client-urls': this.endpoint,
      'advertise-client-urls': this.endpoint,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `default=${peer}`,
      'cert-file': join(folder, 'server.crt'),
      'key-file': join(folder, 'server.key'),
      'trusted-ca-file': join(folder, 'ca.crt'),
      'client-cert-auth': 'true',
      'bcrypt-cost': '4',
      'auth-token': `jwt,sign-method=RS256,pub-key=${join(folder, 'token.pub')},priv-key=${join(folder, 'token.key')},ttl=10m`,
    };
    this.#child = spawn(
      program.file,
      [...program.args, ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
  }

  static async start(program: Program, folder: string): Promise<Secured> {
    const secured = new Secured(program, folder, await freePorts(2));
    await until(`${program.name} serves`, 60_000, async () => {
      if (secured.#child.exitCode !== null) throw new Error(`${program.name} ended: ${secured.#log}`);
      return (await secured.etcdctl('root', 'member list')).code === 0 ? true : undefined;
    }).catch(async (error: unknown) => {
      await secured.stop();
      throw error;
    });
    return secured;
  }

  #certificate(name: string, form: 'etcdctl' | 'curl'): string[] {
    const file = (suffix: string): string => join(this.#folder, `${name}.${suffix}`);
    return ['--cacert', join(this.#folder, 'ca.crt'), '--cert', file('crt'), '--key', file('key')].concat(
      form === 'curl' ? ['-s', '--max-time', '60', '-w', '\n%{http_code} %{http_version}'] : [],
    );
  }

  async etcdctl(name: string, call: string): Promise<Output> {
    const args = ['--endpoints', this.endpoint, ...this.#certificate(name, 'etcdctl'), ...call.split(' ')];
    return this.#normalizer.output(
      await run('etcdctl', args, { env: { ETCDCTL_API: '3' }, timeoutMs: 60_000 }),
    );
  }

  /** Posts to the gateway; `$token` is the last one that was given. */
  async curl(
    name: string,
    path: string,
    body: object,
    authorization = '',
    http = '--http1.1',
  ): Promise<string> {
    const { stdout } = await run('curl', [
      ...this.#certificate(name, 'curl'),
      ...(authorization === ''
        ? []
        : ['-H', `Authorization: ${authorization.replace('$token', this.#token)}`]),
      http,
      '-d',
      JSON.stringify(body),
      this.endpoint + path,
    ]);
    this.#token = /"token":"([^"]*)"/.exec(stdout)?.[1] ?? this.#token;
    return this.#normalizer.text(stdout).replace(/"token":"[^"]*"/, '"token":"<token>"');
  }

  get token(): string {
    return this.#token;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

suite('who a client is counts the same', () => {
  let folder = '';
  let sides: Secured[] = [];

  before(
    async () => {
      folder = await mkdtemp(join(tmpdir(), 'store-credentials-'));
      await makeCertificates(folder, ['root', 'reader', 'stranger', 'nameless']);
      sides = await Promise.all([Secured.start(etcd, folder), Secured.start(timonier, folder)]);
    },
    { timeout: 300_000 },
  );
  after(async () => {
    for (const side of sides) await side.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function same(act: (side: Secured) => Promise<unknown>): Promise<unknown> {
    const [theirs, ours] = await Promise.all(sides.map((side) => act(side)));
    assert.deepEqual(ours, theirs);
    return ours;
  }

  test('by the common name of a certificate', async () => {
    for (const [name, call, expected] of [
      ['root', 'user add root --no-password', /created/],
      ['root', 'user grant-role root root', /granted/],
      ['root', 'user add reader:pw', /created/],
      ['root', 'role add r', /created/],
      ['root', 'role grant-permission r read k', /updated/],
      ['root', 'user grant-role reader r', /granted/],
      ['stranger', 'put k 1', /OK/],
      ['root', 'auth enable', /Enabled/],
      ['reader', 'get k', /^k\n1/],
      ['reader', 'put k 2', /permission denied/],
      ['reader', 'user list', /permission denied/],
      ['stranger', 'get k', /permission denied/],
      ['stranger', 'get k --user reader:pw', /^k\n1/],
      ['stranger', 'get k --user root:pw', /no password user/],
      ['root', 'put k 2', /OK/],
      ['root', 'user list', /reader/],
    ] as const) {
      const said = (await same((side) => side.etcdctl(name, call))) as Output;
      assert.match(said.stdout + said.stderr, expected, `${name}: ${call}`);
    }
  });

  test('not by a certificate on the gateway, but by a signed token until users change', async () => {
    const body = { key: Buffer.from('k').toString('base64') };
    const http2 = '--http2-prior-knowledge';
    // By either HTTP; curl says by which.
    const range = async (side: Secured, token = ''): Promise<string> =>
      (await side.curl('nameless', '/v3/kv/range', body, token)) +
      (await side.curl('nameless', '/v3/kv/range', body, token, http2));
    assert.match(
      String(await same((side) => side.curl('reader', '/v3/kv/range', body, '', http2))),
      /CommonName .* ignored and not used as expected\n\n400 2$/,
    );
    assert.match(
      String(await same((side) => side.curl('reader', '/v3/kv/range', body))),
      /CommonName .* ignored/,
    );
    assert.match(String(await same((side) => range(side))), /user name is empty/);
    assert.match(
      String(
        await same((side) =>
          side.curl('nameless', '/v3/auth/authenticate', { name: 'reader', password: 'pw' }),
        ),
      ),
      /<token>/,
    );
    for (const { token } of sides) assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.match(String(await same((side) => range(side, '$token'))), /"value":"Mg=="/);
    assert.match(String(await same((side) => range(side, '$token.x'))), /invalid auth token/);
    await same((side) => side.etcdctl('root', 'role grant-permission r read other'));
    assert.match(String(await same((side) => range(side, '$token'))), /revision of auth store is old/);
  });

  test('a token that one signed is good on the other, for they share the key and the users', async () => {
    const [theirs, ours] = sides;
    assert.ok(theirs !== undefined && ours !== undefined);
    await same((side) => side.curl('nameless', '/v3/auth/authenticate', { name: 'reader', password: 'pw' }));
    const body = { key: Buffer.from('k').toString('base64') };
    assert.match(await ours.curl('nameless', '/v3/kv/range', body, theirs.token), /"value":"Mg=="/);
    assert.match(await theirs.curl('nameless', '/v3/kv/range', body, ours.token), /"value":"Mg=="/);
  });

  test('who has no certificate of the authority is not heard', async () => {
    for (const { endpoint } of sides) {
      const { code, stdout } = await run('curl', [
        '-s',
        '--cacert',
        join(folder, 'ca.crt'),
        `${endpoint}/health`,
      ]);
      assert.notEqual(code, 0);
      assert.equal(stdout, '');
    }
  });

  test('no password is in the files of the store', async () => {
    const [, ours] = sides;
    await ours?.etcdctl('root', 'user add secretive:a-very-secret-password');
    await ours?.stop();
    const { stdout } = await run('grep', ['-rlac', 'a-very-secret-password', join(folder, 'timonier')]);
    assert.equal(stdout, '');
    assert.match(await readFile(join(folder, 'token.pub'), 'utf8'), /PUBLIC KEY/);
  });
});
