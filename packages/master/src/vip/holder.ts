/**
 * Holds the cluster's address by leases of the kernel, so that the kernel itself lets go when every process of the
 * host is stopped: the address carries `valid_lft`, and an nft set element with a short timeout gates ARP for it and
 * traffic to and from it. Both are refreshed only while the office is held.
 *
 * Invariant: the gate is never open longer than `gateMs` after the office was last seen held, and never beyond the
 * office's own lease.
 */
import { applyNft } from '@timonier/linux/nftables';
import { IpSession } from '@timonier/linux/ip';
import { spawn } from 'node:child_process';

export interface VipOptions {
  readonly address: string;
  readonly interface: string;
  readonly onError: (error: Error) => void;
}

const table = 'timonier-vip';
/** A refresh comes every 100 ms; several may fail or be late before the gate closes. */
export const gateMs = 700;
export const refreshMs = 100;
/** The kernel counts an address's life in seconds and may be one late; the gate is what is exact. */
const addressSeconds = 2;
const addressEveryMs = 400;

export class VipHolder {
  readonly #options: VipOptions;
  readonly #ip: IpSession;
  #held = false;
  #addressRefreshed = -Infinity;

  constructor(options: VipOptions) {
    this.#options = options;
    this.#ip = new IpSession(options.onError);
  }

  get held(): boolean {
    return this.#held;
  }

  /** Installs the closed gate and removes an address that an earlier process left. */
  prepare(): void {
    const { address } = this.#options;
    applyNft(`
      table arp ${table}
      delete table arp ${table}
      table inet ${table}
      delete table inet ${table}
      table arp ${table} {
        set open { type ipv4_addr; flags timeout; }
        chain input { type filter hook input priority 0; arp daddr ip ${address} arp daddr ip != @open drop; }
        chain output { type filter hook output priority 0; arp saddr ip ${address} arp saddr ip != @open drop; }
      }
      table inet ${table} {
        set open { type ipv4_addr; flags timeout; }
        chain input { type filter hook input priority -300; ip daddr ${address} ip daddr != @open drop; }
        chain output { type filter hook output priority -300; ip saddr ${address} ip saddr != @open drop; }
      }`);
    this.#removeAddress();
  }

  /** Takes the address, or keeps it for another `gateMs`, but not beyond `provenMs` from now. */
  refresh(now: number, provenMs: number): void {
    const openMs = Math.floor(Math.min(gateMs, provenMs));
    if (openMs <= 0) return;
    this.#openGate(openMs);
    const { address, interface: device } = this.#options;
    const first = !this.#held;
    if (first || now - this.#addressRefreshed >= addressEveryMs) {
      const life = `valid_lft ${addressSeconds} preferred_lft 0`;
      this.#ip.send(`addr replace ${address}/32 dev ${device} ${life}`);
      this.#addressRefreshed = now;
    }
    this.#held = true;
    if (first) this.announce();
  }

  /** Lets go at once. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#closeGate();
    this.#removeAddress();
  }

  /** Tells the neighbours where the address is now; they would believe the old place for half a minute. */
  announce(): void {
    const { address, interface: device } = this.#options;
    for (const mode of ['-U', '-A']) {
      // Not waited for: the kernel sends the packet at once, the program then sits out its interval.
      const arping = spawn('arping', [mode, '-c', '1', '-w', '1', '-I', device, '-s', address, address], {
        stdio: 'ignore',
      });
      arping.on('error', (error) => {
        this.#options.onError(new Error(`cannot run arping: ${error.message}; install iputils-arping`));
      });
    }
  }

  async close(): Promise<void> {
    this.release();
    await this.#ip.close();
  }

  #openGate(timeoutMs: number): void {
    const { address } = this.#options;
    // Adding an element that exists leaves its timeout alone, so it is replaced, in one transaction.
    const commands = ['arp', 'inet'].map((family) => {
      const set = `element ${family} ${table} open`;
      return `add ${set} { ${address} }\ndelete ${set} { ${address} }\nadd ${set} { ${address} timeout ${timeoutMs}ms }`;
    });
    applyNft(commands.join('\n'));
  }

  #closeGate(): void {
    applyNft(`flush set arp ${table} open\nflush set inet ${table} open`);
  }

  #removeAddress(): void {
    const { address, interface: device } = this.#options;
    // Replacing first makes the deletion succeed whether or not the address is there; the gate is closed meanwhile.
    this.#ip.send(
      `addr replace ${address}/32 dev ${device} valid_lft 1 preferred_lft 0`,
      `addr del ${address}/32 dev ${device}`,
    );
  }
}
