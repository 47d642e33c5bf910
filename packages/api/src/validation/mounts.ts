/** The rules of where a container has its volumes. */
import type { Container, VolumeMount } from '../generated/types.ts';
import { forbidden, invalid, notFound, required, type FieldError } from './field-error.ts';

/** `volumes` are the names of the pod's. */
export function validateMounts(
  container: Pick<Container, 'volumeMounts' | 'volumeDevices' | 'securityContext'>,
  at: string,
  volumes: ReadonlySet<string>,
): FieldError[] {
  const { volumeMounts = [], volumeDevices = [], securityContext } = container;
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  const devices = new Set(volumeDevices.map(({ devicePath }) => devicePath));
  const deviceNames = new Set(volumeDevices.map(({ name }) => name));
  for (const [i, mount] of volumeMounts.entries()) {
    const field = `${at}.volumeMounts[${i}]`;
    if (!mount.name) errors.push(required(`${field}.name`));
    else if (!volumes.has(mount.name)) errors.push(notFound(`${field}.name`, mount.name));
    if (!mount.mountPath) errors.push(required(`${field}.mountPath`));
    else if (paths.has(mount.mountPath))
      errors.push(invalid(`${field}.mountPath`, mount.mountPath, 'must be unique'));
    paths.add(mount.mountPath);
    if (deviceNames.has(mount.name))
      errors.push(invalid(`${field}.name`, mount.name, 'must not already exist in volumeDevices'));
    if (devices.has(mount.mountPath))
      errors.push(
        invalid(`${field}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices'),
      );
    errors.push(...way(mount, field, securityContext?.privileged === true));
  }
  const taken = new Set<string>();
  for (const [i, { name, devicePath }] of volumeDevices.entries()) {
    const field = `${at}.volumeDevices[${i}]`;
    if (!name) errors.push(required(`${field}.name`));
    else if (!volumes.has(name)) errors.push(notFound(`${field}.name`, name));
    if (!devicePath) errors.push(required(`${field}.devicePath`));
    else if (taken.has(devicePath)) errors.push(invalid(`${field}.devicePath`, devicePath, 'must be unique'));
    else if (devicePath.split('/').includes('..'))
      errors.push(invalid(`${field}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    taken.add(devicePath);
  }
  return errors;
}

/** How one volume is mounted. */
function way(mount: VolumeMount, field: string, isPrivileged: boolean): FieldError[] {
  const { subPath, subPathExpr, mountPropagation, recursiveReadOnly, readOnly } = mount;
  const errors: FieldError[] = [];
  if (subPath) errors.push(...relativePath(`${field}.subPath`, subPath));
  if (subPathExpr) {
    if (subPath)
      errors.push(
        invalid(`${field}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      );
    errors.push(...relativePath(`${field}.subPathExpr`, subPathExpr));
  }
  if (mountPropagation === 'Bidirectional' && !isPrivileged)
    errors.push(
      forbidden(
        `${field}.mountPropagation`,
        'Bidirectional mount propagation is available only to privileged containers',
      ),
    );
  if (recursiveReadOnly === 'Enabled' || recursiveReadOnly === 'IfPossible') {
    const at = `${field}.recursiveReadOnly`;
    if (readOnly !== true) errors.push(forbidden(at, 'may only be specified when readOnly is true'));
    if (mountPropagation !== undefined && mountPropagation !== 'None')
      errors.push(forbidden(at, 'may only be specified when mountPropagation is None or not specified'));
  }
  return errors;
}

/** A path that stays below where it is joined to. */
export function relativePath(field: string, path: string): FieldError[] {
  if (path.startsWith('/')) return [invalid(field, path, 'must be a relative path')];
  if (path.split('/').includes('..')) return [invalid(field, path, "must not contain '..'")];
  return [];
}
