/**
 * `timonier member list|add|remove|promote|replace`: who belongs to a store. They concern one store and not a cluster
 * of this machine, which they work without.
 */
import {
  booleanFlag,
  defineGroup,
  listFlag,
  type RunProgram,
  stringFlag,
  UsageError,
} from '@timonier/component';
import { type ListedMember, StoreMembers } from '@timonier/store/members';
import { accessFlags, accessOf } from './store-access.ts';
import { defineVerb } from './verb.ts';

const output = stringFlag('', 'json for programs');
const peerUrls = listFlag([], 'where other members reach it, such as https://10.0.0.4:2380');

type Access = Parameters<typeof accessOf>[0];

/** Runs with a conversation that is closed afterwards. */
async function withStore<T>(flags: Access, run: (store: StoreMembers) => Promise<T>): Promise<T> {
  const store = new StoreMembers(accessOf(flags));
  try {
    return await run(store);
  } finally {
    store.close();
  }
}

function print(format: string, value: object, text: string): number {
  if (format !== '' && format !== 'json') throw new UsageError(`--output: "${format}" is not json`);
  process.stdout.write(format === 'json' ? `${JSON.stringify(value)}\n` : `${text}\n`);
  return 0;
}

function nameOf({ name, id }: ListedMember): string {
  return name === '' ? id : name;
}

