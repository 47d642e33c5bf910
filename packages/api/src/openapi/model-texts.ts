/**
 * The texts that `kubectl explain` shows, read at run time from the type declarations of the npm package
 * `kubernetes-models`, message by message on first use. Without the package there are none, and nothing else changes.
 */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import type { OpenApiTexts } from './definitions.ts';

const MODELS = 'kubernetes-models';
const MACHINERY = '@kubernetes-models/apimachinery';

/** API groups whose directory is not their short name. */
const GROUPS: Readonly<Record<string, string>> = {
  core: '',
  apps: 'apps',
  autoscaling: 'autoscaling',
  batch: 'batch',
  policy: 'policy',
  rbac: 'rbac.authorization.k8s.io',
  flowcontrol: 'flowcontrol.apiserver.k8s.io',
};

/** Where a message is declared: the package and the file in it. */
function placeOf(message: string): { readonly pack: string; readonly file: string } | undefined {
  const machinery = /^io\.k8s\.apimachinery\.pkg\.([\w.]+)$/.exec(message);
  if (machinery !== null) {
    return { pack: MACHINERY, file: `${(machinery[1] ?? '').replaceAll('.', '/')}.d.ts` };
  }
  const match = /^io\.k8s\.(?:api|[\w-]+\.pkg\.apis)\.(\w+)\.(v\w+)\.(\w+)$/.exec(message);
  if (match === null) return undefined;
  const [, short = '', version = '', name = ''] = match;
  return { pack: MODELS, file: join(GROUPS[short] ?? `${short}.k8s.io`, version, `${name}.d.ts`) };
}

const COMMENT = String.raw`\/\*\*((?:[^*]|\*(?!\/))*)\*\/`;
const INTERFACE = new RegExp(`(?:${COMMENT}\\s*)?export (?:interface|type|declare type) `);
const FIELD = new RegExp(`\\n    ${COMMENT}\\n    "([^"]+)"\\??:`, 'g');

interface Texts {
  readonly own: string | undefined;
  readonly fields: ReadonlyMap<string, string>;
}

/** The text without what is TypeScript's own: tags, and the marks that keep an asterisk from ending a comment. */
function plain(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .filter((line) => !line.startsWith('@'))
    .join('\n')
    .replaceAll(/\\([*/])/g, '$1')
    .trim();
}

function readTexts(source: string): Texts {
  const head = INTERFACE.exec(source);
  const end = source.indexOf('\n}', head?.index ?? 0);
  const body = source.slice(head?.index ?? 0, end < 0 ? undefined : end);
  const fields = new Map<string, string>();
  for (const [, comment = '', name = ''] of body.matchAll(FIELD)) fields.set(name, plain(comment));
  return { own: head?.[1] === undefined ? undefined : plain(head[1]), fields };
}

/** Texts from the installed package; `from` is a module URL or path to look from. */
export function modelTexts(from: string | URL = import.meta.url): OpenApiTexts {
  const roots = new Map<string, string | undefined>();
  const cache = new Map<string, Texts | undefined>();
  const rootOf = (pack: string): string | undefined => {
    if (!roots.has(pack)) {
      let found: string | undefined;
      try {
        // The second package may be installed inside the first.
        const start = pack === MACHINERY ? (findPackageJSON(MODELS, from) ?? from) : from;
        found = findPackageJSON(pack, start);
      } catch {
        found = undefined;
      }
      roots.set(pack, found === undefined ? undefined : dirname(found));
    }
    return roots.get(pack);
  };
  const load = (message: string): Texts | undefined => {
    const place = placeOf(message);
    const root = place === undefined ? undefined : rootOf(place.pack);
    if (place === undefined || root === undefined) return undefined;
    try {
      return readTexts(readFileSync(join(root, place.file), 'utf8'));
    } catch {
      return undefined; // a message that this edition of the package does not declare
    }
  };
  return {
    describe(message, field) {
      if (!cache.has(message)) cache.set(message, load(message));
      const texts = cache.get(message);
      return field === undefined ? texts?.own : texts?.fields.get(field);
    },
  };
}
