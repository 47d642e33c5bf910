/**
 * What etcdctl is asked to do, in order, on a fresh store of one member. Each line is one call of etcdctl; quotes work
 * as in a shell, and `$name` stands for what an earlier step saved.
 *
 * Invariant: no line depends on time, so two stores that behave alike print alike (see normalize.ts for ids).
 */

export interface Call {
  readonly call: string;
  readonly input?: string;
  /** Saves the first group under a name for later lines. */
  readonly save?: { readonly name: string; readonly pattern: RegExp };
  /** Its lines have no order: several watches, members in the order of their ids. */
  readonly unordered?: true;
}

/** A call that runs on while the next ones are made. The run waits until it has printed what matches `ready`. */
export interface Begin {
  readonly begin: string;
  readonly as: string;
  readonly input?: string;
  readonly ready?: RegExp;
}

/** Waits until the call has printed so many lines, interrupts it unless it ends by itself, and compares it all. */
export interface End {
  readonly end: string;
  readonly lines: number;
  readonly unordered?: true;
}

export type Step = string | Call | Begin | End;

/** The script of a transaction: compares, then the two branches, as etcdctl reads them from its input. */
function txn(compares: readonly string[], success: readonly string[], failure: readonly string[]): string {
  return [...compares, '', ...success, '', ...failure, '', ''].join('\n');
}

const reading: Step[] = [
  'put a 1 -w json',
  'put a 2 --prev-kv -w json',
  'put b 3',
  'put ba "with spaces"',
  'put bb ""',
  'put c 4 -w fields',
  'put d 0',
  'put b 5 --prev-kv',
  { call: 'put from-stdin', input: 'value from the input' },
  'put never-there --ignore-value',
  'put a --ignore-value -w json',
  'put a 6 --ignore-lease',
  'put "" 1',
  'put x 1 --lease 7b',
  // A write that failed leaves no trace: the next revision is still in the future.
  'get a --rev 13',
  'get a',
  'get a -w json',
  'get a -w fields',
  'get a --hex',
  'get a --print-value-only',
  'get nothing',
  'get nothing -w json',
  'get ""',
  'get "" --prefix --keys-only',
  'get "" --from-key --keys-only',
  'get b --prefix',
  'get b --prefix -w json',
  'get b --prefix --keys-only',
  'get b --prefix --keys-only -w json',
  'get b --prefix --print-value-only',
  'get b --prefix --limit 2 -w json',
  'get b --prefix --limit 3 -w json',
  'get b --prefix --limit 100 -w json',
  'get b --from-key --limit 2 -w json',
  'get ba --from-key --keys-only',
  'get a c --keys-only',
  'get a c -w json',
  'get c a -w json',
  'get a --consistency s -w json',
  'get b --prefix --consistency s -w json',
  ...['CREATE', 'KEY', 'MODIFY', 'VALUE', 'VERSION'].flatMap((target) =>
    ['ASCEND', 'DESCEND'].map(
      (order) => `get "" --prefix --keys-only -w json --sort-by ${target} --order ${order}`,
    ),
  ),
  'get "" --prefix --sort-by MODIFY --order DESCEND --limit 2 -w json',
  'get "" --prefix --order DESCEND --keys-only',
  'get "" --prefix --order ASCEND --keys-only',
  'get a --rev 2 -w json',
  'get a --rev 3 -w json',
  'get b --prefix --rev 4 -w json',
  'get "" --prefix --rev 6 --sort-by VALUE --order DESCEND -w json',
  'get a --rev 1000',
  'get a --rev -1',
  'get "" --prefix --rev 1 -w json',
];

const deleting: Step[] = [
  'del nothing',
  'del a',
  'get a -w json',
  'get a --rev 3 -w json',
  'del b --prev-kv -w json',
  'del b --prefix --prev-kv',
  'del b --prefix',
  'del ""',
  'del c d',
  'put a again -w json',
  'put e 1',
  'put f 2',
  'put g 3',
  'del e g -w json',
  'del f --from-key --prev-kv -w json',
  'get "" --prefix --keys-only -w json',
];

