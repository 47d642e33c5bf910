/**
 * A throwaway network for tests: a host namespace with a bridge and two pods, and an outside client, all real. Tests
 * load rules into the host and ask where a connection ends and which source it shows there.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

const server = `
const me = process.argv[1];
require('net').createServer((s) => { s.on('error', () => {}); s.end(me + ' ' + s.remoteAddress.replace('::ffff:', '')); })
  .listen(8080, '0.0.0.0', () => {
    const u = require('dgram').createSocket('udp4');
    u.on('message', (m, r) => u.send(me + ' ' + r.address, r.port, r.address));
    u.bind(8080, '0.0.0.0', () => console.log('ready'));
  });`;

const client = `
const [proto, host, port] = process.argv.slice(1);
const done = (text) => { console.log(text); process.exit(0); };
setTimeout(() => done('timeout'), 5000);
if (proto === 'udp') {
  const u = require('dgram').createSocket('udp4');
  u.on('error', (e) => done(e.code)); u.on('message', (m) => done(String(m)));
  u.connect(Number(port), host, () => u.send('hi'));
} else {
  let text = '';
  const s = require('net').connect(Number(port), host);
  s.on('error', (e) => done(e.code)); s.on('data', (d) => { text += d; }); s.on('close', () => done(text));
}`;

export class PacketLab {
  readonly #prefix = `pxl${randomBytes(3).toString('hex')}`;
  readonly #children: ChildProcess[] = [];
  readonly #namespaces: string[] = [];

  /** Host 192.0.2.1 with pods pod-1 10.244.0.2 and pod-2 10.244.0.3 on its bridge, and client 192.0.2.2 outside. */
  static async create(): Promise<PacketLab> {
    const lab = new PacketLab();
    try {
      lab.#build();
      await Promise.all([lab.#serve('pod-1'), lab.#serve('pod-2')]);
    } catch (error) {
      lab.destroy();
      throw error;
    }
    return lab;
  }

  #build(): void {
    for (const name of ['host', 'pod-1', 'pod-2', 'outside']) {
      execFileSync('ip', ['netns', 'add', this.#name(name)]);
      this.#namespaces.push(this.#name(name));
      this.run(name, ['ip', 'link', 'set', 'lo', 'up']);
    }
    this.run('host', ['ip', 'link', 'add', 'cni0', 'type', 'bridge']);
    this.run('host', ['ip', 'addr', 'add', '10.244.0.1/24', 'dev', 'cni0']);
    this.run('host', ['ip', 'link', 'set', 'cni0', 'up']);
    for (const [index, name] of ['pod-1', 'pod-2'].entries()) {
      this.#wire(name, `10.244.0.${index + 2}/24`, '10.244.0.1');
      this.run('host', ['ip', 'link', 'set', name, 'master', 'cni0']);
      // As our CNI configuration asks for.
      this.run('host', ['ip', 'link', 'set', name, 'type', 'bridge_slave', 'hairpin', 'on']);
    }
    this.#wire('outside', '192.0.2.2/24', '192.0.2.1');
    this.run('host', ['ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'outside']);
    this.run('host', ['ip', 'route', 'add', 'default', 'via', '192.0.2.2']);
    this.run('host', [
      'sh',
      '-c',
      'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet',
    ]);
  }

  #wire(name: string, address: string, gateway: string): void {
    this.run('host', [
      'ip',
      'link',
      'add',
      name,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      this.#name(name),
    ]);
    this.run('host', ['ip', 'link', 'set', name, 'up']);
    this.run(name, ['ip', 'addr', 'add', address, 'dev', 'eth0']);
    this.run(name, ['ip', 'link', 'set', 'eth0', 'up']);
    this.run(name, ['ip', 'route', 'add', 'default', 'via', gateway]);
  }

  async #serve(name: string): Promise<void> {
    const child = spawn('nsenter', [...this.#enter(name), process.execPath, '-e', server, name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    await Promise.race([
      once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) }),
      once(child, 'exit').then(() => Promise.reject(new Error(`the server in ${name} ended`))),
    ]);
  }

  run(name: string, command: readonly string[], input = ''): string {
    const [file = '', ...args] = command;
    return execFileSync('nsenter', [...this.#enter(name), file, ...args], { input, encoding: 'utf8' });
  }

  load(rules: string): void {
    this.run('host', ['nft', '-f', '-'], rules);
  }

  setBridgeFilter(on: boolean): void {
    this.run('host', ['sh', '-c', `echo ${on ? 1 : 0} > /proc/sys/net/bridge/bridge-nf-call-iptables`]);
  }

  /** `SERVER SOURCE` of the answer, an error code such as ECONNREFUSED, or `timeout`. */
  connect(from: string, protocol: 'tcp' | 'udp', address: string, port: number): string {
    return this.run(from, [process.execPath, '-e', client, protocol, address, String(port)]).trim();
  }

  destroy(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const name of this.#namespaces) execFileSync('ip', ['netns', 'del', name]);
  }

  #name(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  #enter(name: string): string[] {
    return [`--net=/run/netns/${this.#name(name)}`];
  }
}
