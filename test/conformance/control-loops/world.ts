/** For tests of control loops: one API server on a real etcd, with the controllers running, for all tests of a file. */
import { type ApiClient, createClient } from '@timonier/client';
import { Health } from '@timonier/component';
import { type ControllerSettings, startControllers } from '@timonier/controllers';
import { startScheduler } from '@timonier/scheduler';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { type TestServer, until } from '../../../packages/apiserver/src/testing/harness.ts';
import { type SharedServer, sharedServer } from '../../../packages/apiserver/src/testing/shared-server.ts';
import { ObjectNodes } from './nodes.ts';

export const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined };

/** A client with the certificate of one of the cluster's identities. */
export async function clientOf(server: TestServer, identity: string, socket = false): Promise<ApiClient> {
  const files = server.pki.files(identity);
  return createClient({
    servers: [`https://127.0.0.1:${server.port}`],
    ...(socket ? { socketPath: join(server.directory, 'apiserver.sock') } : {}),
    ca: await readFile(server.pki.caFile),
    cert: await readFile(files.certificateFile),
    key: await readFile(files.keyFile),
  });
}

export interface LoopsWorld extends SharedServer {
  /** Waits for what a path shows. */
  // What an answer holds is for the test to say.
  // oxlint-disable-next-line typescript/no-explicit-any
  shows(path: string, what: string, condition: (json: any) => boolean): Promise<any>;
  /** Waits until a path shows nothing. */
  gone(path: string): Promise<void>;
  namespace(name: string): Promise<string>;
}

/** Nodes that exist only as objects, and the scheduler. */
async function addNodes(
  server: TestServer,
  names: readonly string[],
  onEnd: (end: () => unknown) => void,
): Promise<void> {
  const [client, admin] = [await clientOf(server, 'scheduler'), await clientOf(server, 'admin')];
  onEnd(() => Promise.all([client.close(), admin.close()]));
  const context = { client, log: silent, metrics: new Registry(), health: new Health() };
  const scheduler = startScheduler(context);
  onEnd(() => scheduler.stop());
  const nodes = new ObjectNodes(admin);
  onEnd(() => nodes.stop());
  for (const name of names) await nodes.add(name);
}

/** To be called once, at the top of a file; with nodes pods are placed and run, too. */
export function loopsWorld(
  settings: Partial<ControllerSettings> = {},
  { nodes = [] }: { readonly nodes?: readonly string[] } = {},
): LoopsWorld {
  const alongside = async (server: TestServer, onEnd: (end: () => unknown) => void): Promise<void> => {
    const client = await clientOf(server, 'controller-manager');
    onEnd(() => client.close());
    const context = { client, log: silent, metrics: new Registry(), health: new Health() };
    const loops = startControllers(context, settings);
    onEnd(() => loops.stop());
    if (nodes.length > 0) await addNodes(server, nodes, onEnd);
  };
  const shared = sharedServer(alongside, { admission: ['StorageObjectInUseProtection'] });
  return {
    get server() {
      return shared.server;
    },
    get endpoint() {
      return shared.endpoint;
    },
    ask: (...asked) => shared.ask(...asked),
    shows: async (path, what, condition) => {
      let json: unknown;
      await until(async () => {
        const answer = await shared.server.request('GET', path);
        if (answer.status !== 200) return false;
        json = answer.json;
        return condition(json);
      }, what).catch((error: unknown) => {
        throw new Error(`${path}: ${what}; last seen: ${JSON.stringify(json)?.slice(0, 800)}`, {
          cause: error,
        });
      });
      return json;
    },
    gone: async (path) => {
      await until(async () => (await shared.server.request('GET', path)).status === 404, `${path} goes`);
    },
    namespace: async (name) => {
      await shared.ask(201, 'POST', '/api/v1/namespaces', { metadata: { name } });
      assert.equal((await shared.server.request('GET', `/api/v1/namespaces/${name}`)).status, 200);
      return `/api/v1/namespaces/${name}`;
    },
  };
}
