/**
 * etcdctl's own checks, `check perf` and `check datascale`, on Debian's etcd and on `timonier store` one after the
 * other, and how much of a long lease is left after the leader changed, with checkpoints and without. They take minutes,
 * so they are no part of the tests: `./bin/node test/conformance/store/long-checks.ts [perf|datascale|leases]…`.
 * Ends with 1 when ours does not pass what etcd passes.
 */
import { run } from '../../acceptance/command.ts';
import { etcd, type Program, StoreGroup, timonier } from './members.ts';

const checks = [
  ['check', 'perf', '--load', 's'],
  ['check', 'datascale', '--load', 's'],
] as const;

/** What a check printed last: its verdicts, without the bar that shows its progress. */
async function verdicts(program: Program, check: readonly string[]): Promise<string[]> {
  const group = await StoreGroup.start(program, 1);
  try {
    const [member] = group.members;
    if (member === undefined) throw new Error('there is no member');
    // With its scheme: one of them asks /metrics by HTTP.
    const { stdout } = await run('etcdctl', ['--endpoints', member.endpoint, ...check], {
      env: { ETCDCTL_API: '3' },
      timeoutMs: 180_000,
    });
    return stdout.split(/[\r\n]/).filter((line) => /^(PASS|FAIL)/.test(line));
  } finally {
    await group.close();
  }
}

/** Longer than the five minutes between two checkpoints of a lease. */
const leaseTtl = 400;
const checkpointMs = 302_000;

/** Seconds left of a lease before and after leadership moved, more than one checkpoint after it was granted. */
async function leaseAcrossLeaders(program: Program, checkpoints: boolean): Promise<[number, number]> {
  const group = await StoreGroup.start(
    program,
    3,
    checkpoints
      ? {
          'experimental-enable-lease-checkpoint': 'true',
          'experimental-enable-lease-checkpoint-persist': 'true',
        }
      : {},
  );
  try {
    const ask = async (args: readonly string[]): Promise<string> => {
      const { stdout } = await (await group.leader()).etcdctl(args);
      return stdout;
    };
    const granted = await ask(['lease', 'grant', String(leaseTtl)]);
    const id = granted.split(' ')[1] ?? '';
    const left = async (): Promise<number> =>
      Number(/remaining\((\d+)s\)/.exec(await ask(['lease', 'timetolive', id]))?.[1]);
    await new Promise((resolve) => setTimeout(resolve, checkpointMs));
    const before = await left();
    const leader = await group.leader();
    const next = group.members.find((member) => member !== leader);
    const id16 = BigInt((await next?.status())?.memberId ?? '').toString(16);
    const moved = await leader.etcdctl(['move-leader', id16]);
    if (moved.code !== 0 || (await group.leader()) === leader) throw new Error(`not moved: ${moved.stderr}`);
    return [before, await left()];
  } finally {
    await group.close();
  }
}

async function compareLeases(): Promise<void> {
  const all = await Promise.all(
    [etcd, timonier].flatMap((program) =>
      [true, false].map(async (checkpoints) => ({
        program: program.name,
        checkpoints,
        left: await leaseAcrossLeaders(program, checkpoints),
      })),
    ),
  );
  for (const { program, checkpoints, left } of all) {
    const [before, after] = left;
    process.stdout.write(
      `lease of ${leaseTtl} s, checkpoints ${checkpoints ? 'on' : 'off'}, ${program}: ${before} s left, ${after} s after the leader changed\n`,
    );
    const kept = after <= before + 10;
    if (kept !== checkpoints) process.exitCode = 1;
  }
}

const wanted = process.argv.slice(2);
if (wanted.length === 0 || wanted.includes('leases')) await compareLeases();
for (const check of checks) {
  if (wanted.length > 0 && !wanted.includes(check[1])) continue;
  const theirs = await verdicts(etcd, check);
  const ours = await verdicts(timonier, check);
  const passes = (lines: readonly string[]): boolean =>
    lines.length > 0 && lines.every((line) => line.startsWith('PASS'));
  process.stdout.write(`${check.join(' ')}\n  etcd: ${theirs.join('; ')}\n  ours: ${ours.join('; ')}\n`);
  if (passes(theirs) && !passes(ours)) process.exitCode = 1;
}
