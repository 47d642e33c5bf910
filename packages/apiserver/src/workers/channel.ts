/**
 * The line between the process that holds the ports and one of its workers, the same at both ends: notices, questions
 * with their answers, and sockets. In and out: messages of `ProcessEnd`, which is what Node gives a parent for its child
 * and a child for its parent. Every question has a deadline, and the end of the line answers all that are open.
 */
import type { Socket } from 'node:net';

/** One end of Node's channel between two processes. */
export interface ProcessEnd {
  readonly connected: boolean;
  send(
    message: object,
    handle: Socket | undefined,
    options: { readonly keepOpen: boolean },
    callback: (error: Error | null) => void,
  ): boolean;
  on(event: 'message', listener: (message: unknown, handle: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

type Message =
  | { readonly kind: 'notice'; readonly name: string; readonly value: unknown }
  | { readonly kind: 'question'; readonly id: number; readonly name: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown; readonly error?: string };

export interface ChannelHandlers {
  readonly notice: (name: string, value: unknown, socket: Socket | undefined) => void;
  readonly answer: (question: string) => Promise<unknown>;
}

const patienceMs = 3_000;

export class Channel {
  readonly #end: ProcessEnd;
  readonly #open = new Map<number, (answer: { value?: unknown; error?: string }) => void>();
  #lastId = 0;

  constructor(end: ProcessEnd, handlers: ChannelHandlers) {
    this.#end = end;
    end.on('message', (raw, handle) => {
      const message = raw as Message;
      if (message.kind === 'notice')
        handlers.notice(message.name, message.value, handle as Socket | undefined);
      else if (message.kind === 'answer') this.#open.get(message.id)?.(message);
      else
        handlers.answer(message.name).then(
          (value) => this.#send({ kind: 'answer', id: message.id, value }),
          (error: unknown) =>
            this.#send({ kind: 'answer', id: message.id, value: undefined, error: String(error) }),
        );
    });
    end.on('disconnect', () => {
      for (const settle of this.#open.values()) settle({ error: 'the other process has ended' });
    });
  }

  /**
   * Tells something; `sent` hears whether it was written. A socket stays open here, for the sender to close once the other
   * end has said that it has it: Node would close it on its own acknowledgement, and never when the other process has
   * ended before that.
   */
  tell(name: string, value?: unknown, socket?: Socket, sent?: (error: Error | null) => void): void {
    this.#send({ kind: 'notice', name, value }, socket, sent);
  }

  /** Rejects when there is no answer in time, or the answer is an error. */
  ask(question: string): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const settle = ({ value, error }: { value?: unknown; error?: string }): void => {
        clearTimeout(timer);
        this.#open.delete(id);
        if (error === undefined) resolve(value);
        else reject(new Error(error));
      };
      const timer = setTimeout(() => settle({ error: `no answer within ${patienceMs} ms` }), patienceMs);
      this.#open.set(id, settle);
      this.#send({ kind: 'question', id, name: question }, undefined, (error) => {
        if (error !== null) settle({ error: error.message });
      });
    });
  }

  #send(message: Message, socket?: Socket, sent?: (error: Error | null) => void): void {
    if (!this.#end.connected) {
      sent?.(new Error('the other process has ended'));
      return;
    }
    this.#end.send(message, socket, { keepOpen: true }, (error) => sent?.(error));
  }
}
