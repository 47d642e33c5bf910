/**
 * Where a real program is, for tests and benchmarks: `peer('kube-apiserver')`. Never builds; `npm run peers` does.
 * `TIMONIER_PEERS` names a folder to take them from instead, as one of released programs.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { moduleFiles, type ProgramName, programs } from './programs.ts';
import { fingerprint } from './recipe.ts';

/** Ignored by git, kept from one build to the next. */
export const builtFolder = fileURLToPath(new URL('../../.timonier/peers/', import.meta.url));

export type Peer = { readonly file: string } | { readonly missing: string };

export function programFile(name: ProgramName): string {
  return join(builtFolder, name);
}

/** Beside a program: the fingerprint of what it was built from. */
export function stampFile(name: ProgramName): string {
  return join(builtFolder, `${name}.built-from`);
}

export function isUpToDate(name: ProgramName): boolean {
  if (!existsSync(programFile(name)) || !existsSync(stampFile(name))) return false;
  return readFileSync(stampFile(name), 'utf8') === fingerprint(name, moduleFiles(programs[name].module));
}

export function peer(name: ProgramName): Peer {
  const elsewhere = process.env['TIMONIER_PEERS'];
  if (elsewhere !== undefined && elsewhere !== '') {
    const file = join(elsewhere, name);
    return existsSync(file) ? { file } : { missing: `${name} is not in ${elsewhere} (TIMONIER_PEERS)` };
  }
  if (isUpToDate(name)) return { file: programFile(name) };
  const state = existsSync(programFile(name)) ? 'built from other versions' : 'not built';
  return { missing: `${name} is ${state}: \`npm run peers -- ${name}\` builds it with Go` };
}

/** For whoever cannot go on without it. */
export function peerFile(name: ProgramName): string {
  const found = peer(name);
  if ('missing' in found) throw new Error(found.missing);
  return found.file;
}
