/** For tests that count work: a tree that notes how often anything of it is looked at. */
export interface Watched<T> {
  readonly tree: T;
  looks(): number;
}

export function watched<T extends object>(root: T): Watched<T> {
  let count = 0;
  const known = new WeakMap<object, object>();
  const wrap = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    let proxy = known.get(value);
    if (proxy === undefined) {
      proxy = new Proxy(value, {
        get: (target, name, receiver) => {
          count++;
          return wrap(Reflect.get(target, name, receiver));
        },
        ownKeys: (target) => {
          count += Reflect.ownKeys(target).length;
          return Reflect.ownKeys(target);
        },
      });
      known.set(value, proxy);
    }
    return proxy;
  };
  // What stands for a value is looked at like the value.
  return { tree: wrap(root) as T, looks: () => count };
}
