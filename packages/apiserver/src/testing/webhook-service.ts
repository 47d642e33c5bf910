/** For tests: a service over real HTTPS that a kubeconfig file names, and that answers what a test says. */
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { TestContext } from 'node:test';
import { listen } from '@timonier/component';
import { type ClusterPki, kubeconfigText } from '@timonier/pki';

export interface WebhookService {
  /** Path of a kubeconfig that names it. */
  readonly kubeconfig: string;
  readonly url: string;
  /** What it was sent, as it came. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly asked: any[];
  /** Answers one question: an object is the answer, a number a status code, a promise may take its time. */
  // oxlint-disable-next-line typescript/no-explicit-any
  answer: (body: any) => unknown;
}

export interface WebhookServiceOptions {
  readonly pki: ClusterPki;
  readonly directory: string;
  readonly name: string;
}

/** At `/ask` only the client of the kubeconfig may ask, at other paths everybody. */
export async function startWebhookService(
  t: Pick<TestContext, 'after'>,
  { pki, directory, name }: WebhookServiceOptions,
): Promise<WebhookService> {
  const serving = pki.files('apiserver');
  const client = pki.files('apiserver-kubelet-client');
  const ca = await readFile(pki.caFile);
  const server = createServer(
    {
      cert: await readFile(serving.certificateFile),
      key: await readFile(serving.keyFile),
      ca,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => {
        const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
        service.asked.push(body);
        const peer = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
        const isKnown = (request.socket as TLSSocket).authorized && peer === 'kube-apiserver-kubelet-client';
        if (request.url === '/ask' && !isKnown) throw new Error(`asked by ${String(peer)}`);
        void Promise.resolve(service.answer(body)).then((answer) => {
          if (typeof answer === 'number') response.writeHead(answer).end();
          else response.end(JSON.stringify(answer ?? {}));
        });
      });
    },
  );
  await listen(server, 0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const url = `https://localhost:${port}/ask`;
  const kubeconfig = join(directory, `${name}.kubeconfig`);
  const text = kubeconfigText({
    name,
    server: url,
    ca: ca.toString(),
    certificate: await readFile(client.certificateFile, 'utf8'),
    key: await readFile(client.keyFile, 'utf8'),
  });
  await writeFile(kubeconfig, text);
  const service: WebhookService = { kubeconfig, url, asked: [], answer: () => 500 };
  return service;
}
