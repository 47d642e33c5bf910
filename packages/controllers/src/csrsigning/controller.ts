/** Signs approved requests for certificates with the cluster's authority, where this process has its key. */
import { type CertificateSigningRequest, resources } from '@timonier/api';
import { isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { signRequest } from '@timonier/pki';
import { X509Certificate } from 'node:crypto';
import { timestamp } from '../job/conditions.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide } from './decide.ts';

/** `now` is the time of day in milliseconds. */
export function startCertificateSigner(context: LoopContext, now: () => number = Date.now): Stoppable {
  const { informers, log, settings } = context;
  const { signing } = settings;
  if (signing === undefined) {
    log.info(
      { controller: 'csrsigning' },
      'no certificates are signed here: there is no key of an authority',
    );
    return { stop: () => Promise.resolve() };
  }
  const authorityEnds = new Date(new X509Certificate(signing.certificate).validTo).getTime();
  return startQueueLoop(context, {
    name: 'csrsigning',
    concurrency: 1,
    feeds: [feed(informers.certificatesigningrequests, (request) => [objectKey(request)])],
    sync: async (key) => {
      const request = informers.certificatesigningrequests.get(parseKey(key));
      if (request === undefined) return;
      const time = now();
      const decision = decide({ request, now: time, durationMs: signing.durationMs, authorityEnds });
      if (decision.type === 'nothing') return;
      if (decision.type === 'fail') {
        const { message } = decision;
        const condition = {
          type: 'Failed',
          status: 'True',
          reason: 'SignerValidationFailure',
          message,
          lastUpdateTime: timestamp(time),
        };
        const conditions = [...(request.status?.conditions ?? []), condition];
        await writeStatus(context, { ...request, status: { ...request.status, conditions } });
        return;
      }
      const [notBefore, notAfter] = [new Date(decision.notBefore), new Date(decision.notAfter)];
      const pem = signRequest(decision.pem, { usages: decision.usages, notBefore, notAfter }, signing);
      const certificate = Buffer.from(pem).toString('base64');
      await writeStatus(context, { ...request, status: { ...request.status, certificate } });
    },
  });
}

async function writeStatus({ client, term }: LoopContext, request: CertificateSigningRequest): Promise<void> {
  const options = { ...term.write, subresource: 'status' };
  await client.update(resources.certificatesigningrequests, request, options).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}
