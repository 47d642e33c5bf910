/**
 * Requests to one of the two servers: one HTTP/2 connection for each identity, opened when it is first needed.
 */
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { gunzipSync } from 'node:zlib';
import type { ClusterPki } from '@timonier/pki';
import type { Answer, Call } from './calls.ts';
import { sendOverWebSocket } from './web-socket-calls.ts';

const callDeadlineMs = 60_000;
/** Of a watch that goes on, what comes within this time is its answer. */
const watchMs = 2_500;

export class Connections {
  readonly #url: string;
  readonly #pki: ClusterPki;
  readonly #sessions = new Map<string, ClientHttp2Session>();

  constructor(url: string, pki: ClusterPki) {
    this.#url = url;
    this.#pki = pki;
  }

  #session(identity: string): ClientHttp2Session {
    const known = this.#sessions.get(identity);
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const own = identity === 'nobody' ? undefined : this.#pki.files(identity);
    const session = connect(this.#url, {
      servername: 'localhost',
      ca: readFileSync(this.#pki.caFile),
      ...(own === undefined
        ? {}
        : { cert: readFileSync(own.certificateFile), key: readFileSync(own.keyFile) }),
    });
    // Whoever waits for an answer hears of its end.
    session.on('error', () => undefined);
    session.setMaxListeners(0);
    this.#sessions.set(identity, session);
    return session;
  }

  /** Rejects when the connection ends before an answer begins. */
  async send(call: Call): Promise<Answer> {
    if (call.webSocket !== undefined) return sendOverWebSocket(this.#url, this.#pki, call, call.webSocket);
    const { method, path, body, headers = {}, as = 'admin' } = call;
    const payload =
      body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const stream = this.#session(as).request(
      {
        ':method': method,
        ':path': path,
        'user-agent': 'conformance',
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      { endStream: payload === undefined },
    );
    const isWatch = /[?&]watch=(1|true)|\/watch\//.test(path);
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let status = 0;
      let answered: Record<string, string> = {};
      const stop = setTimeout(() => stream.destroy(), isWatch ? watchMs : callDeadlineMs);
      stream.on('response', (sent) => {
        status = Number(sent[':status']);
        answered = Object.fromEntries(
          Object.entries(sent).map(([name, value]) => [
            name,
            Array.isArray(value) ? value.join('\n') : String(value),
          ]),
        );
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', () => undefined);
      stream.once('close', () => {
        clearTimeout(stop);
        // A watch that has nothing to say yet may not even begin its answer.
        if (status === 0 && !isWatch)
          reject(new Error(`${method} ${path}: the connection closed without an answer`));
        else {
          const sent = Buffer.concat(chunks);
          const bytes = answered['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
          resolve({ status, headers: answered, text: bytes.toString(), bytes });
        }
      });
      if (payload !== undefined) stream.end(payload);
    });
  }

  close(): void {
    for (const session of this.#sessions.values()) session.destroy();
  }
}
