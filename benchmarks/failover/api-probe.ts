/**
 * One question to one API server: a new connection with a whole TLS handshake, one object created, and whether that was
 * acknowledged. Bare HTTP/1.1 over `node:tls`, because a probe that is sent every 10 ms to every address must cost next
 * to nothing itself: on two processors it competes with what it measures.
 */
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';

/**
 * Kernels answer at once or not at all, and repeat a lost first packet only after a second: whoever asks anew every 10 ms
 * is not waiting for that.
 */
const connectTimeoutMs = 30;

const path = '/api/v1/namespaces/default/configmaps';

/** Who asks, as a kubeconfig says. */
export class ApiProbe {
  readonly #context: SecureContext;
  /** The one address that the kubeconfig names. */
  readonly server: string;
  #count = 0;

  private constructor(context: SecureContext, server: string) {
    this.#context = context;
    this.server = server;
  }

  static async open(kubeconfig: string): Promise<ApiProbe> {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const options: { ca?: string | Buffer; cert?: string | Buffer; key?: string | Buffer } = {};
    await config.applyToHTTPSOptions(options);
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) throw new Error(`${kubeconfig} names no server`);
    return new ApiProbe(createSecureContext(options), server);
  }

  /** Resolves with whether a ConfigMap was created at `server`, an URL, in time; never rejects. */
  ask(server: string, timeoutMs: number): Promise<boolean> {
    const { hostname: host, port, host: authority } = new URL(server);
    const body = JSON.stringify({ metadata: { name: `probe-${process.pid}-${this.#count++}` } });
    return new Promise((resolve) => {
      const socket = connect({ host, port: Number(port), secureContext: this.#context });
      socket.setNoDelay(true);
      const end = (created: boolean): void => {
        clearTimeout(timer);
        clearTimeout(connecting);
        socket.destroy();
        resolve(created);
      };
      const timer = setTimeout(() => end(false), timeoutMs);
      const connecting = setTimeout(() => end(false), connectTimeoutMs);
      socket.once('connect', () => clearTimeout(connecting));
      socket.on('error', () => end(false));
      socket.on('close', () => end(false));
      socket.once('data', (text) => end(text.toString('latin1', 0, 12) === 'HTTP/1.1 201'));
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: ${authority}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      );
    });
  }
}
