/** A whole runtime on a socket: the two services of CRI, the import service and the stream server. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { addService, criImageService, criRuntimeService } from '@timonier/grpc/cri';
import { GrpcServer } from '@timonier/grpc';
import type { Registry } from 'prom-client';
import { UsageSamples } from './container/stats.ts';
import { imageService } from './image-service.ts';
import { importImages } from './image/import.ts';
import { imageImportService } from './import-service.ts';
import { instrument } from './instrument.ts';
import type { Log, Runtime } from './runtime/context.ts';
import { openRuntime } from './runtime/open.ts';
import type { Settings } from './runtime/settings.ts';
import { runtimeService } from './runtime-service.ts';
import { StreamServer } from './stream/server.ts';

export interface CriServer {
  readonly runtime: Runtime;
  /** Ends all calls and streams. Containers go on. */
  close(): Promise<void>;
}

/** Opens the runtime and serves it on the unix socket at `socket`. */
export async function serveCri(
  socket: string,
  settings: Settings,
  log: Log,
  metrics: Registry,
): Promise<CriServer> {
  const { runtime, events, close } = await openRuntime(settings, log);
  const streams = new StreamServer(runtime);
  const server = new GrpcServer({ maxReceiveBytes: 16 * 1024 * 1024 });
  try {
    await streams.start(settings.streamAddress);
    const version = await runtime.oci.version();
    const parts = { runtime, events, streams, rates: new UsageSamples(), version };
    addService(server, criRuntimeService, instrument(runtimeService(parts), metrics, log));
    addService(server, criImageService, instrument(imageService(runtime), metrics, log));
    addService(server, imageImportService, {
      Import: async ({ path }) => {
        const records = await importImages(runtime.images, path);
        return { images: records.map(({ id, tags }) => ({ id, tags: [...tags] })) };
      },
    });
    await mkdir(dirname(socket), { recursive: true });
    await server.listen(`unix:${socket}`);
  } catch (error) {
    close();
    await streams.stop().catch(() => undefined);
    throw error;
  }
  return {
    runtime,
    close: async () => {
      await server.shutdown(1_000);
      await streams.stop();
      close();
    },
  };
}
