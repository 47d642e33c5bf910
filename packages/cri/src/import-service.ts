/** The private service that imports image archives, as a definition both halves share, and its client. */
import { connectService, CriError, criStatus, defineService } from '@timonier/grpc/cri';

export interface ImportedImage {
  readonly id: string;
  readonly tags: string[];
}

interface ImportMethods {
  Import: {
    readonly request: { readonly path: string };
    readonly response: { readonly images: ImportedImage[] };
    readonly streams: false;
  };
}

export const imageImportService = defineService<ImportMethods>(
  'timonier/cri.proto',
  'timonier.cri.v1.ImageImport',
);

/**
 * Asks the runtime at `socket` (a path) to import the OCI archive or layout at `path`, which must be visible to it.
 * Rejects with the runtime's own sentence when it cannot.
 */
export async function importImage(socket: string, path: string): Promise<readonly ImportedImage[]> {
  const client = connectService(imageImportService, `unix:${socket}`);
  try {
    return (await client.call.Import({ path })).images;
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    const message =
      error.code === criStatus.UNAVAILABLE
        ? `no container runtime answers on ${socket}; start "timonier cri" or name its socket with --socket`
        : error.details;
    throw new Error(message, { cause: error });
  } finally {
    client.close();
  }
}
