/**
 * What connections over HTTP/1.1 owe: answers that have not gone out whole. A client may send its next requests before it has
 * its answers, and what becomes of those depends on how many it still waits for.
 *
 * - A request begins when the answers before it are out, as with upstream: they go out in turn anyway, and those made ahead would
 *   be kept by the hundred for a client that reads none, with the seats that bound them long free.
 * - None begins behind an answer that says that it is the last (RFC 9112, 9.6): whoever sent the one before wrongly may have meant
 *   no other, and nobody hears what came of it.
 * - A connection that owes many is not read further until it owes fewer: what its client sends stays in the kernel, and in
 *   the end with the client. Node makes a request and a response of everything that has come, and stops only when answers
 *   that cannot be sent yet have many bytes; requests that wait for their answers have none. What one piece of at most 16 KiB
 *   holds is still made into requests. Node reads on by itself for a body that somebody reads, which only the last of the
 *   requests can still be missing, and reading ends again after the next piece.
 * - A connection that owes any cannot switch protocols. Node hands it over at once when it is asked to, and the answers would be
 *   written into what is somebody else's by then, or wait for ever for a turn that Node no longer gives them.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Far more than any client that pipelines. */
const many = 64;

export class OwedAnswers {
  readonly #debtors = new WeakMap<Duplex, Debtor>();

  /** Begins with a connection that was just handed to Node. */
  follow(connection: Socket): void {
    this.#debtors.set(connection, new Debtor(connection));
  }

  /** A request has come: `begin` is called when the connection owes nothing before it, and not when it is given up. */
  add(connection: Duplex, answer: ServerResponse, begin: () => void): void {
    const debtor = this.#debtors.get(connection);
    if (debtor === undefined) begin();
    else debtor.add(answer, begin);
  }

  /** Whether a connection owes nothing, or has something for its client that this does not take. */
  isUnneeded(connection: Duplex): boolean {
    const debtor = this.#debtors.get(connection);
    return debtor !== undefined && (debtor.isFree || connection.writableLength > 0);
  }

  /**
   * The connection speaks another protocol from now on, and is looked after no more. False when it still owes answers: then it
   * is ended, and they are.
   */
  release(connection: Duplex): boolean {
    const debtor = this.#debtors.get(connection);
    this.#debtors.delete(connection);
    return debtor?.release() ?? true;
  }
}

class Debtor {
  readonly #connection: Socket;
  /** In the order in which they go out, with how each is begun that has not. */
  readonly #owed = new Map<ServerResponse, (() => void) | undefined>();
  #isHeld = false;
  /** Its client has the last answer, and the connection is about to end. */
  #isOver = false;

  /**
   * Node feeds its parser from below the connection until somebody listens to it, as is done here. Below, nothing waits: while
   * an answer is on its way and the parser is paused, the next body is an error there, and the end of the connection.
   */
  constructor(connection: Socket) {
    this.#connection = connection;
    connection.on('data', this.#onPiece);
  }

  get isFree(): boolean {
    return this.#owed.size === 0;
  }

  add(answer: ServerResponse, begin: () => void): void {
    this.#owed.set(answer, begin);
    answer.once('close', () => {
      this.#owed.delete(answer);
      this.#isOver ||= !answer.shouldKeepAlive;
      this.#beginNext();
      if (!this.#isHeld || this.#owed.size >= many) return;
      this.#isHeld = false;
      this.#connection.resume();
    });
    this.#beginNext();
  }

  #beginNext(): void {
    if (this.#isOver || this.#connection.destroyed) return;
    for (const [answer, begin] of this.#owed) {
      this.#owed.set(answer, undefined);
      begin?.();
      return;
    }
  }

  release(): boolean {
    this.#connection.off('data', this.#onPiece);
    this.#isHeld = false;
    this.#connection.setTimeout(0);
    if (this.#owed.size === 0) return true;
    this.#connection.on('error', () => undefined);
    const owed = [...this.#owed.keys()];
    for (const answer of owed) this.#owed.set(answer, undefined);
    for (const answer of owed) {
      // Of one that waits for its turn Node would not tell that it is over.
      const waits = answer.socket === null;
      answer.destroy();
      if (waits) answer.emit('close');
    }
    this.#connection.destroy();
    return false;
  }

  /** After Node's parser, which asks for more at the end of each request. */
  readonly #onPiece = (): void => {
    // What Node itself has paused, until answers are sent or a body is read, goes on by itself, and not before.
    this.#isHeld = this.#owed.size >= many && !this.#connection.isPaused();
    if (this.#isHeld) this.#connection.pause();
  };
}
