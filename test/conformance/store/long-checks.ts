/**
 * etcdctl's own checks, `check perf` and `check datascale`, on Debian's etcd and on `timonier store` one after the
 * other, and how much of a long lease is left after the leader changed, with checkpoints and without. They take minutes,
 * so they are no part of the tests. Exits 1 when ours does not pass what etcd passes.
 */
import { defineProgram } from '@timonier/component';
import { run } from '../../acceptance/command.ts';
import { etcd, type Program, StoreGroup, timonier } from './members.ts';

/** What a check printed last: its verdicts, without the bar that shows its progress. */
async function verdicts(program: Program, check: string): Promise<string[]> {
  const group = await StoreGroup.start(program, 1);
  try {
    const [member] = group.members;
    if (member === undefined) throw new Error('there is no member');
    // With its scheme: one of them asks /metrics by HTTP.
    const { stdout } = await run('etcdctl', ['--endpoints', member.endpoint, 'check', check, '--load', 's'], {
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

/** Whether checkpoints did what they are for, on either. */
async function compareLeases(): Promise<boolean> {
  const all = await Promise.all(
    [etcd, timonier].flatMap((program) =>
      [true, false].map(async (checkpoints) => ({
        program: program.name,
        checkpoints,
        left: await leaseAcrossLeaders(program, checkpoints),
      })),
    ),
  );
  let isRight = true;
  for (const { program, checkpoints, left } of all) {
    const [before, after] = left;
    process.stdout.write(
      `lease of ${leaseTtl} s, checkpoints ${checkpoints ? 'on' : 'off'}, ${program}: ${before} s left, ${after} s after the leader changed\n`,
    );
    const kept = after <= before + 10;
    isRight &&= kept === checkpoints;
  }
  return isRight;
}

async function compareVerdicts(check: string): Promise<boolean> {
  const theirs = await verdicts(etcd, check);
  const ours = await verdicts(timonier, check);
  const passes = (lines: readonly string[]): boolean =>
    lines.length > 0 && lines.every((line) => line.startsWith('PASS'));
  process.stdout.write(`check ${check}\n  etcd: ${theirs.join('; ')}\n  ours: ${ours.join('; ')}\n`);
  return passes(ours) || !passes(theirs);
}

const known = {
  leases: 'how much of a long lease is left after the leader changed, with checkpoints and without',
  perf: 'etcdctl check perf, with a small load',
  datascale: 'etcdctl check datascale, with a small load',
};

const call = './bin/node test/conformance/store/long-checks.ts';

const longChecks = defineProgram({
  call,
  usage: '[CHECK…]',
  summary: 'what etcdctl checks itself, on etcd and on ours; all by default',
  examples: [call, `${call} perf datascale`],
  choice: { what: 'check', known, mayRepeat: true },
  flags: {},
  run: async ({ positional }) => {
    let isRight = true;
    for (const name of Object.keys(known)) {
      if (positional.length > 0 && !positional.includes(name)) continue;
      const passed = name === 'leases' ? await compareLeases() : await compareVerdicts(name);
      isRight &&= passed;
    }
    return isRight ? 0 : 1;
  },
});

process.exitCode = await longChecks(process.argv.slice(2));
