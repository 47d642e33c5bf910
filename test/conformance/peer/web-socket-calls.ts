/**
 * Watches and logs over WebSockets: the handshake and the messages until the server's end, or until nothing more is waited for, as
 * an answer like others. Its text is that of all messages; what each of them was, and how it ended, stands among the headers.
 */
import { readFileSync } from 'node:fs';
import { dial, HandshakeError } from '@timonier/streaming';
import type { ClusterPki } from '@timonier/pki';
import type { Answer, Call, WebSocketAsk } from './calls.ts';

/** Ends what its server does not end. */
const patienceMs = 20_000;

export async function sendOverWebSocket(
  url: string,
  pki: ClusterPki,
  { path, headers = {}, as = 'admin' }: Call,
  { protocols = [], origin, whole = false }: WebSocketAsk,
): Promise<Answer> {
  const own = as === 'nobody' ? undefined : pki.files(as);
  let socket;
  try {
    socket = await dial(new URL(path, url), {
      servername: 'localhost',
      ca: readFileSync(pki.caFile),
      ...(own === undefined
        ? {}
        : { cert: readFileSync(own.certificateFile), key: readFileSync(own.keyFile) }),
      protocols,
      headers: { 'user-agent': 'conformance', ...headers, ...(origin === '' ? {} : { origin }) },
    });
  } catch (error) {
    if (error instanceof HandshakeError) return { status: error.statusCode, headers: {}, text: error.body };
    // What was accepted, but so that no client takes it.
    if (error instanceof Error && error.message.includes('subprotocol'))
      return { status: 101, headers: {}, text: error.message };
    throw error;
  }
  const messages: string[] = [];
  const sorts = new Set<string>();
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    // Bytes of objects hold uids and times where nothing could replace them.
    const bytes = whole ? data.toString('latin1') : `${data.subarray(0, 8).toString('base64')}\n`;
    messages.push(isBinary ? bytes : data.toString());
    sorts.add(isBinary ? 'bytes' : 'text');
  });
  const stop = setTimeout(() => socket.terminate(), patienceMs);
  const code = await new Promise<number>((resolve) => {
    socket.once('close', resolve);
    socket.resume();
  });
  clearTimeout(stop);
  return {
    status: 101,
    headers: {
      'sec-websocket-protocol': socket.protocol,
      messages: [messages.length, ...sorts].join(' '),
      close: String(code),
    },
    text: messages.join(''),
  };
}
