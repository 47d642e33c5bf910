/**
 * The plain HTTP endpoint every process has for operators: `/metrics` (Prometheus text), `/livez`, `/readyz` and
 * `/healthz`. It answers GET and HEAD only and reads no body.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { Registry } from 'prom-client';
import type { Health } from './health.ts';
import { portHolder } from './port-holder.ts';

/** What `/metrics` shows: a registry, or several put together. */
export type Exposition = Pick<Registry, 'metrics' | 'contentType'>;

const singleCheck = /^\/(livez|healthz|readyz)\/([^/]+)$/;

/** Answers an operator's request; returns false, and leaves it unanswered, when the path is none of the operational ones. */
export async function handleOps(
  request: { readonly method?: string | undefined; readonly url?: string | undefined },
  response: {
    writeHead(status: number, headers: Record<string, string>): unknown;
    end(body?: string): unknown;
  },
  health: Health,
  registry: Exposition,
): Promise<boolean> {
  const { pathname, searchParams } = targetOf(request.url ?? '/');
  const text = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };
  const verbose = searchParams.has('verbose');
  const exclude = new Set(searchParams.getAll('exclude'));
  switch (pathname) {
    case '/metrics': {
      const body = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType });
      response.end(body);
      return true;
    }
    case '/livez':
    case '/healthz': {
      const report = await health.live(verbose, exclude);
      response.writeHead(report.ok ? 200 : 500, text);
      response.end(report.text);
      return true;
    }
    case '/readyz': {
      const report = await health.ready(verbose, exclude);
      response.writeHead(report.ok ? 200 : 500, text);
      response.end(report.text);
      return true;
    }
    default: {
      const [, endpoint, name = ''] = singleCheck.exec(pathname) ?? [];
      const report =
        endpoint === undefined
          ? undefined
          : await health.one(endpoint === 'readyz' ? 'readyz' : 'livez', name);
      if (report === undefined) return false;
      response.writeHead(report.ok ? 200 : 500, text);
      response.end(report.text);
      return true;
    }
  }
}

/** As it was written: dots and backslashes mean nothing here, as they mean nothing to whoever judged the path. */
function targetOf(url: string): { readonly pathname: string; readonly searchParams: URLSearchParams } {
  const at = url.indexOf('?');
  return at < 0
    ? { pathname: url, searchParams: new URLSearchParams() }
    : { pathname: url.slice(0, at), searchParams: new URLSearchParams(url.slice(at)) };
}

/** A page that a component adds to its operations endpoint: what it answers, as JSON. */
export type OpsPage = () => Promise<{ readonly status: number; readonly body: object }>;

export interface OpsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on `address` (`host:port`; port 0 asks the kernel for one). Rejects when the port is taken. */
export async function startOpsServer(
  address: string,
  health: Health,
  exposition: Exposition,
  pages: ReadonlyMap<string, OpsPage> = new Map(),
): Promise<OpsServer> {
  const { host, port } = splitHostPort(address);
  const server = createServer({ maxHeaderSize: 8 * 1024, requestTimeout: 10_000 }, (request, response) => {
    void answer(request, response, health, exposition, pages);
  });
  await listen(server, port, host);
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  health: Health,
  exposition: Exposition,
  pages: ReadonlyMap<string, OpsPage>,
): Promise<void> {
  try {
    const page = pages.get(request.url?.split('?')[0] ?? '/');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' });
      response.end();
    } else if (page !== undefined) {
      const { status, body } = await page();
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    } else if (!(await handleOps(request, response, health, exposition))) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
      response.end('404 page not found\n');
    }
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`${error instanceof Error ? error.message : String(error)}\n`);
  }
}

/** Splits `host:port`, `:port` and `[v6]:port`. Throws on anything else. */
export function splitHostPort(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new Error(`"${address}" is not an address of the form host:port`);
  return { host: match[1] ?? match[2] ?? '', port };
}

/** Listens, and turns the kernel's refusal into a sentence. */
export function listen(
  server: Pick<Server, 'listen' | 'once' | 'off'>,
  port: number,
  host: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const where = `${host === '' ? '*' : host}:${port}`;
      const why = error.code === 'EADDRINUSE' ? portHolder(port) : error.message;
      reject(new Error(`cannot listen on ${where}: ${why}`, { cause: error }));
    };
    server.once('error', fail);
    server.listen(port, host === '' ? undefined : host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}
