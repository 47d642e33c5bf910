export { importImage, type ImportedImage } from './import-service.ts';
export { type CriServer, serveCri } from './serve.ts';
export type { Settings } from './runtime/settings.ts';