const transactions: Step[] = [
  'put t/a one',
  'put t/a two',
  'put t/b three -w json',
  { call: 'txn', input: txn(['value("t/a") = "two"'], ['put t/c yes', 'get t/c'], ['put t/c no']) },
  { call: 'txn', input: txn(['value("t/a") = "one"'], ['put t/c yes'], ['get t/c', 'del t/c']) },
  {
    call: 'txn -w json',
    input: txn(['version("t/a") = "2"'], ['get t/ --prefix', 'del t/b --prev-kv', 'put t/d 1'], []),
  },
  {
    call: 'txn -w json',
    input: txn(['version("t/none") = "0"', 'create("t/none") = "0"'], ['get t/a'], ['get t/b']),
  },
  { call: 'txn', input: txn(['mod("t/a") > "0"', 'create("t/a") < "1000"'], ['get t/a'], ['get t/b']) },
  { call: 'txn', input: txn(['mod("t/a") < "1"'], ['get t/a'], ['get t/d']) },
  { call: 'txn', input: txn(['value("t/a") != "two"'], [], ['put t/e 1']) },
  { call: 'txn', input: txn(['value("t/a") > "a"', 'value("t/a") < "z"'], ['put t/e 2 --prev-kv'], []) },
  { call: 'txn', input: txn(['value("t/none") = ""'], ['get t/a'], ['get t/d']) },
  { call: 'txn', input: txn([], ['put t/g 1', 'put t/h 2', 'get t/ --prefix --limit 2'], []) },
  { call: 'txn', input: txn([], ['put t/g 1', 'put t/g 2'], []) },
  { call: 'txn', input: txn([], ['del t/ --prefix', 'put t/g 2'], []) },
  { call: 'txn -w json', input: txn([], ['get t/g', 'put t/g 5', 'get t/g'], []) },
  { call: 'txn', input: txn([], ['put "" 1'], []) },
  { call: 'txn', input: txn(['version("") = "0"'], ['get t/a'], []) },
  { call: 'txn', input: txn([], ['get t/a --rev 100000'], []) },
  { call: 'txn', input: txn([], ['put t/i 1 --lease 7b'], []) },
  { call: 'txn', input: txn([], ['put t/i --ignore-value'], []) },
  { call: 'txn', input: txn([], [], []) },
  {
    call: 'txn',
    input: txn(
      [],
      Array.from({ length: 129 }, (_unused, i) => `put t/many${i} 1`),
      [],
    ),
  },
  {
    call: 'txn',
    input: txn(
      [],
      Array.from({ length: 128 }, (_unused, i) => `get t/many${i}`),
      [],
    ),
  },
  'get t/ --prefix -w json',
];

const watching: Step[] = [
  { call: 'put w/a 1 -w json', save: { name: 'start', pattern: /"revision":(\d+)/ } },
  'put w/b 2',
  'del w/a',
  { begin: 'watch w/a --rev $start', as: 'history of a key' },
  { end: 'history of a key', lines: 6 },
  { begin: 'watch w/ --prefix --rev $start -w json', as: 'history of a prefix' },
  { end: 'history of a prefix', lines: 1 },
  { begin: 'watch w/ --prefix --rev $start --prev-kv', as: 'history with previous values' },
  { end: 'history with previous values', lines: 11 },
  { begin: 'watch w/a w/b --rev $start', as: 'history of a range' },
  { end: 'history of a range', lines: 6 },
  // A watch from the next revision on sees the same whether it begins before or after the write.
  { call: 'put w/c 1 -w json', save: { name: 'live', pattern: /"revision":(\d+)/ } },
  { begin: 'watch w/c --rev $live -w json', as: 'live key', ready: /"events"/i },
  { begin: 'watch w/ --prefix --rev $live --prev-kv', as: 'live prefix', ready: /PUT/ },
  { begin: 'watch w/c w/e --rev $live', as: 'live range', ready: /PUT/ },
  { begin: 'watch w/ -i', as: 'many in one', input: `watch w/c --rev $live\nwatch w/d --rev $live\n` },
  'put w/c 2',
  'put w/d 3',
  {
    call: 'txn',
    input: txn([], ['put w/c 4', 'put w/d 5', 'del w/e'], []),
  },
  'del w/ --prefix',
  { end: 'live key', lines: 4 },
  { end: 'live prefix', lines: 30 },
  { end: 'live range', lines: 21 },
  { end: 'many in one', lines: 21, unordered: true },
  { begin: 'watch -i', as: 'progress', input: 'watch w/none\nprogress\n' },
  { end: 'progress', lines: 1 },
  { begin: 'watch w/x --rev 1000000', as: 'a far future' },
  'put w/x 1',
  { begin: 'watch w/x --rev $live -- echo seen', as: 'a command per event' },
  { end: 'a command per event', lines: 4 },
  { end: 'a far future', lines: 0 },
];

const compacting: Step[] = [
  { call: 'put k/a 1 -w json', save: { name: 'old', pattern: /"revision":(\d+)/ } },
  'put k/a 2',
  'put k/b 1',
  'del k/b',
  { call: 'put k/a 3 -w json', save: { name: 'floor', pattern: /"revision":(\d+)/ } },
  'put k/a 4',
  'compaction 1000000',
  'compaction $floor',
  'compaction $floor',
  'compaction $old',
  'compaction 0',
  'get k/a --rev $old',
  'get k/a --rev $floor -w json',
  'get k/a -w json',
  'get k/ --prefix -w json',
  'get k/b --rev $floor -w json',
  { begin: 'watch k/a --rev $old', as: 'compacted history' },
  { end: 'compacted history', lines: 1 },
  { begin: 'watch k/a --rev $floor', as: 'history that is still there' },
  { end: 'history that is still there', lines: 6 },
  { call: 'put k/c 1 -w json', save: { name: 'physical', pattern: /"revision":(\d+)/ } },
  'compaction $physical --physical',
  'get k/ --prefix -w json',
  { call: 'txn', input: txn([], ['get k/a --rev $old'], []) },
];

