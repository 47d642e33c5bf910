import { readFileSync } from 'node:fs';
import { ours } from './programs.ts';
import { MeasuredServer } from './server.ts';
import { load } from './client.ts';
const program = ours(undefined);
const server = await MeasuredServer.start({
  ...program,
  args: ['--trace-gc', '--trace-gc-nvp', ...program.args],
});
const sessions = Array.from({ length: 4 }, () => server.connect());
const report = (name: string, from: number): number => {
  const text = readFileSync('/tmp/apisrv-0.log', 'utf8');
  const lines = text
    .slice(from)
    .split('\n')
    .filter((l) => / gc=s /.test(l))
    .slice(-4);
  console.log(`== ${name}`);
  for (const l of lines)
    console.log(
      (
        l.match(
          /pause=[\d.]+|allocated=\d+|promoted=\d{3,}|new_space_survived=\d+|nodes_died_in_new=\d+|promotion_rate=[\d.]+%/g,
        ) ?? []
      ).join(' '),
    );
  return text.length;
};
let at = 0;
for (const path of process.argv.slice(2)) {
  await load(sessions, 1_000, 32, () => ({ method: 'GET', path }));
  await load(sessions, 30_000, 32, () => ({ method: 'GET', path }));
  at = report(path, at);
}
for (const s of sessions) s.destroy();
await server.close();
process.exit(0);
