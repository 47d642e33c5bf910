/**
 * One question in, one answer out, as wire bytes: the cluster's zone is answered here, everything else is forwarded.
 * Never throws for what a client sent: what cannot be read is answered FORMERR or, without an id, not at all.
 */
import {
  AUTHORITATIVE_ANSWER,
  decode,
  type DecodedPacket,
  encode,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  type Answer,
  type Question,
} from 'dns-packet';
import type { Forwarder } from './forwarder.ts';
import type { DnsMetrics } from './metrics.ts';
import { resolve, ttlSeconds, type ServiceView } from './zone.ts';

export type Transport = 'udp' | 'tcp';

const codes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
type Code = keyof typeof codes;

export interface ResponderOptions {
  readonly view: ServiceView;
  readonly zone: string;
  readonly forwarder: Forwarder;
  readonly metrics: DnsMetrics;
  /** Until the zone is known its names must not be denied. */
  readonly ready: () => boolean;
}

const plainDatagramBytes = 512;
const maxDatagramBytes = 4_096;

export class Responder {
  readonly #options: ResponderOptions;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  async respond(message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    if (message.length < 12) return undefined;
    const started = performance.now();
    let query: DecodedPacket;
    try {
      query = decode(message);
    } catch {
      return this.#finish({ id: message.readUInt16BE(0) }, 'FORMERR', transport, started, 'other');
    }
    // An answer to an answer would never end.
    if (query.type !== 'query') return undefined;
    const question = query.questions?.[0];
    if (question === undefined || query.questions?.length !== 1) {
      return this.#finish(query, 'FORMERR', transport, started, 'other');
    }
    const name = question.name.toLowerCase().replace(/\.$/, '');
    const { zone, view, ready } = this.#options;
    const own = name === zone || name.endsWith(`.${zone}`);
    if (own && !ready()) return this.#finish(query, 'SERVFAIL', transport, started, zone);
    const found = resolve(view, zone, name, question.type);
    if (found === undefined) return this.#forward(message, query, question, name, transport, started);
    const answers = found.answers.map((record) => ({ ...record, name: question.name }));
    return this.#finish(query, found.code, transport, started, zone, answers, found.additionals);
  }

  async #forward(
    message: Buffer,
    query: DecodedPacket,
    question: Question,
    name: string,
    transport: Transport,
    started: number,
  ): Promise<Buffer> {
    const { forwarder, metrics } = this.#options;
    try {
      // Everything after the id is part of the key: flags and EDNS options change the answer.
      const key = `${name} ${question.type} ${message.subarray(2).toString('base64')}`;
      const { bytes, cached } = await forwarder.forward(message, key, transport);
      if (cached) metrics.cacheHits.inc();
      metrics.observe('.', transport, question.type, responseCode(bytes), started);
      return bytes;
    } catch {
      metrics.forwardFailures.inc();
      return this.#finish(query, 'SERVFAIL', transport, started, '.');
    }
  }

  #finish(
    query: Partial<DecodedPacket>,
    code: Code,
    transport: Transport,
    started: number,
    zone: string,
    answers: readonly Answer[] = [],
    additionals: readonly Answer[] = [],
  ): Buffer {
    const question = query.questions?.[0];
    this.#options.metrics.observe(zone, transport, question?.type ?? 'other', code, started);
    const edns = query.additionals?.find((record) => record.type === 'OPT');
    const authoritative = zone === this.#options.zone && (code === 'NOERROR' || code === 'NXDOMAIN');
    const flags =
      codes[code] |
      RECURSION_AVAILABLE |
      (query.flag_rd === true ? RECURSION_DESIRED : 0) |
      (authoritative ? AUTHORITATIVE_ANSWER : 0);
    const opt: Answer[] =
      edns === undefined
        ? []
        : [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: maxDatagramBytes,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ];
    const packet = {
      type: 'response' as const,
      id: query.id ?? 0,
      questions: question === undefined ? [] : [question],
    };
    const authorities = authoritative && answers.length === 0 ? [soa(this.#options.zone)] : [];
    const bytes = encode({
      ...packet,
      flags,
      answers: [...answers],
      authorities,
      additionals: [...additionals, ...opt],
    });
    if (transport === 'tcp') return bytes;
    const offered = edns?.type === 'OPT' ? edns.udpPayloadSize : plainDatagramBytes;
    const limit = Math.min(Math.max(offered, plainDatagramBytes), maxDatagramBytes);
    if (bytes.length <= limit) return bytes;
    return encode({ ...packet, flags: flags | TRUNCATED_RESPONSE, additionals: opt });
  }
}

function responseCode(bytes: Buffer): string {
  const value = bytes.readUInt8(3) & 0xf;
  return Object.entries(codes).find(([, code]) => code === value)?.[0] ?? String(value);
}

function soa(zone: string): Answer {
  return {
    type: 'SOA',
    name: zone,
    ttl: ttlSeconds,
    data: {
      mname: `ns.dns.${zone}`,
      rname: `hostmaster.${zone}`,
      serial: Math.floor(Date.now() / 1000),
      refresh: 7200,
      retry: 1800,
      expire: 86400,
      minimum: ttlSeconds,
    },
  };
}
