/**
 * The encryption configuration of a cluster as one of its shared secrets, and the steps by which its key is changed. The
 * keys' names count up, so that a file says by itself how far a rotation that was interrupted had come. Pure, but for
 * the random bytes of a new key.
 */
import { randomBytes } from 'node:crypto';
import { parse, stringify } from 'yaml';

interface Key {
  readonly name: string;
  readonly secret: string;
}

/** `one`: nothing to go on with. `added`: the newest key reads and does not write yet. `first`: it writes; older ones read. */
export type RotationState = 'one' | 'added' | 'first';

const keyBytes = 32;
const keyName = /^key(\d+)$/;

/** A configuration with one new key for secrets; what was stored before is still read. */
export function newEncryptionConfiguration(): string {
  return write([newKey(1)]);
}

export function rotationStateOf(text: string): RotationState {
  const keys = keysOf(text);
  if (keys.length === 1) return 'one';
  const newest = Math.max(...keys.map(numberOf));
  return keys[0] !== undefined && numberOf(keys[0]) === newest ? 'first' : 'added';
}

/** From `one` to `added`. */
export function withNewKey(text: string): string {
  const keys = keysOf(text);
  return write([...keys, newKey(Math.max(...keys.map(numberOf)) + 1)]);
}

/** From `added` to `first`. */
export function withNewestFirst(text: string): string {
  return write(keysOf(text).toSorted((a, b) => numberOf(b) - numberOf(a)));
}

/** From `first` to `one`. */
export function withFirstOnly(text: string): string {
  return write(keysOf(text).slice(0, 1));
}

export function firstKeyName(text: string): string {
  return keysOf(text)[0]?.name ?? '';
}

function newKey(number: number): Key {
  return { name: `key${number}`, secret: randomBytes(keyBytes).toString('base64') };
}

function numberOf({ name }: Key): number {
  return Number(keyName.exec(name)?.[1]);
}

function write(keys: readonly Key[]): string {
  return stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources: ['secrets'], providers: [{ aesgcm: { keys } }, { identity: {} }] }],
  });
}

/** Throws for a file that is not as it is written here: somebody has plans of their own with it. */
function keysOf(text: string): readonly Key[] {
  const document = parse(text) as {
    resources?: { providers?: { aesgcm?: { keys?: Key[] } }[] }[];
  } | null;
  const keys = document?.resources?.[0]?.providers?.[0]?.aesgcm?.keys ?? [];
  if (keys.length === 0 || document?.resources?.length !== 1 || !keys.every(({ name }) => keyName.test(name)))
    throw new Error(
      'the encryption configuration is not the one that this cluster was made with; change its keys by hand',
    );
  return keys;
}
