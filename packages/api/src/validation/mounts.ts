/** The rules of where a container has its volumes. */
import type { Container, Volume, VolumeDevice, VolumeMount } from '../generated/types.ts';
import { forbidden, invalid, notFound, notSupported, required, type FieldError } from './field-error.ts';
import { noBacksteps, relativePath } from './paths.ts';

type Mounting = Pick<Container, 'volumeMounts' | 'volumeDevices' | 'securityContext'>;

/** `volumes` are the pod's by name. Some paths name the list where its item is meant: so does upstream. */
export function validateMounts(
  container: Mounting,
  at: string,
  volumes: ReadonlyMap<string, Volume>,
): FieldError[] {
  const { volumeMounts = [], volumeDevices = [], securityContext } = container;
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  const deviceNames = new Set(volumeDevices.map(({ name }) => name));
  const devicePaths = new Set(volumeDevices.map(({ devicePath }) => devicePath));
  for (const [i, mount] of volumeMounts.entries()) {
    const field = `${at}.volumeMounts[${i}]`;
    const { name, mountPath } = mount;
    const volume = volumes.get(name);
    if (!name) errors.push(required(`${field}.name`));
    if (volume === undefined) errors.push(notFound(`${field}.name`, name));
    if (!mountPath) errors.push(required(`${field}.mountPath`));
    if (paths.has(mountPath)) errors.push(invalid(`${field}.mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    if (deviceNames.has(name))
      errors.push(invalid(`${field}.name`, name, 'must not already exist in volumeDevices'));
    if (devicePaths.has(mountPath))
      errors.push(
        invalid(`${field}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'),
      );
    if (volume?.image !== undefined)
      for (const part of ['subPath', 'subPathExpr'] as const)
        if (mount[part])
          errors.push(invalid(`${field}.${part}`, mount[part], 'not allowed in image volume sources'));
    errors.push(...way(mount, `${at}.volumeMounts`, i, securityContext?.privileged === true));
  }
  if (volumeDevices.length > 0)
    errors.push(...devices(volumeDevices, volumeMounts, `${at}.volumeDevices`, volumes));
  return errors;
}

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None'];

/** How one volume is mounted. */
function way(mount: VolumeMount, list: string, i: number, isPrivileged: boolean): FieldError[] {
  const { subPath, subPathExpr, mountPropagation, recursiveReadOnly, readOnly } = mount;
  const errors: FieldError[] = [];
  if (subPath) errors.push(...relativePath(`${list}.subPath`, subPath));
  if (subPathExpr) {
    if (subPath)
      errors.push(
        invalid(`${list}[${i}].subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      );
    errors.push(...relativePath(`${list}.subPathExpr`, subPathExpr));
  }
  if (mountPropagation !== undefined) {
    const at = `${list}.mountPropagation`;
    if (!PROPAGATIONS.includes(mountPropagation))
      errors.push(notSupported(at, mountPropagation, PROPAGATIONS));
    if (mountPropagation === 'Bidirectional' && !isPrivileged)
      errors.push(
        forbidden(at, 'Bidirectional mount propagation is available only to privileged containers'),
      );
  }
  if (recursiveReadOnly === 'Enabled' || recursiveReadOnly === 'IfPossible') {
    const at = `${list}.recursiveReadOnly`;
    if (readOnly !== true) errors.push(forbidden(at, 'may only be specified when readOnly is true'));
    if (mountPropagation !== undefined && mountPropagation !== 'None')
      errors.push(forbidden(at, 'may only be specified when mountPropagation is None or not specified'));
  } else if (recursiveReadOnly !== undefined && recursiveReadOnly !== 'Disabled')
    errors.push(
      notSupported(`${list}.recursiveReadOnly`, recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible']),
    );
  return errors;
}

function devices(
  list: readonly VolumeDevice[],
  mounts: readonly VolumeMount[],
  path: string,
  volumes: ReadonlyMap<string, Volume>,
): FieldError[] {
  const errors: FieldError[] = [];
  const [names, paths] = [new Set<string>(), new Set<string>()];
  const mountNames = new Set(mounts.map((mount) => mount.name));
  const mountPaths = new Set(mounts.map(({ mountPath }) => mountPath));
  for (const [i, { name, devicePath }] of list.entries()) {
    const field = `${path}[${i}]`;
    const volume = volumes.get(name);
    if (!name) errors.push(required(`${field}.name`));
    if (names.has(name)) errors.push(invalid(`${field}.name`, name, 'must be unique'));
    if (volume === undefined) errors.push(notFound(`${field}.name`, name));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined)
      errors.push(
        invalid(
          `${field}.name`,
          name,
          'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        ),
      );
    if (!devicePath) errors.push(required(`${field}.devicePath`));
    if (paths.has(devicePath)) errors.push(invalid(`${field}.devicePath`, devicePath, 'must be unique'));
    if (devicePath && noBacksteps(field, devicePath).length > 0)
      errors.push(invalid(`${field}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    else paths.add(devicePath);
    if (mountNames.has(name))
      errors.push(invalid(`${field}.name`, name, 'must not already exist in volumeMounts'));
    if (mountPaths.has(devicePath))
      errors.push(
        invalid(`${field}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'),
      );
    if (name) names.add(name);
  }
  return errors;
}
