/** Which tolerations hold more than others, and what is left of several together. As upstream's `pkg/util/tolerations`. Pure. */
import type { Toleration } from '@timonier/api';
import { sameTree } from '../../storage/copy.ts';

/** True when everything that `other` tolerates is tolerated by `toleration`. */
function isSuperset(toleration: Toleration, other: Toleration): boolean {
  const { key = '', operator = 'Equal', value = '', effect = '', tolerationSeconds } = toleration;
  if (sameTree(toleration, other)) return true;
  // Without a key all keys are meant.
  if ((other.key ?? '') !== key && (key !== '' || operator !== 'Exists')) return false;
  if (effect !== '' && effect !== (other.effect ?? '')) return false;
  if (effect === 'NoExecute' && tolerationSeconds !== undefined)
    if (other.tolerationSeconds === undefined || other.tolerationSeconds > tolerationSeconds) return false;
  if (operator === 'Exists') return true;
  return operator === 'Equal' && (other.operator ?? 'Equal') === 'Equal' && (other.value ?? '') === value;
}

/** Both lists without what another of them holds; of equal ones the first stays. */
export function mergedTolerations(first: readonly Toleration[], second: readonly Toleration[]): Toleration[] {
  const all = [...first, ...second];
  const merged: Toleration[] = [];
  for (const [i, one] of all.entries()) {
    const isHeld =
      merged.some((known) => isSuperset(known, one)) ||
      all.slice(i + 1).some((later) => !sameTree(one, later) && isSuperset(later, one));
    if (!isHeld) merged.push(one);
  }
  return merged;
}

/** Whether some toleration of a list holds each of a pod's. */
export function areAllowed(tolerations: readonly Toleration[], allowed: readonly Toleration[]): boolean {
  return tolerations.every((one) => allowed.some((known) => isSuperset(known, one)));
}
