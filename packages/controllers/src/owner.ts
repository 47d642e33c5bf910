/** Whose an object is. */

/** The owner that controls an object, when there is one. */
export function controllerOf(object: OwnedObject): OwnerLike | undefined {
  return object.metadata?.ownerReferences?.find((owner) => owner.controller === true);
}

export interface OwnerLike {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface OwnedObject {
  readonly metadata?: { readonly ownerReferences?: readonly OwnerLike[] };
}
