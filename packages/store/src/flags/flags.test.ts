import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseArguments, UsageError } from '@timonier/component';
import { opensslNames } from './cipher-suites.ts';
import { readConfigFile } from './config-file.ts';
import { etcdFlags } from './etcd-flags.ts';
import { checkFixed, fixed, fixedFlags } from './fixed-flags.ts';
import { ownFlags } from './own-flags.ts';
import { fixedRows, honouredRows, ownRows, type Row } from './table.ts';

const flags = { ...etcdFlags, ...fixedFlags(), ...ownFlags };

function check(...argv: string[]): void {
  checkFixed(parseArguments(flags, argv).flags);
}

test('every flag of etcd has its variable, and no flag of ours has one', () => {
  for (const [name, { env }] of Object.entries({ ...etcdFlags, ...fixedFlags() }))
    assert.equal(env, `ETCD_${name.toUpperCase().replaceAll('-', '_')}`);
  for (const { env } of Object.values(ownFlags)) assert.equal(env, undefined);
});

test('a setting without an effect is refused, with the reason', () => {
  check();
  for (const [name, { accepts, why }] of Object.entries(fixed)) {
    for (const value of accepts) check(`--${name}=${value}`);
    const other = ['true', 'false'].includes(accepts[0] ?? '')
      ? String(accepts[0] !== 'true')
      : 'something else';
    if (accepts.includes(other)) continue;
    assert.throws(
      () => check(`--${name}=${other}`),
      new UsageError(`--${name}=${other} cannot be honoured: ${why}`),
    );
  }
  assert.throws(() => check('--unsafe-no-fsync'), /what is acknowledged is on disk/);
});

test('a flag that nobody has is refused with the nearest that there is', () => {
  assert.throws(() => check('--listen-clients-urls=x'), /did you mean --listen-client-urls\?/);
  assert.throws(() => check('--experimental-enable-v3v2=x'), /did you mean --experimental-enable-v2v3\?/);
});

test('suites have the names of either world, and unknown ones are refused', () => {
  assert.equal(opensslNames([]), undefined);
  assert.equal(
    opensslNames(['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305']),
    'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305',
  );
  assert.throws(() => opensslNames(['TLS_NULL']), /"TLS_NULL" is none of/);
});

test('a configuration file takes the place of etcd’s flags and variables, and leaves ours', () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-config-'));
  try {
    const file = join(folder, 'etcd.yml');
    const arranged = (content: string, ...argv: string[]): ReturnType<typeof readConfigFile> => {
      writeFileSync(file, content);
      return readConfigFile(
        [...argv, '--config-file', file],
        { ETCD_NAME: 'other', PATH: '/bin' },
        flags,
        ownFlags,
      );
    };
    const { argv, env } = arranged(
      [
        'name: one',
        'data-dir: /data',
        'snapshot-count: 5000',
        'listen-client-urls: http://a:1,http://b:2',
        'log-outputs: [stderr]',
        'client-transport-security:',
        '  cert-file: /c.crt',
        '  client-cert-auth: true',
        '  crl-file: /c.crl',
        'peer-transport-security:',
        '  cert-file: /p.crt',
      ].join('\n'),
      '--name=ignored',
      '--data-dir',
      'ignored',
      '--client-cert-auth',
      '--private-socket',
      '/s.sock',
      '--ops-address=',
    );
    const { flags: f } = parseArguments({ ...flags, 'ops-address': ownFlags['private-socket'] }, argv, env);
    assert.equal(f.name, 'one');
    assert.equal(f['data-dir'], '/data');
    assert.equal(f['snapshot-count'], 5000);
    assert.deepEqual(f['listen-client-urls'], ['http://a:1', 'http://b:2']);
    assert.equal(f['cert-file'], '/c.crt');
    assert.equal(f['client-cert-auth'], true);
    assert.equal(f['client-crl-file'], '/c.crl');
    assert.equal(f['peer-cert-file'], '/p.crt');
    assert.equal(f['private-socket'], '/s.sock');
    assert.throws(() => arranged('nam: one'), /there is no nam; did you mean name\?/);
    assert.throws(() => arranged('- name'), /no list of names and values/);
    assert.throws(() => arranged('name: {a: 1}'), /neither text nor a number/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The rows of a table of a page, without what a formatter may change. */
function rowsUnder(page: string, heading: string): string[] {
  const section = page.split(`\n${heading}\n`)[1]?.split('\n## ')[0]?.split('\n### ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => line.replace(/\s+/g, ' ').trim());
}

test('the page about the API lists every flag as the code has it', () => {
  const page = readFileSync(new URL('../../../../docs/store-api.md', import.meta.url), 'utf8');
  const lines = (rows: readonly Row[]): string[] =>
    rows.map((row) => `| ${row.join(' | ').replace(/\s+/g, ' ')} |`);
  assert.deepEqual(rowsUnder(page, '### Honoured'), lines(honouredRows()));
  assert.deepEqual(rowsUnder(page, '### Accepted at one value'), lines(fixedRows()));
  assert.deepEqual(rowsUnder(page, '### Our own'), lines(ownRows()));
});
