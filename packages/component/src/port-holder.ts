/**
 * Who holds a TCP or UDP port of this network namespace: the kernel's socket tables name an inode, and the process
 * that has it open is looked for in /proc. Only for the message of a failed listen; what cannot be read is left out.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

const listening = '0A';

/** Half a sentence for an error message, such as `process 812 (etcd) listens there already`. */
export function portHolder(port: number, protocol: 'tcp' | 'udp' = 'tcp'): string {
  const sockets = new Set(
    [protocol, `${protocol}6`].flatMap((table) => inodes(table, port)).map((inode) => `socket:[${inode}]`),
  );
  const pid = sockets.size === 0 ? undefined : list('/proc').find((name) => holds(name, sockets));
  return pid === undefined
    ? 'another process listens there already'
    : `process ${pid} (${programOf(pid)}) listens there already`;
}

/** What a person would call the process: Node names every main thread alike, so the script and its verb count. */
function programOf(pid: string): string {
  const name = read(`/proc/${pid}/comm`).trim();
  const [program = '', ...rest] = read(`/proc/${pid}/cmdline`).split('\0');
  if (basename(program) !== 'node') return name;
  const [script, verb = ''] = rest.filter((word) => !word.startsWith('-'));
  return script === undefined || script === '' ? name : `${basename(script)} ${verb}`.trim();
}

function inodes(table: string, port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return read(`/proc/net/${table}`)
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(wanted) === true)
    .filter((fields) => table.startsWith('udp') || fields[3] === listening)
    .map((fields) => fields[9] ?? '');
}

function holds(pid: string, sockets: ReadonlySet<string>): boolean {
  if (!/^\d+$/.test(pid)) return false;
  return list(`/proc/${pid}/fd`).some((fd) => {
    try {
      return sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  });
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
