import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { GrpcError, GrpcServer, Status } from '@timonier/grpc';
import { addService } from '@timonier/grpc/cri';
import { testPort } from '@timonier/linux/test-ports';
import type { Runtime } from '../runtime/runtime.ts';
import { healthService } from './grpc-health.ts';
import { type Handler, runHandler } from './handler.ts';

const runtime = {} as Runtime;
const target = { containerId: 'c', container: { name: 'web' }, podIp: '127.0.0.1' };
const run = (handler: Handler): Promise<void> => runHandler(handler, target, runtime, 10_000);

test('a port where nobody listens is reported in the words that people look for', async () => {
  const port = await testPort();
  const refused = `dial tcp 127.0.0.1:${port}: connect: connection refused`;
  await assert.rejects(run({ tcpSocket: { port } }), { message: refused });
  await assert.rejects(run({ httpGet: { port, path: 'live' } }), {
    message: `Get "http://127.0.0.1:${port}/live": ${refused}`,
  });
});

test('a server that does not answer in time is reported as a deadline that passed', async (t) => {
  const server = createServer((socket) => void socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await assert.rejects(runHandler({ httpGet: { port } }, target, runtime, 50), {
    message: `Get "http://127.0.0.1:${port}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  });
});

test('a gRPC server is asked for the health of a service, and what it answers otherwise is the reason', async (t) => {
  const server = new GrpcServer();
  addService(server, healthService, {
    Check: ({ service }) => {
      if (service === 'nobody') throw new GrpcError(Status.NOT_FOUND, 'unknown service');
      return Promise.resolve({ status: service === 'sick' ? 'NOT_SERVING' : 'SERVING' });
    },
  });
  const port = await server.listen('127.0.0.1:0');
  t.after(() => server.shutdown());
  await run({ grpc: { port } });
  await run({ grpc: { port, service: 'well' } });
  await assert.rejects(run({ grpc: { port, service: 'sick' } }), {
    message: 'service unhealthy (responded with "NOT_SERVING")',
  });
  await assert.rejects(run({ grpc: { port, service: 'nobody' } }), {
    message: 'error: health rpc probe failed: rpc error: code = NotFound desc = unknown service',
  });
});

test('a gRPC server that says nothing is told by how long it was waited for', async (t) => {
  const server = new GrpcServer();
  addService(server, healthService, { Check: () => new Promise(() => undefined) });
  const port = await server.listen('127.0.0.1:0');
  t.after(() => server.shutdown());
  await assert.rejects(runHandler({ grpc: { port } }, target, runtime, 200), {
    message: 'timeout: health rpc did not complete within 0.2s',
  });
});

test('a gRPC port where nobody listens, or that knows no health, is no health', async (t) => {
  await assert.rejects(
    run({ grpc: { port: await testPort() } }),
    /ProbeError: timeout: failed to connect service/,
  );
  const server = new GrpcServer();
  const port = await server.listen('127.0.0.1:0');
  t.after(() => server.shutdown());
  await assert.rejects(run({ grpc: { port } }), {
    message: /^error: this server does not implement the grpc health protocol \(grpc\.health\.v1\.Health\): /,
  });
});
