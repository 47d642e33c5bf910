export { importImage } from './import-service.ts';
