/** Query parameters of every verb, with values that are right, nearly right and absurd. */
import type { ResourceInfo } from '@timonier/api';
import type { Random } from '../../simulation/random.ts';
import { encodeName } from './paths.ts';
import { hostileText, mutated } from './values.ts';

export function queryOf(
  random: Random,
  use: 'write' | 'delete' | 'list' | 'watch',
  info: ResourceInfo,
): string {
  const out: string[] = [];
  const text = (): string => encodeName(hostileText(random));
  const add = (chance: number, make: () => string): void => {
    if (random.chance(chance)) out.push(make());
  };
  if (use === 'watch') {
    out.push('watch=1', 'timeoutSeconds=1');
    add(0.3, () => 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan');
    add(0.3, () => `allowWatchBookmarks=${random.pick(['true', 'true', '1', text()])}`);
    add(0.1, () => `watch=${random.pick(['0', 'false', text()])}`);
    add(0.1, () => `timeoutSeconds=${random.pick(['-1', '0', '99999999999', text()])}`);
    add(0.1, () => `sendInitialEvents=${random.pick(['true', 'false', text()])}`);
    add(0.1, () => `resourceVersion=${random.pick(['999999999', '9223372036854775807', '1.5', '+1'])}`);
  }
  if (use === 'list' || use === 'watch') {
    add(0.2, () => `labelSelector=${encodeName(selector(random))}`);
    add(0.15, () => `fieldSelector=${encodeName(fieldSelector(random, info))}`);
    add(0.3, () => `limit=${random.pick(['1', '1', '0', '500', '-1', '99999999999999999999', text()])}`);
    add(0.1, () => `continue=${random.chance(0.3) ? text() : forgedContinue(random)}`);
    add(
      0.2,
      () => `resourceVersion=${random.pick(['0', '0', '1', '50', '-1', '18446744073709551616', text()])}`,
    );
    add(0.1, () => `resourceVersionMatch=${random.pick(['Exact', 'NotOlderThan', text()])}`);
  } else {
    add(0.05, () => `fieldManager=${text()}`);
    add(0.3, () => `fieldValidation=${random.pick(['Strict', 'Warn', 'Warn', 'Ignore', 'Ignore', text()])}`);
    add(0.2, () => 'dryRun=All');
    if (use === 'delete') {
      add(0.4, () => `gracePeriodSeconds=${random.pick(['0', '-1', '30', '1e9', text()])}`);
      add(0.3, () => `propagationPolicy=${random.pick(['Orphan', 'Foreground', 'Background', text()])}`);
    }
  }
  add(0.05, () => `includeObject=${random.pick(['None', 'Object', 'Metadata', text()])}`);
  add(0.05, () => `pretty=${random.pick(['true', '1', text()])}`);
  add(0.03, () => `${text()}=${text()}`);
  return out.join('&');
}

/** A token that a page could have given, but for what it says. */
function forgedContinue(random: Random): string {
  const token = {
    v: random.pick(['meta.k8s.io/v1', 'meta.k8s.io/v1', 'meta.k8s.io/v1', 'meta.k8s.io/v2', '']),
    // One of the future is waited for.
    rv: random.chance(0.02) ? 999_999_999 : random.pick([1, 2, 50, -1, 0, 2 ** 53, 1.5]),
    start: random.pick([
      'f1',
      'f1\0',
      'fuzz-1/f1\0',
      '/f1',
      '../secrets/kept\0',
      './.././x',
      'kept/../../secrets',
      '\u{10ffff}',
      '\0',
      '',
      hostileText(random).slice(0, 2_000),
    ]),
  };
  const json = JSON.stringify(mutated(random, token, random.chance(0.2) ? 1 : 0)) ?? '';
  return Buffer.from(random.chance(0.05) ? json.slice(0, random.below(json.length)) : json).toString(
    'base64url',
  );
}

function selector(random: Random): string {
  const parts = Array.from({ length: random.chance(0.03) ? random.below(2_000) : random.below(4) }, () =>
    random.pick([
      'a',
      'a=b',
      '!a',
      'a in (b,c)',
      'a notin ()',
      'a>1',
      'a<x',
      `${hostileText(random).slice(0, 200)}=x`,
      '(',
      ',',
      'a==b=c',
      'x in (',
    ]),
  );
  return parts.join(random.pick([',', ',', ', ', ''])).slice(0, 8_000);
}

function fieldSelector(random: Random, info: ResourceInfo): string {
  const fields = ['metadata.name', 'metadata.namespace', ...info.selectableFields, 'spec.x'];
  const parts = Array.from(
    { length: 1 + random.below(3) },
    () => `${random.pick(fields)}${random.pick(['=', '==', '!=', ''])}${hostileText(random).slice(0, 200)}`,
  );
  return parts.join(',');
}
