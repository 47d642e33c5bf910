/**
 * Ports of containers with one number and one protocol, among which those are found that another one meets: by what it has
 * of the host, so that thousands that have nothing to do with each other need not be compared. Which warning two ports are
 * worth is upstream's.
 */
export interface SeenPort {
  /** Such as `spec.containers[0].ports[1]`. */
  readonly path: string;
  /** Empty for every address of the host. */
  readonly hostIP: string;
  /** 0 for none. */
  readonly hostPort: number;
}

export type Meeting = 'duplicate' | 'overlapping' | 'dangerously ambiguous';

interface Numbered extends SeenPort {
  /** In which place it was added. */
  readonly at: number;
}

export class SeenPorts {
  readonly #all: Numbered[] = [];
  /** By the host's port, and then by the host's address. */
  readonly #byHost = new Map<number, Map<string, Numbered[]>>();
  /** By the host's port alone. */
  readonly #byPort = new Map<number, Numbered[]>();

  add(port: SeenPort): void {
    const one = { ...port, at: this.#all.length };
    this.#all.push(one);
    let byAddress = this.#byHost.get(port.hostPort);
    if (byAddress === undefined) this.#byHost.set(port.hostPort, (byAddress = new Map<string, Numbered[]>()));
    listIn(byAddress, port.hostIP).push(one);
    listIn(this.#byPort, port.hostPort).push(one);
  }

  /** The first `most` that a port meets, in the order in which they were added. */
  meeting(port: SeenPort, most: number): (readonly [Meeting, SeenPort])[] {
    return this.#near(port)
      .flatMap((list) => list.slice(0, most))
      .sort((a, b) => a.at - b.at)
      .slice(0, most)
      .map((other) => [meetingOf(port, other), other]);
  }

  /** Lists without a port in common, of which all meet it. */
  #near({ hostIP, hostPort }: SeenPort): readonly (readonly Numbered[])[] {
    // Whatever has no port of the host is everywhere.
    if (hostPort === 0) return [this.#all];
    const everywhere = this.#byPort.get(0) ?? [];
    if (hostIP === '') return [everywhere, this.#byPort.get(hostPort) ?? []];
    const alike = this.#byHost.get(hostPort);
    return [everywhere, alike?.get(hostIP) ?? [], alike?.get('') ?? []];
  }
}

function meetingOf(port: SeenPort, other: SeenPort): Meeting {
  if (port.hostIP === other.hostIP && port.hostPort === other.hostPort) return 'duplicate';
  return port.hostPort === 0 || other.hostPort === 0 ? 'overlapping' : 'dangerously ambiguous';
}

function listIn<K>(map: Map<K, Numbered[]>, key: K): Numbered[] {
  let list = map.get(key);
  if (list === undefined) map.set(key, (list = []));
  return list;
}
