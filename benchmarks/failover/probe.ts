/**
 * One question to one store: a new connection, one put, and whether it was acknowledged. Bare HTTP/2, because a probe
 * that is sent every 10 ms to every member must cost next to nothing itself.
 */
import { connect } from 'node:http2';

/** `PutRequest` with the key `probe` and no value, behind gRPC's prefix. */
const put = Buffer.from('\0\0\0\0\x07\x0a\x05probe', 'latin1');

/** Resolves with whether the put was acknowledged in time; never rejects. */
export function probe(target: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connect(`http://${target}`);
    const end = (acknowledged: boolean): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(acknowledged);
    };
    const timer = setTimeout(() => end(false), timeoutMs);
    session.on('error', () => end(false));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/etcdserverpb.KV/Put',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => end(false));
    stream.on('trailers', (trailers) => end(trailers['grpc-status'] === '0'));
    stream.on('close', () => end(false));
    stream.resume();
    stream.end(put);
  });
}
