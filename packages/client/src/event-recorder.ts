/**
 * Tells people what a component did to an object, as core/v1 Events that `kubectl describe` shows. An event that
 * repeats raises the count of the first one. Recording never blocks or fails its caller: the queue is bounded, and
 * what does not fit or cannot be written is dropped and counted.
 */
import { randomBytes } from 'node:crypto';
import { isNotFound } from './errors.ts';
import type { ApiClient, KubeObject, ResourceType } from './types.ts';

export interface EventSource {
  readonly component: string;
  readonly host?: string;
}

export interface CoreEvent extends KubeObject {
  involvedObject?: {
    apiVersion?: string;
    kind?: string;
    namespace?: string;
    name?: string;
    uid?: string;
    resourceVersion?: string;
    fieldPath?: string;
  };
  reason?: string;
  message?: string;
  type?: string;
  source?: EventSource;
  firstTimestamp?: string;
  lastTimestamp?: string;
  count?: number;
  reportingComponent?: string;
  reportingInstance?: string;
}

export interface EventRecorder {
  /** `fieldPath` names a part of the object, such as `spec.containers{web}`. */
  event(
    object: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    fieldPath?: string,
  ): void;
  /** The same queue, for a part of the process that goes by another name. */
  from(component: string): EventRecorder;
  /** Events that were dropped. */
  readonly dropped: number;
  /** Writes what is queued, within `timeoutMs`. */
  close(timeoutMs?: number): Promise<void>;
}

const eventType: ResourceType<CoreEvent> = {
  group: '',
  version: 'v1',
  resource: 'events',
  kind: 'Event',
  namespaced: true,
};
const queueLimit = 500;
const rememberLimit = 2_000;
const rememberForMs = 600_000;

interface Known {
  readonly name: string;
  readonly namespace: string;
  count: number;
  at: number;
}

interface Pending {
  readonly identity: string;
  readonly event: CoreEvent;
}

/** `office` is asked at each write, for identities that are fenced. */
export function createEventRecorder(
  client: ApiClient,
  source: EventSource,
  office: () => string | undefined = () => undefined,
): EventRecorder {
  const known = new Map<string, Known>();
  const queue: Pending[] = [];
  let dropped = 0;
  let running: Promise<void> | undefined;
  let closed = false;

  const write = async ({ identity, event }: Pending): Promise<void> => {
    const token = office();
    const options = token === undefined ? {} : { office: token };
    const before = known.get(identity);
    if (before !== undefined && Date.now() - before.at < rememberForMs) {
      const patch = { count: before.count + 1, lastTimestamp: event.lastTimestamp };
      try {
        await client.patch(eventType, before, 'merge', patch, options);
        before.count += 1;
        before.at = Date.now();
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    await client.create(eventType, event, options);
    const namespace = event.metadata?.namespace ?? 'default';
    known.delete(identity);
    known.set(identity, { name: event.metadata?.name ?? '', namespace, count: 1, at: Date.now() });
    const oldest = known.keys().next();
    if (known.size > rememberLimit && oldest.done !== true) known.delete(oldest.value);
  };

  const drain = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      try {
        await write(next);
      } catch {
        dropped += 1;
      }
    }
    running = undefined;
  };

  const recorderOf = (source: EventSource): EventRecorder => ({
    from: (component) => recorderOf({ ...source, component }),
    get dropped() {
      return dropped;
    },
    event(object, type, reason, message, fieldPath) {
      if (closed || queue.length >= queueLimit) {
        dropped += 1;
        return;
      }
      const { name = '', namespace = 'default', uid, resourceVersion } = object.metadata ?? {};
      const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
      const identity = [
        source.component,
        object.kind,
        namespace,
        name,
        uid,
        type,
        reason,
        message,
        fieldPath,
      ].join('\0');
      queue.push({
        identity,
        event: {
          metadata: {
            name: `${name}.${Date.now().toString(16)}${randomBytes(3).toString('hex')}`,
            namespace,
          },
          involvedObject: {
            ...(object.apiVersion === undefined ? {} : { apiVersion: object.apiVersion }),
            ...(object.kind === undefined ? {} : { kind: object.kind }),
            ...(object.metadata?.namespace === undefined ? {} : { namespace }),
            name,
            ...(uid === undefined ? {} : { uid }),
            ...(resourceVersion === undefined ? {} : { resourceVersion }),
            ...(fieldPath === undefined ? {} : { fieldPath }),
          },
          reason,
          message: message.slice(0, 1024),
          type,
          source,
          firstTimestamp: now,
          lastTimestamp: now,
          count: 1,
          reportingComponent: source.component,
          reportingInstance: source.host ?? '',
        },
      });
      running ??= drain();
    },
    async close(timeoutMs = 1_000) {
      closed = true;
      if (running === undefined) return;
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        running,
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, timeoutMs);
        }),
      ]);
      clearTimeout(timer);
      dropped += queue.length;
      queue.length = 0;
    },
  });
  return recorderOf(source);
}
