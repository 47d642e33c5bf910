/**
 * Records who asked for what and what became of it: events in upstream's schema (audit.k8s.io/v1), one for each stage of
 * a request that the policy asks for. Bodies are looked at only on levels that want them, and after the answer.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { decodeProtobuf } from '@timonier/api/protobuf';
import type { ObjectMeta, Status } from '@timonier/api';
import { Counter, type Registry } from 'prom-client';
import { sourcesOf } from '../http/origin.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { RequestTarget } from '../http/request-target.ts';
import type { User } from '../pipeline/authenticate.ts';
import type { Impersonated } from '../pipeline/impersonation-modes.ts';
import type { AuditSink } from './counted-sink.ts';
import { type AuditDecision, type AuditPolicy, decide, type Stage } from './policy.ts';

/** What a record tells of an exchange. */
export interface RecordedExchange {
  readonly request: {
    readonly headers: IncomingHttpHeaders;
    readonly socket: { readonly remoteAddress?: string | undefined };
  };
  readonly url: RequestTarget;
  /** Of the request. */
  header(name: string): string | undefined;
  /** Of the answer. */
  readonly headers: Record<string, string>;
  readonly statusCode: number;
}

const idHeader = 'audit-id';
const maxIdLength = 64;

export class Auditor {
  readonly #policy: AuditPolicy;
  readonly #sink: AuditSink;
  readonly #events: Counter;

  constructor(policy: AuditPolicy, sink: AuditSink, metrics: Registry) {
    this.#policy = policy;
    this.#sink = sink;
    this.#events = new Counter({
      name: 'apiserver_audit_event_total',
      help: 'Audit events that were made.',
      registers: [metrics],
    });
  }

  /** The record of a request that is to be recorded; undefined for one that is not. */
  begin(exchange: RecordedExchange, user: User, info: RequestInfo, isLong: boolean): AuditRecord | undefined {
    exchange.headers[idHeader] = idOf(exchange);
    const decision = decide(this.#policy, user, info);
    if (decision.level === 'None') return undefined;
    const record = new AuditRecord({
      exchange,
      user,
      info,
      isLong,
      decision,
      emit: (event) => this.#emit(event),
    });
    record.stage('RequestReceived');
    return record;
  }

  /** A request that nobody could be found behind: one event, when the policy wants requests like it. */
  refused(exchange: RecordedExchange, info: RequestInfo, attempted: readonly string[]): void {
    exchange.headers[idHeader] = idOf(exchange);
    const user = { name: '', groups: [] };
    const decision = decide(this.#policy, user, info);
    if (decision.level === 'None') return;
    const emit = (event: object): void => this.#emit(event);
    const record = new AuditRecord({ exchange, user, info, isLong: false, decision, emit });
    const how = attempted.length === 0 ? '' : `, attempted: ${attempted.join(', ')}`;
    record.failed({ metadata: {}, status: 'Failure', message: `Authentication failed${how}`, code: 401 });
    record.stage('ResponseStarted');
  }

  close(): Promise<void> {
    return this.#sink.close();
  }

  #emit(event: object): void {
    this.#events.inc();
    this.#sink.write(JSON.stringify(event));
  }
}

/** The client's id of the request, when it sent a usable one. The answer carries it. */
function idOf(exchange: RecordedExchange): string {
  const given = exchange.header(idHeader) ?? '';
  return given.length <= maxIdLength && /^[\x21-\x7e]+$/.test(given) ? given : randomUUID();
}

export interface AuditRecordOptions {
  readonly exchange: RecordedExchange;
  readonly user: User;
  readonly info: RequestInfo;
  /** Lasts as long as the client wants: the beginning of its answer is a stage of its own. */
  readonly isLong: boolean;
  readonly decision: AuditDecision;
  readonly emit: (event: object) => void;
}

export class AuditRecord {
  readonly #options: AuditRecordOptions;
  readonly #received = microTime();
  /** A connection that has ended knows no addresses any more. */
  readonly #sources: string[];
  readonly #annotations: Record<string, string> = {};
  #impersonated: Impersonated | undefined;
  #request: Buffer | undefined;
  #response: Buffer | undefined;
  #status: Status | undefined;
  #object: ObjectMeta | undefined;

  constructor(options: AuditRecordOptions) {
    this.#options = options;
    const { headers, socket } = options.exchange.request;
    this.#sources = sourcesOf(headers, socket);
  }

  get wantsRequest(): boolean {
    const { level } = this.#options.decision;
    return level === 'Request' || level === 'RequestResponse';
  }

  get wantsResponse(): boolean {
    return this.#options.decision.level === 'RequestResponse';
  }

