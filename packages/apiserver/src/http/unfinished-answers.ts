/**
 * Which answers of each connection over HTTP/1.1 have not gone out whole. A client may send its next request before it has its
 * answer; when that is one to switch protocols, Node hands the connection over at once, and those before it would write into
 * what is somebody else's by then, or wait for ever for a turn that Node no longer gives them.
 */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export class UnfinishedAnswers {
  readonly #of = new WeakMap<Duplex, Set<ServerResponse>>();

  add(connection: Duplex, answer: ServerResponse): void {
    let answers = this.#of.get(connection);
    if (answers === undefined) {
      answers = new Set();
      this.#of.set(connection, answers);
    }
    const all = answers.add(answer);
    answer.once('close', () => all.delete(answer));
  }

  /** Ends a connection that still owes answers, and them. False, and nothing is done, when it owes none. */
  abandon(connection: Duplex): boolean {
    const answers = this.#of.get(connection) ?? new Set();
    if (answers.size === 0) return false;
    connection.on('error', () => undefined);
    for (const answer of answers) {
      // Of one that waits for its turn Node would not tell that it is over.
      const waits = answer.socket === null;
      answer.destroy();
      if (waits) answer.emit('close');
    }
    connection.destroy();
    return true;
  }
}
