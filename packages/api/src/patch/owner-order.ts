/** The order in which owners stand in `managedFields`, as upstream sorts them: who applies first, then by time. */
const fields = ['operation', 'time', 'manager', 'apiVersion', 'subresource'] as const;

export type Owner = { readonly [field in (typeof fields)[number]]?: unknown };

/** For `sort`. What is no text counts as an empty one. */
export function inOwnersOrder(a: Owner, b: Owner): number {
  for (const field of fields) {
    const [left, right] = [textOf(a[field]), textOf(b[field])];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
