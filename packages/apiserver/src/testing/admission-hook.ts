/** For tests: a program that answers reviews of admission over real HTTPS, and keeps what it was asked. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { TestServer } from './harness.ts';

export interface Review {
  readonly request: {
    readonly kind: { readonly group: string; readonly version: string };
    readonly requestKind: { readonly group: string; readonly version: string };
    readonly uid: string;
    readonly operation: string;
    readonly dryRun: boolean;
    readonly userInfo: { readonly username: string };
    readonly object: { readonly metadata: { readonly name: string }; readonly data?: Record<string, string> };
    readonly oldObject: { readonly metadata: { readonly name: string } } | null;
  };
}

export interface AdmissionHook {
  readonly url: string;
  readonly caBundle: string;
  readonly reviews: Review[];
}

/** A program that answers reviews, with a certificate of the cluster's authority. */
export async function startAdmissionHook(
  t: Pick<TestContext, 'after'>,
  server: Pick<TestServer, 'pki'>,
  answer: (review: Review) => object | undefined,
): Promise<AdmissionHook> {
  const { certificateFile, keyFile } = server.pki.files('apiserver');
  const reviews: Review[] = [];
  const program = createServer({ cert: await readFile(certificateFile), key: await readFile(keyFile) });
  program.on('request', (request, response) => {
    void request.toArray().then((chunks: Buffer[]) => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
      reviews.push(review);
      const given = answer(review);
      // Without an answer the caller waits in vain.
      if (given !== undefined)
        response.end(
          JSON.stringify({
            apiVersion: 'admission.k8s.io/v1',
            kind: 'AdmissionReview',
            response: { uid: review.request.uid, ...given },
          }),
        );
    });
  });
  t.after(() => {
    program.close();
    program.closeAllConnections();
  });
  await once(program.listen(0, '127.0.0.1'), 'listening');
  const caBundle = (await readFile(server.pki.caFile)).toString('base64');
  return { url: `https://127.0.0.1:${(program.address() as AddressInfo).port}/review`, caBundle, reviews };
}
