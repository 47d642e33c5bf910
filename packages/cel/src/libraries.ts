/** The libraries that Kubernetes turns on for every expression. */
import { conversions } from './libraries/conversions.ts';
import { formats } from './libraries/formats.ts';
import { listShapes } from './libraries/list-shapes.ts';
import { lists } from './libraries/lists.ts';
import { network } from './libraries/network.ts';
import { operators } from './libraries/operators.ts';
import { optionals } from './libraries/optionals.ts';
import { quantities } from './libraries/quantities.ts';
import { semver } from './libraries/semver.ts';
import { sets } from './libraries/sets.ts';
import { texts } from './libraries/texts.ts';
import { times } from './libraries/times.ts';
import { urls } from './libraries/urls.ts';
import type { Library, Overload } from './overload.ts';

const all = [
  operators,
  conversions,
  texts,
  times,
  lists,
  listShapes,
  sets,
  urls,
  quantities,
  network,
  formats,
  optionals,
  semver,
];

/** Functions of one name from several libraries are overloads of each other. */
export const standardLibrary: Library = all.reduce<Record<string, readonly Overload[]>>((out, library) => {
  for (const [name, overloads] of Object.entries(library)) out[name] = [...(out[name] ?? []), ...overloads];
  return out;
}, {});
