/** What a member tells about its connections to the others, under etcd's names. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { LabelledTally } from './tally.ts';

/** A tenth of a millisecond to three seconds. */
const tripBuckets = Array.from({ length: 16 }, (_, i) => Number((0.0001 * 2 ** i).toPrecision(6)));

export interface PeerSources {
  readonly self: string;
  /** This one among them. */
  readonly members: () => Iterable<string>;
  readonly connected: (peer: string) => boolean;
}

export class PeerMetrics {
  readonly #self: string;
  readonly #sent: LabelledTally<'To'>;
  readonly #received: LabelledTally<'From'>;
  readonly #dropped: LabelledTally<'To'>;
  readonly #trips: Histogram<'To'>;
  readonly #disconnected: Counter<'Local' | 'Remote'>;

  constructor(registry: Registry, { self, members, connected }: PeerSources) {
    const registers = [registry];
    this.#self = self;
    this.#sent = new LabelledTally({
      name: 'etcd_network_peer_sent_bytes_total',
      help: 'Bytes sent to a peer.',
      registers,
      label: 'To',
    });
    this.#received = new LabelledTally({
      name: 'etcd_network_peer_received_bytes_total',
      help: 'Bytes received from a peer.',
      registers,
      label: 'From',
    });
    this.#dropped = new LabelledTally({
      name: 'etcd_network_peer_sent_failures_total',
      help: 'Messages to a peer that were dropped, because it was not connected or did not keep up.',
      registers,
      label: 'To',
    });
    this.#trips = new Histogram({
      name: 'etcd_network_peer_round_trip_time_seconds',
      help: 'Time until a peer answered a heartbeat of this leader.',
      labelNames: ['To'],
      buckets: tripBuckets,
      registers,
    });
    const labelNames = ['Local', 'Remote'] as const;
    this.#disconnected = new Counter({
      name: 'etcd_network_disconnected_peers_total',
      help: 'Connections to a peer that ended.',
      labelNames,
      registers,
    });
    const gauge = (name: string, help: string, value: (peer: string) => number | undefined): void => {
      const made: Gauge<(typeof labelNames)[number]> = new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect: () => {
          made.reset();
          for (const peer of members()) {
            const told = value(peer);
            if (told !== undefined) made.set({ Local: self, Remote: peer }, told);
          }
        },
      });
    };
    gauge('etcd_network_known_peers', 'Members that are known, this one among them.', () => 1);
    gauge('etcd_network_active_peers', 'Whether a connection to a peer stands.', (peer) =>
      peer === self ? undefined : Number(connected(peer)),
    );
  }

  sent(peer: string, bytes: number): void {
    this.#sent.inc({ To: peer }, bytes);
  }

  received(peer: string, bytes: number): void {
    this.#received.inc({ From: peer }, bytes);
  }

  dropped(peer: string): void {
    this.#dropped.inc({ To: peer });
  }

  answered(peer: string, ms: number): void {
    this.#trips.observe({ To: peer }, ms / 1_000);
  }

  disconnected(peer: string): void {
    this.#disconnected.inc({ Local: this.#self, Remote: peer });
  }
}
