/**
 * etcdctl's own checks, `check perf` and `check datascale`, on Debian's etcd and on `timonier store` one after the
 * other. They take over a minute each, so they are no part of the tests: `./bin/node test/conformance/store/long-checks.ts`.
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

for (const check of checks) {
  const theirs = await verdicts(etcd, check);
  const ours = await verdicts(timonier, check);
  const passes = (lines: readonly string[]): boolean =>
    lines.length > 0 && lines.every((line) => line.startsWith('PASS'));
  process.stdout.write(`${check.join(' ')}\n  etcd: ${theirs.join('; ')}\n  ours: ${ours.join('; ')}\n`);
  if (passes(theirs) && !passes(ours)) process.exitCode = 1;
}
