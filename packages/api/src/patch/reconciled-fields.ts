/**
 * Owned fields as a schema has them that changed since they were written down: who owned a part of what is one piece now owns
 * the piece. Otherwise somebody who sets the whole would take from others what they own without a conflict.
 *
 * Source: the reconciliation of Kubernetes' structured merge; what became finer stays as it was written, as there.
 */
import { isObject, type JsonObject, member, setKey, type Structure } from './structure.ts';

/** The same object where nothing changed. */
export function reconciledFieldsV1(fieldsV1: JsonObject, structure: Structure | undefined): JsonObject {
  if (structure === undefined) return fieldsV1;
  let result: JsonObject | undefined;
  for (const [element, below] of Object.entries(fieldsV1)) {
    if (element === '.' || !isObject(below) || isEmpty(below)) continue;
    const inner = element.startsWith('f:') ? member(structure, element.slice(2)) : structure.items;
    const now = isOnePiece(inner) ? {} : reconciledFieldsV1(below, inner);
    if (now === below) continue;
    result ??= { ...fieldsV1 };
    setKey(result, element, now);
  }
  return result ?? fieldsV1;
}

function isEmpty(fields: JsonObject): boolean {
  return Object.keys(fields).every((element) => element === '.');
}

function isOnePiece(structure: Structure | undefined): boolean {
  if (structure === undefined) return false;
  const { kind, listType, mapType, structType } = structure;
  if (kind === 'list') return listType !== 'map' && listType !== 'set';
  return (kind === 'map' || kind === 'object') && (mapType === 'atomic' || structType === 'atomic');
}