const leasing: Step[] = [
  'lease list',
  { call: 'lease grant 600', save: { name: 'lease', pattern: /lease ([0-9a-f]+)/ } },
  { call: 'lease grant 500', save: { name: 'other', pattern: /lease ([0-9a-f]+)/ } },
  'lease grant 700 -w json',
  { call: 'lease grant 0', save: { name: 'zero', pattern: /lease ([0-9a-f]+)/ } },
  'lease revoke $zero',
  'lease grant 10000000000',
  'lease list',
  'lease list -w json',
  'lease timetolive $lease',
  'lease timetolive $lease --keys',
  'put l/a 1 --lease $lease -w json',
  'put l/b 2 --lease $lease',
  'put l/c 3 --lease $lease',
  'put l/c 4 --ignore-lease',
  'put l/b 5',
  'put l/a --ignore-value --lease $other',
  'put l/d --ignore-value --lease $other',
  'get l/ --prefix -w json',
  'lease timetolive $lease --keys',
  'lease timetolive $lease --keys -w json',
  'lease timetolive $other --keys',
  {
    call: 'txn',
    input: txn(['version("l/c") = "2"'], ['put l/e 1 --lease $lease', 'get l/e'], ['get l/a']),
  },
  'lease keep-alive $lease --once',
  'lease keep-alive $lease --once -w json',
  { begin: 'lease keep-alive $other', as: 'keep-alive' },
  { end: 'keep-alive', lines: 1 },
  'lease keep-alive 1234',
  'lease keep-alive 1234 --once',
  'lease timetolive 1234',
  'lease timetolive 1234 -w json',
  'lease revoke 1234',
  { call: 'put l/z 1 -w json', save: { name: 'revoking', pattern: /"revision":(\d+)/ } },
  'lease revoke $lease',
  'lease revoke $lease',
  'get l/ --prefix -w json',
  'lease timetolive $lease',
  { begin: 'watch l/ --prefix --rev $revoking -w json', as: 'revoked keys' },
  { end: 'revoked keys', lines: 1 },
  { call: 'lease grant 1', save: { name: 'short', pattern: /lease ([0-9a-f]+)/ } },
  { call: 'put l/short 1 --lease $short -w json', save: { name: 'expiring', pattern: /"revision":(\d+)/ } },
  { begin: 'watch l/short --rev $expiring', as: 'expiry' },
  { end: 'expiry', lines: 5 },
  'get l/short -w json',
  'lease timetolive $short',
];

const electing: Step[] = [
  'lock one echo held',
  'lock one false',
  { begin: 'lock two', as: 'the holder', ready: /two\// },
  { begin: 'lock two', as: 'who waits' },
  { end: 'the holder', lines: 1 },
  { end: 'who waits', lines: 1 },
  { begin: 'elect three me', as: 'the elected', ready: /me/ },
  { begin: 'elect -l three', as: 'an observer', ready: /me/ },
  'get three --prefix --print-value-only',
  { end: 'an observer', lines: 2 },
  { end: 'the elected', lines: 2 },
];

const operating: Step[] = [
  'endpoint health',
  'endpoint health --cluster',
  'endpoint status',
  'endpoint status -w json',
  'endpoint status --endpoints $url',
  'get none --endpoints $url -w json',
  'endpoint hashkv',
  'endpoint hashkv --rev $physical',
  'endpoint hashkv --rev 1',
  'endpoint hashkv --rev 1000000',
  'member list',
  'member list -w json',
  'member list -w table',
  'move-leader 1',
  'alarm list',
  'alarm disarm',
  'defrag',
  'snapshot save $directory/backup.db',
  'member update 1 --peer-urls http://127.0.0.1:1',
  'member remove 1',
  'member promote 1',
  'user list',
  'user add someone:secret',
  'user get someone',
  'user delete someone',
  'role list',
  'role add reader',
  'role grant-permission reader read a',
  'role get reader',
  'role delete reader',
  'auth enable',
  'auth disable',
  {
    call: 'member add m2 --learner --peer-urls http://127.0.0.1:1',
    save: { name: 'learner', pattern: /Member\s+([0-9a-f]+) added/ },
  },
  { call: 'member list', unordered: true },
  'member promote $learner',
  'member remove $learner',
];

export const script: readonly { readonly topic: string; readonly steps: readonly Step[] }[] = [
  { topic: 'reading', steps: reading },
  { topic: 'deleting', steps: deleting },
  { topic: 'transactions', steps: transactions },
  { topic: 'watching', steps: watching },
  { topic: 'compacting', steps: compacting },
  { topic: 'leasing', steps: leasing },
  { topic: 'locks and elections', steps: electing },
  { topic: 'operating', steps: operating },
];
