/**
 * Which of the names that a definition asks for it gets: those that no other definition of its group has. Pure. Once
 * all its first names were accepted a definition is established, and stays so.
 */
import { type Condition, type Definition, nameOf, withCondition } from './definition-types.ts';

type Names = Definition['spec']['names'];

interface Verdict {
  readonly accepted: Names;
  /** The first conflict, or undefined. */
  readonly conflict: { readonly reason: string; readonly message: string } | undefined;
}

function usedNames(others: readonly Definition[]): { resources: Set<string>; kinds: Set<string> } {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of others) {
    const { plural, singular, shortNames = [], kind, listKind } = status?.acceptedNames ?? {};
    for (const name of [plural, singular, ...shortNames]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  return { resources, kinds };
}

/** Judges the names of one definition against the accepted ones of the `others` of its group. */
function judgeNames(definition: Definition, others: readonly Definition[]): Verdict {
  const { names } = definition.spec;
  const before: Partial<Names> = definition.status?.acceptedNames ?? {};
  const { resources, kinds } = usedNames(others);
  const conflicts: { reason: string; message: string }[] = [];
  const refuse = (reason: string, name: string): void => {
    conflicts.push({ reason, message: `${JSON.stringify(name)} is already in use` });
  };
  const pick = (
    wanted: string | undefined,
    had: string | undefined,
    used: Set<string>,
    reason: string,
  ): string => {
    if (!wanted) return had ?? '';
    if (!used.has(wanted)) return wanted;
    refuse(reason, wanted);
    return had ?? '';
  };
  const plural = pick(names.plural, before.plural, resources, 'PluralConflict');
  const singular = pick(names.singular, before.singular, resources, 'SingularConflict');
  const taken = (names.shortNames ?? []).find((name) => resources.has(name));
  if (taken !== undefined) refuse('ShortNamesConflict', taken);
  const kind = pick(names.kind, before.kind, kinds, 'KindConflict');
  const listKind = pick(names.listKind, before.listKind, kinds, 'ListKindConflict');
  const shortNames = taken === undefined ? names.shortNames : before.shortNames;
  return {
    accepted: {
      plural,
      ...(singular === '' ? {} : { singular }),
      ...(shortNames === undefined ? {} : { shortNames }),
      kind,
      ...(listKind === '' ? {} : { listKind }),
      ...(names.categories === undefined ? {} : { categories: names.categories }),
    },
    conflict: conflicts[0],
  };
}

/** The status that a definition shall have; `now` is RFC 3339. */
export function statusOf(
  definition: Definition,
  all: readonly Definition[],
  now: string,
): NonNullable<Definition['status']> {
  const others = all.filter(
    (other) => other.spec.group === definition.spec.group && nameOf(other) !== nameOf(definition),
  );
  const { accepted, conflict } = judgeNames(definition, others);
  let conditions: Condition[] = withCondition(
    definition.status?.conditions ?? [],
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict },
    now,
  );
  const established = conditions.find(({ type }) => type === 'Established');
  if (established?.status !== 'True') {
    conditions = withCondition(
      conditions,
      conflict === undefined
        ? {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          }
        : {
            type: 'Established',
            status: 'False',
            reason: 'NotAccepted',
            message: 'not all names are accepted',
          },
      now,
    );
  }
  return {
    ...definition.status,
    conditions,
    acceptedNames: accepted,
    storedVersions: definition.status?.storedVersions ?? [],
  };
}
