/**
 * Admission of what has an object of its own kind: a Scale, an Eviction, a Binding, a request for a token, a review. It is
 * judged as that, and once: what the server then does to carry it out is not asked about again.
 */
import { messageSchema } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { JudgedWrite } from '../request-context.ts';
import type { AdmissionRequest, OwnKind } from './request.ts';

export const ownKinds = {
  scale: {
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    schema: messageSchema('io.k8s.api.autoscaling.v1.Scale'),
  },
  eviction: {
    group: 'policy',
    version: 'v1',
    kind: 'Eviction',
    schema: messageSchema('io.k8s.api.policy.v1.Eviction'),
  },
  binding: {
    group: '',
    version: 'v1',
    kind: 'Binding',
    schema: messageSchema('io.k8s.api.core.v1.Binding'),
  },
  token: {
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'TokenRequest',
    schema: messageSchema('io.k8s.api.authentication.v1.TokenRequest'),
  },
} satisfies Readonly<Record<string, OwnKind>>;

interface Judgement<T> {
  readonly old?: T;
  /** Throws for what cannot be carried out: after what completes the object, before what judges it. */
  readonly check?: (object: T) => void;
}

/** The object as admission leaves it, which is what to carry out. Throws when it is refused. */
export async function admitOwn<T extends object>(
  context: JudgedWrite,
  as: OwnKind | undefined,
  object: T,
  { old, check }: Judgement<T> = {},
): Promise<T> {
  const { admission } = context.server;
  const request: AdmissionRequest = {
    operation: old === undefined ? 'CREATE' : 'UPDATE',
    context,
    object: object as ApiObject,
    old: old as ApiObject | undefined,
    ...(as === undefined ? {} : { as }),
  };
  await admission.admit(request);
  check?.((request.object ?? object) as T);
  await admission.validate(request);
  return (request.object ?? object) as T;
}

/** The same request for what carries it out. */
export function judged<T extends JudgedWrite>(context: T): T {
  return { ...context, isJudged: true };
}
