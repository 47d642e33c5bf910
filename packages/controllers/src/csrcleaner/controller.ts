/** Removes requests for certificates that nobody needs any more. */
import { type CertificateSigningRequest, resources } from '@timonier/api';
import { isConflict, isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { X509Certificate } from 'node:crypto';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { removedInMs } from './decide.ts';

/** `now` is the time of day in milliseconds. */
export function startCertificateCleaner(context: LoopContext, now: () => number = Date.now): Stoppable {
  const { client, informers, term } = context;
  return startQueueLoop(context, {
    name: 'csrcleaner',
    concurrency: 1,
    feeds: [feed(informers.certificatesigningrequests, (request) => [objectKey(request)])],
    sync: async (key) => {
      const request = informers.certificatesigningrequests.get(parseKey(key));
      const wait = request === undefined ? undefined : removedInMs(request, endOf(request), now());
      if (request === undefined || wait === undefined) return undefined;
      if (wait > 0) return { againAfterMs: wait };
      const { name = '', uid, resourceVersion } = request.metadata ?? {};
      // Not one that was decided meanwhile.
      const preconditions = {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      };
      try {
        const type = resources.certificatesigningrequests;
        await client.delete(type, { name }, { ...term.write, preconditions });
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
      return undefined;
    },
  });
}

/** When its certificate ends; undefined when it has none that can be read, such as one of another signer. */
function endOf({ status }: CertificateSigningRequest): number | undefined {
  const { certificate = '' } = status ?? {};
  if (certificate === '') return undefined;
  try {
    return new Date(new X509Certificate(Buffer.from(certificate, 'base64')).validTo).getTime();
  } catch {
    return undefined;
  }
}