function table(members: readonly ListedMember[]): string {
  const rows = [
    ['ID', 'NAME', 'ROLE', 'STATE', 'PEERS', 'CLIENTS'],
    ...members.map((member) => [
      member.id,
      member.name || '-',
      member.witness ? `${member.role}, witness` : member.role,
      stateOf(member),
      member.peerUrls.join(','),
      member.clientUrls.join(',') || '-',
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function stateOf({ condition, behind, promotedWhenReady }: ListedMember): string {
  const parts: string[] = [condition];
  if (behind !== null && behind > 0) parts.push(`${behind} entries behind`);
  if (promotedWhenReady) parts.push('votes once it has caught up');
  return parts.join(', ');
}

/** How to start a member that was just added. */
function startLine(
  members: readonly ListedMember[],
  added: { readonly name: string; readonly peerUrls: readonly string[]; readonly witness: boolean },
): string {
  const others = members
    .filter((member) => member.name !== '' && !member.peerUrls.some((url) => added.peerUrls.includes(url)))
    .map((member) => ({ name: member.name, peerUrls: member.peerUrls }))
    .toSorted((a, b) => a.name.localeCompare(b.name));
  const initial = [...others, added]
    .flatMap((member) => member.peerUrls.map((url) => `${member.name}=${url}`))
    .join(',');
  return [
    'timonier store',
    `--name ${added.name}`,
    `--listen-peer-urls ${added.peerUrls.join(',')}`,
    `--initial-advertise-peer-urls ${added.peerUrls.join(',')}`,
    `--initial-cluster ${initial}`,
    '--initial-cluster-state existing',
    ...(added.witness ? ['--witness'] : []),
  ].join(' \\\n  ');
}

const list = defineVerb({
  name: 'member list',
  summary: 'shows the members of a store and how they are',
  examples: [
    'timonier member list',
    'timonier member list --endpoint unix:/run/timonier/store.sock',
    'timonier member list --output json | jq -r \'.[] | select(.condition == "silent").name\'',
  ],
  flags: { ...accessFlags, output },
  needsRoot: false,
  run: async ({ flags }) =>
    withStore(flags, async (store) => {
      const members = await store.list();
      return print(flags.output, members, table(members));
    }),
});

async function added(
  store: StoreMembers,
  name: string,
  urls: readonly string[],
  witness: boolean,
): Promise<{ id: string; start: string }> {
  const id = await store.add(urls, witness);
  return { id, start: startLine(await store.list(), { name, peerUrls: urls, witness }) };
}

const add = defineVerb({
  name: 'member add',
  usage: 'NAME --peer-urls URL',
  summary: 'adds a member that learns first and votes by itself once it has caught up',
  examples: [
    'timonier member add d --peer-urls https://10.0.0.4:2380',
    'timonier member add w --witness --peer-urls https://10.0.0.9:2380',
  ],
  flags: {
    ...accessFlags,
    'peer-urls': peerUrls,
    witness: booleanFlag(false, 'a voter that keeps the log and no state, for a small host'),
    output,
  },
  maxArguments: 1,
  needsRoot: false,
  run: async ({ flags, argument }) => {
    const name = argument(0);
    if (flags['peer-urls'].length === 0) throw new UsageError('--peer-urls says where the member is reached');
    return withStore(flags, async (store) => {
      const taken = (await store.list()).find((member) => member.name === name);
      if (taken !== undefined)
        throw new Error(
          `${name} is a member already (${taken.id}); choose another name, or replace it (timonier member replace ${name})`,
        );
      const { id, start } = await added(store, name, flags['peer-urls'], flags.witness);
      return print(
        flags.output,
        { id, name, start },
        `added ${name} (${id}); start it with an empty data directory:\n\n${start}\n\nIt votes by itself once it has caught up (timonier member list).`,
      );
    });
  },
});

/** A verb that does one thing with one member. */
function withMember(spec: {
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly change: (store: StoreMembers, member: ListedMember) => Promise<unknown>;
  readonly done: (name: string) => string;
}): RunProgram {
  return defineVerb({
    ...spec,
    usage: 'NAME|ID',
    flags: { ...accessFlags, output },
    maxArguments: 1,
    needsRoot: false,
    run: async ({ flags, argument }) => {
      const which = argument(0);
      return withStore(flags, async (store) => {
        const member = await store.find(which);
        await spec.change(store, member);
        return print(flags.output, { id: member.id, name: member.name }, spec.done(nameOf(member)));
      });
    },
  });
}

const remove = withMember({
  name: 'member remove',
  summary: 'takes a member out for good; its data is of no use afterwards',
  examples: ['timonier member remove c', 'timonier member remove 8e9e05c52164694d'],
  change: (store, member) => store.remove(member),
  done: (name) => `removed ${name}`,
});

const promote = withMember({
  name: 'member promote',
  summary: 'makes a learner a voter now; one that `member add` added becomes it by itself',
  examples: ['timonier member promote d'],
  change: (store, member) => store.promote(member),
  done: (name) => `${name} votes now`,
});

const replace = defineVerb({
  name: 'member replace',
  usage: 'NAME|ID [--peer-urls URL]',
  summary: 'takes a dead member out and adds a new one in its place, which learns first',
  examples: [
    'timonier member replace c',
    'timonier member replace c --as d --peer-urls https://10.0.0.4:2380',
  ],
  flags: {
    ...accessFlags,
    'peer-urls': listFlag([], 'where the new member is reached; by default where the dead one was'),
    as: stringFlag('', 'name of the new member; by default the name of the dead one'),
    output,
  },
  maxArguments: 1,
  needsRoot: false,
  run: async ({ flags, argument }) => {
    const which = argument(0);
    return withStore(flags, async (store) => {
      const dead = await store.find(which);
      if (dead.condition === 'alive')
        throw new Error(
          `${nameOf(dead)} is alive: stop it first, or add the new member and remove this one when the new one votes`,
        );
      const name = flags.as || dead.name;
      if (name === '') throw new UsageError(`${which} never had a name; give the new member one with --as`);
      const urls = flags['peer-urls'].length > 0 ? flags['peer-urls'] : dead.peerUrls;
      await store.remove(dead);
      const { id, start } = await added(store, name, urls, dead.witness);
      return print(
        flags.output,
        { removed: dead.id, id, name, start },
        `removed ${nameOf(dead)} (${dead.id}) and added ${name} (${id}); start it with an empty data directory:\n\n${start}\n\nIt votes by itself once it has caught up (timonier member list).`,
      );
    });
  },
});

export const member = defineGroup({
  call: 'timonier member',
  summary: 'list, add, remove, promote, replace members of a store',
  what: 'action',
  programs: {
    list: () => list,
    add: () => add,
    remove: () => remove,
    promote: () => promote,
    replace: () => replace,
  },
  examples: [
    'timonier member list',
    'timonier member add d --peer-urls https://10.0.0.4:2380',
    'timonier member replace c',
  ],
});
