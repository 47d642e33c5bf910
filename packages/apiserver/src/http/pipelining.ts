/**
 * Bounds what a client of HTTP/1.1 may ask before it is answered. Node makes a request and a response of everything that has
 * come, and stops only when answers that cannot be sent yet have many bytes; requests that wait for their answers have none.
 * Here a connection on which many are unanswered is not read further until some are answered: what its client sends stays in
 * the kernel, and in the end with the client. What one piece of at most 16 KiB holds is still made into requests.
 *
 * Node reads on by itself for a body that somebody reads, which only the last of the requests can still be missing, and
 * reading ends again after the next piece.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Far more than any client that pipelines. */
const mostUnanswered = 64;

interface Connection {
  readonly socket: Socket;
  /** After each piece that Node's parser was given. */
  readonly onData: () => void;
  unanswered: number;
  isHeld: boolean;
}

export class Pipelining {
  readonly #connections = new WeakMap<Socket, Connection>();

  /**
   * Begins with a connection that was just handed to Node. Node feeds its parser from below the socket until somebody listens
   * to it, as is done here. Below, nothing waits: while an answer is on its way and the parser is paused, the next body is an
   * error there, and the end of the connection.
   */
  follow(socket: Socket): void {
    const connection: Connection = {
      socket,
      // After Node's parser, which asks for more at the end of each request.
      onData: () => hold(connection),
      unanswered: 0,
      isHeld: false,
    };
    this.#connections.set(socket, connection);
    socket.on('data', connection.onData);
  }

  /** A request has come. */
  came(socket: Socket, response: ServerResponse): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.unanswered++;
    response.once('close', () => {
      connection.unanswered--;
      if (connection.isHeld && connection.unanswered < mostUnanswered) release(connection);
    });
  }

  /** The connection speaks another protocol from now on. */
  forget(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#connections.delete(socket);
    socket.off('data', connection.onData);
    // It may be told of this piece still.
    connection.unanswered = Number.NEGATIVE_INFINITY;
    connection.isHeld = false;
  }
}

function hold(connection: Connection): void {
  if (connection.unanswered < mostUnanswered) return;
  connection.isHeld = true;
  connection.socket.pause();
}

function release(connection: Connection): void {
  connection.isHeld = false;
  const { socket } = connection;
  // Node, too, may have paused it, until its answers are sent. It goes on by itself then, and fails when it is given data before.
  if ((socket as { _paused?: boolean })._paused !== true) socket.resume();
}