  /** What the object that was sent says about itself where the path does not. */
  about({ namespace, name, uid, resourceVersion }: ObjectMeta = {}): void {
    this.#object ??= present({ namespace, name, uid, resourceVersion });
  }

  annotate(name: string, value: string): void {
    // The first one holds, as upstream.
    this.#annotations[name] ??= value;
  }

  impersonated(as: Impersonated): void {
    this.#impersonated = as;
  }

  requestBody(body: Buffer): void {
    if (this.wantsRequest && body.length > 0) this.#request = body;
  }

  responseBody(body: Buffer): void {
    if (this.wantsResponse && body.length > 0) this.#response = body;
  }

  failed(status: Status): void {
    this.#status = status;
  }

  started(): void {
    if (this.#options.isLong) this.stage('ResponseStarted');
  }

  stage(stage: Stage): void {
    const { decision, emit } = this.#options;
    if (!decision.omits.has(stage)) emit(this.#event(stage));
  }

  #event(stage: Stage): object {
    const { exchange, user, info, decision } = this.#options;
    const isAnswered = stage !== 'RequestReceived';
    const object =
      info.resource === undefined
        ? undefined
        : present({
            resource: info.resource,
            namespace: info.namespace || this.#object?.namespace,
            name: info.name || this.#object?.name,
            uid: this.#object?.uid,
            apiGroup: info.group,
            apiVersion: info.version,
            resourceVersion: this.#object?.resourceVersion,
            subresource: info.subresource,
          });
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: decision.level,
      auditID: exchange.headers[idHeader],
      stage,
      requestURI: `${exchange.url.pathname}${exchange.url.search}`,
      verb: info.verb,
      user: userOf(user),
      ...(this.#impersonated === undefined ? {} : impersonation(this.#impersonated)),
      sourceIPs: this.#sources,
      ...present({ userAgent: exchange.header('user-agent') }),
      ...(object === undefined ? {} : { objectRef: object }),
      ...(isAnswered ? { responseStatus: this.#statusOf(exchange) } : {}),
      ...(isAnswered ? this.#bodies() : {}),
      requestReceivedTimestamp: this.#received,
      stageTimestamp: microTime(),
      ...(Object.keys(this.#annotations).length === 0 ? {} : { annotations: this.#annotations }),
    };
  }

  #statusOf({ statusCode }: RecordedExchange): object {
    const { status, message, reason, details, code } = this.#status ?? {};
    return {
      metadata: {},
      ...present({ status, message, reason }),
      ...(details === undefined ? {} : { details }),
      code: statusCode || code || 0,
    };
  }

  #bodies(): object {
    const { omitManagedFields } = this.#options.decision;
    const read = (body: Buffer | undefined): object | undefined =>
      body === undefined ? undefined : bodyTree(body, omitManagedFields);
    const requestObject = read(this.#request);
    const responseObject = read(this.#response);
    return {
      ...(requestObject === undefined ? {} : { requestObject }),
      ...(responseObject === undefined ? {} : { responseObject }),
    };
  }
}

/** The tree of a body; nothing for one that cannot be read, which the answer has told. */
function bodyTree(body: Buffer, omitManagedFields: boolean): object | undefined {
  try {
    const isProtobuf = body.subarray(0, 4).equals(protobufMagic);
    const tree: unknown = isProtobuf ? decodeProtobuf(body).object : JSON.parse(body.toString());
    if (typeof tree !== 'object' || tree === null) return undefined;
    return omitManagedFields ? withoutManagedFields(tree) : tree;
  } catch {
    return undefined;
  }
}

const protobufMagic = Buffer.from([0x6b, 0x38, 0x73, 0]);

interface Tree {
  metadata?: { managedFields?: unknown };
  items?: Tree[];
}

function withoutManagedFields(tree: Tree): object {
  for (const one of [tree, ...(Array.isArray(tree.items) ? tree.items : [])])
    delete one.metadata?.managedFields;
  return tree;
}

function impersonation({ user, constraint }: Impersonated): object {
  return {
    impersonatedUser: userOf(user),
    ...(constraint === undefined ? {} : { authenticationMetadata: { impersonationConstraint: constraint } }),
  };
}

function userOf({ name, uid, groups, extra }: User): object {
  return name === ''
    ? {}
    : { username: name, ...present({ uid }), groups, ...(extra === undefined ? {} : { extra }) };
}

function present(fields: Record<string, string | undefined>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined && value !== '') result[name] = value;
  return result;
}

function microTime(): string {
  const now = performance.timeOrigin + performance.now();
  const micros = Math.floor((now % 1) * 1_000);
  return new Date(now).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
}
