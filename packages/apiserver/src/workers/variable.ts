/** Set for a worker: how many API server processes there are. */
export const workersVariable = 'TIMONIER_APISERVER_WORKERS';
