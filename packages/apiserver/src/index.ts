export { ApiServer, type ApiServerOptions } from './api-server.ts';
export { command } from './command.ts';
