/** The private service that imports image archives, as a definition both halves share, and its client. */
import { connectService, defineService } from '@timonier/grpc/cri';

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
  } finally {
    client.close();
  }
}
