/**
 * Takes out of etcdctl's output what must differ between two stores: ids, ports, sizes, durations, terms and log
 * indexes. Ids keep their identity: the first distinct one seen becomes `<id1>`, in hexadecimal and decimal alike.
 */
import type { Output } from '../../acceptance/command.ts';

export class Normalizer {
  readonly #ids = new Map<bigint, string>();
  readonly #replacements: (readonly [string, string])[];

  /** `literals` are texts of this run alone, such as its folder, and their names. */
  constructor(literals: Readonly<Record<string, string>>) {
    this.#replacements = Object.entries(literals).map(([name, text]) => [text, `<${name}>`] as const);
  }

  #id(value: bigint): string {
    const key = BigInt.asUintN(64, value);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const name = `<id${this.#ids.size + 1}>`;
    this.#ids.set(key, name);
    return name;
  }

  text(raw: string): string {
    let text = raw;
    for (const [from, to] of this.#replacements) text = text.replaceAll(from, to);
    return (
      text
        .split('\n')
        .map((line) => clientLog(line))
        .filter((line) => line !== undefined)
        .join('\n')
        .replace(/"(raft_term|raftTerm|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse)":\d+/g, '"$1":<n>')
        .replace(/"raft_term":"\d+"/g, '"raft_term":"<n>"')
        .replace(/"RaftTerm" : \d+/g, '"RaftTerm" : <n>')
        .replace(
          /, \d+(\.\d+)? (k|M)?B, (true|false), (true|false), \d+, \d+, \d+, /g,
          ', <size>, $3, $4, <n>, ',
        )
        .replace(/^(ETCD_INITIAL_CLUSTER=)"(.*)"$/gm, (_line, name: string, members: string) =>
          [
            name,
            ...members
              .split(',')
              .map((member) => member.replace(/:\d{4,5}$/, ':<port>'))
              .sort(),
          ].join(' '),
        )
        .replace(/took = \S+/g, 'took = <time>')
        .replace(/remaining\(\d+s\)/g, 'remaining(<n>s)')
        .replace(/"ttl":[1-9]\d*/g, '"ttl":<n>')
        .replace(/(hashkv|<endpoint>), \d+$/gm, '$1, <hash>')
        .replace(/"version":"\d+\.\d+\.\d+"|, \d+\.\d+\.\d+, /g, (version) =>
          version.startsWith('"') ? '"version":"<version>"' : ', <version>, ',
        )
        .replace(/http:\/\/127\.0\.0\.1:\d{4,5}/g, 'http://<address>')
        .replace(/\|[^|\n]*\|[^\n]*\|$|^\+[-+]+\+$/gm, (row) => row.replace(/ +/g, ' ').replace(/-+/g, '-'))
        .replace(/(?<![\w.])-?\d{15,20}(?![\w.])/g, (id) => this.#id(BigInt(id)))
        .replace(/(?<![\w.])[0-9a-f]{13,16}(?![\w.])/g, (id) => this.#id(BigInt(`0x${id}`)))
        // etcdctl pads those that are shorter by chance.
        .replace(/ +(?=<id\d+>)/g, ' ')
    );
  }

  output({ code, stdout, stderr }: Output): Output {
    return { code, stdout: this.text(stdout), stderr: this.text(stderr) };
  }
}

/** Of what the client logs, only the server's error with its gRPC code is compared; the rest is about itself. */
function clientLog(line: string): string | undefined {
  if (!line.startsWith('{"level"')) return line;
  const { level, msg, error } = JSON.parse(line) as { level: string; msg: string; error?: string };
  return level === 'info' ? undefined : `${level}: ${msg}: ${error ?? ''}`;
}
