/**
 * AlwaysPullImages: every start of a container asks the registry, with the pod's own credentials. Without it a pod may run
 * a private image that somebody else's pod brought to the node.
 */
import type { Container, Pod, PodSpec } from '@timonier/api';
import { fieldErrors } from '@timonier/api';
import { formatFieldError } from '@timonier/api/validation';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';

const always = 'Always';

interface Place {
  readonly field: string;
  readonly policy: string | undefined;
  readonly set: () => void;
}

export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  isOffByDefault: true,
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods', '/pods/ephemeralcontainers'],
  admit(request) {
    if (!bringsImages(request)) return;
    for (const { set } of places(request)) set();
  },
  validate(request) {
    if (!bringsImages(request)) return;
    const wrong = places(request)
      .filter(({ policy }) => policy !== always)
      .map(({ field, policy }) => formatFieldError(fieldErrors.notSupported(field, policy ?? '', [always])));
    const [first = '', ...more] = wrong;
    if (wrong.length > 0) throw refusal(request, more.length === 0 ? first : `[${wrong.join(', ')}]`);
  },
};

const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const;

function specOf(object: AdmissionRequest['object']): PodSpec | undefined {
  return (object as unknown as Pod | undefined)?.spec;
}

function containers(spec: PodSpec | undefined): { readonly field: string; readonly one: Container }[] {
  return lists.flatMap((list) =>
    ((spec?.[list] ?? []) as readonly Container[]).map((one, i) => ({ field: `spec.${list}[${i}]`, one })),
  );
}

/** False for a change that leaves all images as they were: what runs already is not asked about. */
function bringsImages({ operation, object, old }: AdmissionRequest): boolean {
  if (operation !== 'UPDATE') return true;
  const known = new Set(containers(specOf(old)).map(({ one }) => one.image));
  return containers(specOf(object)).some(({ one }) => !known.has(one.image));
}

function places({ object }: AdmissionRequest): Place[] {
  const spec = specOf(object);
  const own = containers(spec).map(({ field, one }) => ({
    field: `${field}.imagePullPolicy`,
    policy: one.imagePullPolicy,
    set: () => void (one.imagePullPolicy = always),
  }));
  const mounted = (spec?.volumes ?? []).flatMap(({ image }, i) =>
    image === undefined
      ? []
      : [
          {
            field: `spec.volumes[${i}].image.pullPolicy`,
            policy: image.pullPolicy,
            set: () => void (image.pullPolicy = always),
          },
        ],
  );
  return [...own, ...mounted];
}
