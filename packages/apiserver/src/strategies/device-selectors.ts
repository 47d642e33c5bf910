/**
 * Selectors of devices, in classes, in claims and in their templates: expressions about one device that must compile
 * and must not be able to cost too much. Whether a device is selected is for who allocates it.
 */
import type {
  DeviceClaim,
  DeviceClass,
  DeviceSelector,
  FieldError,
  Namespace,
  ResourceClaim,
  ResourceClaimTemplate,
} from '@timonier/api';
import { fieldErrors } from '@timonier/api';
import { CompileError, Environment, type Program, perCallLimit, type Type, types } from '@timonier/cel';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { invalidStatus } from '@timonier/api/validation';
import { cachedObject } from '../admission/cached.ts';
import type { WriteContext } from '../server-state.ts';
import { sameTree } from '../storage/copy.ts';
import type { Strategy } from './strategy.ts';

/** How much a device can say of itself; the types know it so that the cost of an expression can be judged. */
const maxEntries = 32;
const maxDomain = 63;
const maxIdentifier = 32;

function byDomain(value: Type): Type {
  const identifier: Type = { kind: 'string', max: maxIdentifier };
  const domain: Type = { kind: 'string', max: maxDomain };
  return types.map(domain, types.map(identifier, value, maxEntries), maxEntries);
}

const deviceFields: Readonly<Record<string, Type>> = {
  driver: { kind: 'string', max: maxDomain },
  attributes: byDomain(types.any),
  capacity: byDomain(types.opaque('kubernetes.Quantity')),
  allowMultipleAllocations: types.bool,
};
const environment = new Environment({
  variables: {
    device: {
      kind: 'object',
      name: 'kubernetes.DRADevice',
      fields: new Map(Object.entries(deviceFields).map(([jsonName, type]) => [jsonName, { type, jsonName }])),
    },
  },
});

export const deviceClassStrategy: Strategy = {
  validate(object, old) {
    const [now, before] = [object, old] as readonly (DeviceClass | undefined)[];
    return changed('spec.selectors', now?.spec?.selectors, before?.spec?.selectors);
  },
};

const adminLabel = 'resource.kubernetes.io/admin-access';

/** Devices that others use may be looked at only from namespaces that are marked for it. */
function checkAdminAccess(devices: DeviceClaim | undefined, object: ApiObject, context: WriteContext): void {
  const { info, namespace } = context.target;
  const asking = (devices?.requests ?? []).flatMap(({ exactly }, i) =>
    exactly?.adminAccess === true ? [`spec.devices.requests[${i}].adminAccess`] : [],
  );
  if (asking.length === 0) return;
  const home = cachedObject<Namespace>(context.server, 'namespaces', '', namespace);
  if (home?.metadata?.labels?.[adminLabel] === 'true') return;
  const detail = `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`;
  const errors = asking.map((field) => fieldErrors.forbidden(field, detail));
  throw new StatusError(invalidStatus(info, object.metadata?.name ?? '', errors));
}

export const resourceClaimStrategy: Strategy = {
  check(object, old, context) {
    if (old === undefined)
      checkAdminAccess((object as object as ResourceClaim).spec?.devices, object, context);
  },
  // What was stored is never changed again.
  validate: (object, old) =>
    old === undefined ? claim('spec.devices', (object as object as ResourceClaim).spec?.devices) : [],
};

export const resourceClaimTemplateStrategy: Strategy = {
  check(object, old, context) {
    if (old === undefined)
      checkAdminAccess((object as object as ResourceClaimTemplate).spec?.spec.devices, object, context);
  },
  validate: (object, old) =>
    sameTree(object['spec'], old?.['spec'])
      ? []
      : claim('spec.spec.devices', (object as object as ResourceClaimTemplate).spec?.spec?.devices),
};

function claim(path: string, devices: DeviceClaim | undefined): FieldError[] {
  return (devices?.requests ?? []).flatMap(({ exactly, firstAvailable = [] }, i) => [
    ...changed(`${path}.requests[${i}].exactly.selectors`, exactly?.selectors),
    ...firstAvailable.flatMap(({ selectors }, j) =>
      changed(`${path}.requests[${i}].firstAvailable[${j}].selectors`, selectors),
    ),
  ]);
}

/** What was accepted once stays so, whatever a newer server thinks of it. */
function changed(
  path: string,
  selectors: readonly DeviceSelector[] = [],
  before: readonly DeviceSelector[] = [],
): FieldError[] {
  return selectors.flatMap((selector, i) =>
    before.some((other) => sameTree(selector, other))
      ? []
      : // That it must be there is told by the rules of the kind.
        selector.cel === undefined
        ? []
        : expression(`${path}[${i}].cel.expression`, selector.cel.expression ?? ''),
  );
}

function expression(field: string, source: string): FieldError[] {
  let program: Program;
  try {
    program = environment.compile(source);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return [fieldErrors.invalid(field, source, error.problem)];
  }
  const { type, estimate } = program;
  if (type.kind !== 'bool' && type !== types.any) {
    const detail = `must evaluate to bool or the unknown type, not ${types.typeName(type)}`;
    return [fieldErrors.invalid(field, source, detail)];
  }
  return estimate > perCallLimit ? [fieldErrors.forbidden(field, 'too complex, exceeds cost limit')] : [];
}
