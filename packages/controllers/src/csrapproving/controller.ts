/** Approves the requests of kubelets for their client certificates, after asking whether they may have one. */
import { type CertificateSigningRequest, resources, type SubjectAccessReview } from '@timonier/api';
import { isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { approved, type Candidate, candidatesOf } from './decide.ts';

/** Somebody may be allowed later. */
const askAgainMs = 30_000;

export function startCertificateApprover(context: LoopContext): Stoppable {
  const { client, informers, term } = context;
  return startQueueLoop(context, {
    name: 'csrapproving',
    concurrency: 2,
    feeds: [feed(informers.certificatesigningrequests, (request) => [objectKey(request)])],
    sync: async (key) => {
      const request = informers.certificatesigningrequests.get(parseKey(key));
      const candidates = request === undefined ? [] : candidatesOf(request);
      if (request === undefined || candidates.length === 0) return undefined;
      for (const candidate of candidates) {
        if (!(await isAllowed(context, request, candidate))) continue;
        const options = { ...term.write, subresource: 'approval' };
        const type = resources.certificatesigningrequests;
        await client.update(type, approved(request, candidate.message), options).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
        return undefined;
      }
      return { againAfterMs: askAgainMs };
    },
  });
}

async function isAllowed(
  { client, term }: LoopContext,
  { spec }: CertificateSigningRequest,
  { permission }: Candidate,
): Promise<boolean> {
  const { username, uid, groups, extra } = spec;
  const review: SubjectAccessReview = {
    spec: {
      ...(username === undefined ? {} : { user: username }),
      ...(uid === undefined ? {} : { uid }),
      ...(groups === undefined ? {} : { groups }),
      ...(extra === undefined ? {} : { extra }),
      resourceAttributes: {
        group: 'certificates.k8s.io',
        resource: 'certificatesigningrequests',
        verb: 'create',
        subresource: permission,
      },
    },
  };
  const answer = await client.create<SubjectAccessReview>(resources.subjectaccessreviews, review, term.write);
  return answer.status?.allowed === true;
}
