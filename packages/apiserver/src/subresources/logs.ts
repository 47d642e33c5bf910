/** The log of a container, as its kubelet has it, for as long as there is something to come and somebody to read it. */
import type { IncomingMessage } from 'node:http';
import { uncached } from '../http/exchange.ts';
import { booleanParameter } from '../pipeline/query.ts';
import type { RequestContext } from '../request-context.ts';
import { kubeletLogOptions } from './log-options.ts';
import { containerOf, isPlaced, kubeletPathOf, nodeOf, podOf } from './placed-pod.ts';

export async function log(context: RequestContext): Promise<void> {
  const { exchange, server, target } = context;
  const options = kubeletLogOptions(exchange.query, target.name);
  const pod = await podOf(context);
  const container = containerOf(pod, exchange.query.get('container') ?? '');
  if (!isPlaced(pod)) {
    // Where it does not run yet it has said nothing yet.
    exchange.statusCode = 204;
    exchange.response.writeHead(204, { ...uncached, ...exchange.headers });
    exchange.response.end();
    return;
  }
  const path = `/containerLogs/${kubeletPathOf(pod, container)}?${options.toString()}`;
  const isFromAnybody = booleanParameter(exchange.query, 'insecureSkipTLSVerifyBackend') === true;
  const wanted = { resource: 'pods/log', name: target.name, isFromAnybody };
  const output = await server.nodes.get(nodeOf(context, pod), path, exchange.signal, wanted);
  try {
    exchange.startStream(200, 'text/plain');
    await copy(output, context);
  } finally {
    output.destroy();
  }
}

/**
 * Piece by piece, each when the client has taken those before, so that a kubelet is read no faster than its reader. What a
 * kubelet breaks off ends like what is whole, as upstream.
 */
async function copy(output: IncomingMessage, { exchange, server }: RequestContext): Promise<void> {
  try {
    for await (const piece of output as AsyncIterable<Buffer>) {
      if (exchange.isOver) return;
      exchange.sentBytes += piece.length;
      if (!exchange.response.write(piece)) await exchange.drained();
    }
  } catch (error) {
    // It is told to stop when its reader has gone.
    if (exchange.isOver) return;
    server.log.info({ err: error, path: exchange.url.pathname }, 'a kubelet broke off a log');
  }
  exchange.response.end();
}
