/**
 * Who the masters are, by their addresses. A PROXY header says where a connection's client is, and anybody may write one: a
 * master's is believed and everybody else's is not, as proxies such as HAProxy and nginx believe those only that they are told to.
 */
import { BlockList, isIP } from 'node:net';

export class Masters {
  readonly #list = new BlockList();

  /** What is no address, such as a name, is nobody's: a connection comes from an address. */
  constructor(addresses: Iterable<string>) {
    for (const address of addresses) {
      const version = isIP(address);
      if (version !== 0) this.#list.addAddress(address, version === 6 ? 'ipv6' : 'ipv4');
    }
  }

  /** However the address is written: as one of IPv4 or as that within IPv6. */
  has(address: string): boolean {
    return isIP(address) !== 0 && this.#list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
}
