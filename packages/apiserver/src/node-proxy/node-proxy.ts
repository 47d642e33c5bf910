/**
 * Requests that a node's kubelet answers: logs as a stream of bytes, exec, attach and port-forward as an upgraded
 * connection whose bytes (WebSocket or SPDY, whatever the client chose) are passed through unread. The API server is a
 * client with a certificate of its own there, and checks the kubelet's.
 */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Node } from '@timonier/api';
import { internalError, serviceUnavailable, StatusError } from '@timonier/api/statuses';
import { relayUpgrade, type Switching, type SwitchingUpstream } from '../http/relay-upgrade.ts';
import { watchConnection } from '../http/upstream.ts';
import { kubeletRefusal } from './kubelet-refusal.ts';

export interface NodeProxyTls {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** What is asked of a kubelet. */
export interface Wanted {
  /** As refusals name it: `pods/log`, and the pod. */
  readonly resource: string;
  readonly name: string;
  /** Whether it may come from whoever answers there, with whatever certificate. */
  readonly isFromAnybody: boolean;
}

/** For a kubelet to begin a stream, which its runtime must do first. */
const beginMs = 60_000;
/** A refusal longer than this is cut, as upstream. */
const maxErrorBytes = 50_000;

export class NodeProxy {
  readonly #tls: NodeProxyTls;

  constructor(tls: NodeProxyTls) {
    this.#tls = tls;
  }

  /** The kubelet's answer to a GET. Throws when it refuses or cannot be reached. */
  async get(node: NodeAddress, path: string, signal: AbortSignal, wanted: Wanted): Promise<IncomingMessage> {
    const response = await this.#open(node, path, signal, !wanted.isFromAnybody);
    const { statusCode = 500 } = response;
    // Also what has moved elsewhere: no kubelet sends anybody there.
    if (statusCode >= 200 && statusCode <= 206) return response;
    throw new StatusError(kubeletRefusal(statusCode, await readText(response), wanted.resource, wanted.name));
  }

  #open(
    node: NodeAddress,
    path: string,
    signal: AbortSignal,
    rejectUnauthorized: boolean,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest({ ...this.optionsFor(node), path, signal, rejectUnauthorized });
      // A kubelet may have nothing to say for as long as somebody follows a quiet log.
      watchConnection(request);
      request.once('response', resolve);
      request.on('error', (error) => reject(unreachable(node, error.message)));
      request.end();
    });
  }

  /**
   * Passes an upgrade on and joins both connections. Resolves when they have ended; when the kubelet does not switch
   * protocols the client gets its answer.
   */
  upgrade(node: NodeAddress, path: string, switching: Switching): Promise<void> {
    const upstream: SwitchingUpstream = {
      open: (call) => httpsRequest({ ...this.optionsFor(node), ...call }),
      unreachable: (reason) => unreachable(node, reason),
      patienceMs: beginMs,
    };
    return relayUpgrade(switching, upstream, path);
  }

  /** How a request to a kubelet is made: where to, and with which certificate. */
  optionsFor(node: NodeAddress): RequestOptions {
    const { ca, cert, key } = this.#tls;
    return { host: node.host, port: node.port, ca, cert, key, agent: false };
  }
}

/** Where a node's kubelet listens. Throws 503 when the node has not said. */
export function kubeletAddress(node: Node): NodeAddress {
  const addresses = node.status?.addresses ?? [];
  const chosen =
    addresses.find(({ type }) => type === 'InternalIP') ?? addresses.find(({ type }) => type === 'Hostname');
  if (chosen === undefined)
    throw new StatusError(serviceUnavailable(`node ${node.metadata?.name} has no address yet`));
  return { host: chosen.address, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port || 10_250 };
}

function unreachable(node: NodeAddress, reason: string): StatusError {
  return new StatusError(internalError(`error dialing kubelet at ${node.host}:${node.port}: ${reason}`));
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > maxErrorBytes) break;
  }
  return text.slice(0, maxErrorBytes);
}
