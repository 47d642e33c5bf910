/** What the simulated network connects: lives of members at addresses, and what each opened to others. */
import type { TransportOptions } from '../../../packages/store/src/transport-options.ts';
import type { Life } from './world.ts';

/** The address that a host has after so many moves; the first is its name. */
export function addressOf(host: string, moves: number): string {
  return moves === 0 ? host : `${host}-${moves}`;
}

/** Whose address it is or was. */
export function hostAt(address: string): string {
  return address.split('-', 1)[0] ?? address;
}

/** One end of the network: a life of a member. */
export class Endpoint {
  readonly host: string;
  readonly address: string;
  readonly life: Life;
  readonly options: TransportOptions;
  readonly outgoing = new Map<string, Connection>();
  listening = false;

  constructor(address: string, life: Life, options: TransportOptions) {
    this.host = hostAt(address);
    this.address = address;
    this.life = life;
    this.options = options;
  }
}

/** What one member opened to another. */
export interface Connection {
  readonly id: string;
  readonly from: Endpoint;
  address: string;
  /** Whose address that is. */
  toHost: string;
  to: Endpoint | undefined;
  attempts: number;
  /** When the last frame arrives. */
  lastAt: number;
  held: Buffer[];
  closed: boolean;
}
