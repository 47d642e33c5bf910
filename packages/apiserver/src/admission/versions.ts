/**
 * One write in the versions that its resource is served in. Who asks for one version of an object must hear of it
 * whatever version it was sent in, and must see it as they know it: a policy that reads `spec.metrics` of v2 guards
 * nothing that came as v1 otherwise. In: a request. Out: the same as another version shows it, and what became of it there
 * in the version that it was sent in.
 */
import { apiVersionOf, fromStored, type Registry, type ResourceInfo, toStored } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { AdmissionRequest } from './request.ts';

interface Known {
  readonly generation: number;
  readonly byResource: Map<ResourceInfo, readonly ResourceInfo[]>;
}

const known = new WeakMap<Registry, Known>();

/** The other resources that the objects of one are served as, in the order in which they joined. */
export function equivalentsOf(registry: Registry, info: ResourceInfo, subresource: string): ResourceInfo[] {
  let made = known.get(registry);
  if (made?.generation !== registry.generation)
    known.set(registry, (made = { generation: registry.generation, byResource: new Map() }));
  let others = made.byResource.get(info);
  if (others === undefined) {
    others =
      info.storagePrefix === undefined
        ? []
        : registry.all().filter((other) => other !== info && other.storagePrefix === info.storagePrefix);
    made.byResource.set(info, others);
  }
  return others.filter(
    ({ subresources }) => subresource === '' || subresources.some(({ name }) => name === subresource),
  );
}

/** The resource as which a request is shown. */
export function shownInfo({ shownAs, context }: AdmissionRequest): ResourceInfo {
  return shownAs ?? context.target.info;
}

/** The request as another version shows it. Throws a `StatusError` when it cannot be converted. */
export function shownAs(
  request: AdmissionRequest,
  info: ResourceInfo,
): AdmissionRequest | Promise<AdmissionRequest> {
  const from = request.context.target.info;
  if (info === from) return request;
  const { object, old } = request;
  // What has a kind of its own is the same in all versions.
  if (request.as !== undefined || request.operation === 'CONNECT') return { ...request, shownAs: info };
  const shown = converted([object, old], from, info);
  const view = ([after, before]: readonly (ApiObject | undefined)[]): AdmissionRequest => ({
    ...request,
    object: after,
    old: before,
    shownAs: info,
  });
  return shown instanceof Promise ? shown.then(view) : view(shown);
}

/** An object of a request, as it is shown, in the version that the request was sent in. */
export async function asSent(
  { context, as, shownAs: info }: AdmissionRequest,
  object: ApiObject | undefined,
): Promise<ApiObject | undefined> {
  if (info === undefined || as !== undefined) return object;
  const [back] = await converted([object], info, context.target.info);
  return back;
}

type Some = readonly (ApiObject | undefined)[];

function converted(objects: Some, from: ResourceInfo, to: ResourceInfo): Some | Promise<Some> {
  const { custom } = from;
  const apiVersion = apiVersionOf(to);
  if (custom === undefined) return objects.map((object) => object && fromStored(to, toStored(from, object)));
  if (custom.convert === undefined) return objects.map((object) => object && { ...object, apiVersion });
  const present = objects.filter((object) => object !== undefined);
  return custom.convert(present, apiVersion).then((made) => {
    const rest = [...made];
    return objects.map((object) => object && rest.shift());
  });
}
