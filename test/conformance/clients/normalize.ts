/**
 * What differs from run to run in the output of a client, replaced by what it is: times, ages, uids, versions of objects,
 * addresses, and names that the server made. Columns are as wide as their widest cell, so that they are set apart by
 * two spaces only.
 *
 * Pure: text in, lines out.
 */

/** The letters of names that Kubernetes makes; no vowels. */
const letters = 'bcdfghjklmnpqrstvwxz2456789';
const agedColumns = ['AGE', 'LAST SEEN', 'FIRST SEEN', 'DURATION', 'LAST SCHEDULE', 'SINCE'];

const replacements: readonly (readonly [RegExp, string])[] = [
  [/[IWEF]\d{4} [\d:.]+ +\d+ ([\w.]+):\d+\]/g, '<$1>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)\b/g, '<time>'],
  [/\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\b/g, '<time>'],
  [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} \w+( m=\S+)?/g, '<time>'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>'],
  [/("?[Rr]esource ?Version"?: *)"?\d+"?/g, '$1<version>'],
  [/\/(?:[\w-]+\/)*timonier-clients-\w+\//g, '<folder>/'],
  [/\bkubectl-edit-\w+/g, 'kubectl-edit-<random>'],
  [/(X509SHA256=)[0-9a-f]{64}/g, '$1<digest>'],
  [/https:\/\/(localhost|[\d.]+):\d+/g, 'https://<server>'],
  [/\b127\.0\.0\.1:\d+/g, '127.0.0.1:<port>'],
  // Addresses of documentation are what a script said itself.
  [
    /\b(?!0\.0\.0\.0|127\.0\.0\.1|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.)(?:\d{1,3}\.){3}\d{1,3}\b/g,
    '<ip>',
  ],
  [/\b3(?:0\d{3}|1\d{3}|2[0-7]\d\d)\b/g, '<node port>'],
  [new RegExp(`-[${letters}]{6,10}-[${letters}]{5}\\b`, 'g'), '-<hash>-<random>'],
  [new RegExp(`(pod-template-hash"?[:=] ?"?)[${letters}]{6,10}`, 'g'), '$1<hash>'],
  [new RegExp(`-[${letters}]{8,10}(?=\\s|$|"|')`, 'g'), '-<hash>'],
  [
    new RegExp(
      `(kube-api-access|node-debugger-[\\w-]+|pod[s]?[/ "]+[a-z0-9-]+)-[${letters}]{5}(?=\\W|$)`,
      'g',
    ),
    '$1-<random>',
  ],
  [new RegExp(`-[${letters}]{5}(?=\\s|$|"|'|,)`, 'g'), '-<random>'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
  [/\b(sha256:)[0-9a-f]{64}\b/g, '$1<digest>'],
  [/\b(containerd|cri-o|crun|timonier):\/\/[0-9a-f]{32,64}\b/g, '$1://<id>'],
];

/** A client that is through, or out of time, says now and then of its watches that they were ended: by itself. */
const ownEnd = /^[IWE]\d{4} .*\breflector\.go:\d+\].*\bcontext (canceled|deadline exceeded)\b/;

/** The lines of an output; none when it is empty. */
export function normalize(text: string): readonly string[] {
  if (text === '') return [];
  let ages: readonly (readonly [number, number])[] = [];
  return text
    .replace(/\n$/, '')
    .split('\n')
    .filter((line) => !ownEnd.test(line))
    .map((line) => {
      if (/^[A-Z][A-Z]+(?: |$)/.test(line) && /^[A-Z() -]+[A-Z)]\s*$/.test(line)) ages = agesIn(line);
      else if (line === '' || line.startsWith(' ')) ages = [];
      else line = withoutAges(line, ages);
      for (const [pattern, name] of replacements) line = line.replace(pattern, name);
      return line.replace(/(\S) {2,}/g, '$1  ').trimEnd();
    });
}

/** Where the columns begin and end that hold ages. */
function agesIn(header: string): readonly (readonly [number, number])[] {
  return [...header.matchAll(/\S+(?: \S+)*/g)]
    .map((match, i, all) => ({ name: match[0], from: match.index, to: all[i + 1]?.index ?? Infinity }))
    .filter(({ name }) => agedColumns.includes(name))
    .map(({ from, to }) => [from, to] as const);
}

/** From the right, so that what is longer than an age moves no column that is still to come. */
function withoutAges(line: string, columns: readonly (readonly [number, number])[]): string {
  for (const [from, to] of columns.toReversed()) {
    const cell = line.slice(from, to);
    const rest = to === Infinity ? '' : line.slice(to);
    if (/^\d/.test(cell)) line = `${line.slice(0, from)}<age>${rest === '' ? '' : `  ${rest}`}`;
  }
  return line;
}
