/**
 * A small extension API server, as somebody else would write one: it serves one kind out of memory, with discovery,
 * OpenAPI, watches and one subresource that switches protocols. It believes the names in the headers of whoever shows a
 * certificate of the request-header authority with an allowed name, and answers everybody else with 401.
 */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

export interface ExtensionServerOptions {
  readonly certificate: string;
  readonly key: string;
  /** From the ConfigMap `extension-apiserver-authentication`. */
  readonly requestHeaderCa: string;
  readonly allowedNames: readonly string[];
}

export interface Flunder {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; resourceVersion: string; annotations: Record<string, string> };
  spec?: unknown;
}

interface Caller {
  readonly user: string;
  readonly groups: readonly string[];
}

const group = 'wardle.example.com';
const version = 'v1';
const groupVersion = `${group}/${version}`;
const base = `/apis/${groupVersion}`;
const kind = { group, version, kind: 'Flunder' };
const schema = {
  type: 'object',
  description: 'A flunder is what this server is about.',
  properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, spec: { type: 'object' } },
  'x-kubernetes-group-version-kind': [kind],
};
const resourceList = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources: [
    {
      name: 'flunders',
      singularName: 'flunder',
      namespaced: true,
      kind: 'Flunder',
      shortNames: ['fl'],
      verbs: ['create', 'delete', 'get', 'list', 'watch'],
    },
    { name: 'flunders/echo', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get'] },
  ],
};
const definitionName = 'com.example.wardle.v1.Flunder';
const documents: Readonly<Record<string, object>> = {
  [base]: resourceList,
  '/openapi/v3': { paths: { [`apis/${groupVersion}`]: { serverRelativeURL: `/openapi/v3${base}?hash=1` } } },
  [`/openapi/v3${base}`]: {
    openapi: '3.0.0',
    info: { title: 'wardle', version: '1' },
    paths: {
      [`${base}/namespaces/{namespace}/flunders`]: { get: { 'x-kubernetes-group-version-kind': kind } },
    },
    components: { schemas: { [definitionName]: schema } },
  },
  '/openapi/v2': {
    swagger: '2.0',
    info: { title: 'wardle', version: '1' },
    paths: { [`${base}/`]: {} },
    definitions: { [definitionName]: schema },
  },
};

export class ExtensionServer {
  readonly #options: ExtensionServerOptions;
  readonly #server: Server;
  readonly #objects = new Map<string, Flunder>();
  readonly #watchers = new Set<(line: string) => void>();
  #revision = 1;
  /** Headers of the last request that was let in. */
  lastHeaders: IncomingMessage['headers'] = {};
  /** Where the last connection went that switched protocols, as it was asked for. */
  lastUpgrade = '';

  constructor(options: ExtensionServerOptions) {
    this.#options = options;
    const { certificate: cert, key, requestHeaderCa: ca } = options;
    const tls = { cert, key, ca, requestCert: true, rejectUnauthorized: false };
    this.#server = createServer(tls, (request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#server.on('upgrade', (request, socket, head) => this.#echo(request, socket, head));
  }

  /** Listens on loopback; returns the port. */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #caller(request: IncomingMessage): Caller | undefined {
    const socket = request.socket as TLSSocket;
    const { subject } = socket.getPeerCertificate() as { subject?: { CN?: string | string[] } };
    const name = subject?.CN;
    if (!socket.authorized || typeof name !== 'string' || !this.#options.allowedNames.includes(name))
      return undefined;
    const user = request.headers['x-remote-user'];
    if (typeof user !== 'string') return undefined;
    this.lastHeaders = request.headers;
    const groups = request.headers['x-remote-group'];
    return { user, groups: String(groups ?? '').split(', ') };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://localhost');
    const caller = this.#caller(request);
    if (caller === undefined)
      return status(response, 401, 'Unauthorized', 'you did not come through the front proxy');
    const document = documents[url.pathname];
    if (document !== undefined) return answer(response, 200, document);
    const match = /^\/namespaces\/([^/]+)\/flunders(?:\/([^/]+))?$/.exec(url.pathname.slice(base.length));
    const all = url.pathname === `${base}/flunders`;
    if (!url.pathname.startsWith(base) || (match === null && !all))
      return status(response, 404, 'NotFound', 'no such path');
    const [, namespace = '', name] = match ?? [];
    if (request.method === 'POST') return this.#create(request, response, namespace, caller);
    if (name === undefined) {
      if (url.searchParams.get('watch') !== null && url.searchParams.get('watch') !== 'false')
        return this.#watch(response);
      const items = [...this.#objects.values()].filter(
        (item) => all || item.metadata.namespace === namespace,
      );
      const metadata = { resourceVersion: String(this.#revision) };
      return answer(response, 200, { kind: 'FlunderList', apiVersion: groupVersion, metadata, items });
    }
    const found = this.#objects.get(`${namespace}/${name}`);
    if (found === undefined)
      return status(response, 404, 'NotFound', `flunders.${group} "${name}" not found`);
    if (request.method === 'DELETE') {
      this.#objects.delete(`${namespace}/${name}`);
      this.#tell('DELETED', found);
      return answer(response, 200, { kind: 'Status', apiVersion: 'v1', status: 'Success' });
    }
    return answer(response, 200, found);
  }

  async #create(
    request: IncomingMessage,
    response: ServerResponse,
    namespace: string,
    caller: Caller,
  ): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const { metadata, spec } = JSON.parse(text) as Flunder;
    const made: Flunder = {
      apiVersion: groupVersion,
      kind: 'Flunder',
      metadata: {
        name: metadata.name,
        namespace,
        resourceVersion: String(++this.#revision),
        annotations: {
          'wardle.example.com/created-by': caller.user,
          'wardle.example.com/groups': caller.groups.join(),
        },
      },
      spec,
    };
    this.#objects.set(`${namespace}/${metadata.name}`, made);
    this.#tell('ADDED', made);
    answer(response, 201, made);
  }

  #watch(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const send = (line: string): void => void response.write(line);
    this.#watchers.add(send);
    response.once('close', () => this.#watchers.delete(send));
  }

  #tell(type: string, object: Flunder): void {
    for (const send of this.#watchers) send(`${JSON.stringify({ type, object })}\n`);
  }

  /** Sends back whatever comes, in capitals. */
  #echo(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => undefined);
    this.lastUpgrade = request.url ?? '';
    if (this.#caller(request) === undefined || request.headers.upgrade !== 'echo') {
      socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n');
    if (head.length > 0) socket.write(head.toString().toUpperCase());
    socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
  }
}

function answer(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function status(response: ServerResponse, code: number, reason: string, message: string): void {
  answer(response, code, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason,
    message,
    code,
  });
}
