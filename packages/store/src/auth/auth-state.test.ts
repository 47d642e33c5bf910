import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GrpcError } from '@timonier/grpc';
import { AuthState } from './auth-state.ts';
import type { AuthChange, Credentials } from './types.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const none = bytes('');

/** Takes what a state wrote for the disk into a map that stands for it. */
function write(state: AuthState, disk: Map<string, Buffer>): void {
  for (const operation of state.takeOperations()) {
    const key = operation.key.toString('latin1');
    if (operation.type === 'put') disk.set(key, operation.value);
    else disk.delete(key);
  }
}

function read(disk: ReadonlyMap<string, Buffer>): AuthState {
  const state = new AuthState();
  for (const [key, value] of disk) state.load(Buffer.from(key, 'latin1'), value);
  return state;
}

/** All that a state says about itself. */
function description(state: AuthState): object {
  return {
    enabled: state.enabled,
    revision: state.revision,
    users: state.userNames.map((name) => state.user(name)),
    roles: state.roleNames.map((name) => state.role(name)),
  };
}

function refused(act: () => void): string {
  try {
    act();
    return '';
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    return error.details;
  }
}

const user = fc.constantFrom('root', 'a', 'b', '');
const role = fc.constantFrom('root', 'r', 's', '');
const key = fc.constantFrom('', 'k', 'm').map(bytes);
const end = fc.constantFrom('', '\0', 'n').map(bytes);
const change: fc.Arbitrary<AuthChange> = fc.oneof(
  fc.constant({ enable: {} }),
  fc.constant({ disable: {} }),
  fc.record({ userAdd: fc.record({ name: user, hashedPassword: fc.constantFrom('hash', '') }) }),
  fc.record({ userDelete: fc.record({ name: user }) }),
  fc.record({ userChangePassword: fc.record({ name: user, hashedPassword: fc.constant('other') }) }),
  fc.record({ userGrantRole: fc.record({ user, role }) }),
  fc.record({ userRevokeRole: fc.record({ name: user, role }) }),
  fc.record({ roleAdd: fc.record({ name: role }) }),
  fc.record({ roleDelete: fc.record({ role }) }),
  fc.record({
    roleGrantPermission: fc.record({
      name: role,
      perm: fc.record(
        { permType: fc.constantFrom(0, 1, 2), key, rangeEnd: end },
        // As the codec makes them.
        { noNullPrototype: true },
      ),
    }),
  }),
  fc.record({ roleRevokePermission: fc.record({ role, key, rangeEnd: end }) }),
);

test('the same changes make the same users, whatever was read from disk in between', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 60 }), (changes) => {
      const steady = new AuthState();
      let restarted = new AuthState();
      const disk = new Map<string, Buffer>();
      for (const [each, restarts] of changes) {
        const before = description(steady);
        const refusal = refused(() => steady.apply(each));
        assert.equal(
          refused(() => restarted.apply(each)),
          refusal,
        );
        if (refusal !== '') assert.deepEqual(description(steady), before, 'what was refused changes nothing');
        write(restarted, disk);
        if (restarts) restarted = read(disk);
        assert.deepEqual(description(restarted), description(steady));
        // Whoever is root while it counts can always take it back.
        const root = { username: 'root', authRevision: steady.revision };
        if (steady.enabled)
          assert.equal(
            refused(() => steady.checkAdmin(root)),
            '',
          );
      }
    }),
  );
});

test('what was allowed under older users is asked again', () => {
  const state = new AuthState();
  for (const each of [
    { userAdd: { name: 'root', hashedPassword: 'h' } },
    { userGrantRole: { user: 'root', role: 'root' } },
    { userAdd: { name: 'a', hashedPassword: 'h' } },
    { roleAdd: { name: 'r' } },
    { roleGrantPermission: { name: 'r', perm: { permType: 0, key: bytes('k'), rangeEnd: none } } },
    { userGrantRole: { user: 'a', role: 'r' } },
    { enable: {} },
  ])
    state.apply(each);
  const a: Credentials = { username: 'a', authRevision: state.revision };
  const ask = (who: Credentials, asked: string, access: 'read' | 'write'): string =>
    refused(() => state.check(who, bytes(asked), none, access));
  assert.equal(ask(a, 'k', 'read'), '');
  assert.equal(ask(a, 'k', 'write'), 'etcdserver: permission denied');
  assert.equal(ask(a, 'other', 'read'), 'etcdserver: permission denied');
  assert.equal(ask({ username: '', authRevision: 0 }, 'k', 'read'), 'etcdserver: user name is empty');
  state.apply({ roleRevokePermission: { role: 'r', key: bytes('k'), rangeEnd: none } });
  assert.equal(ask(a, 'k', 'read'), 'etcdserver: revision of auth store is old');
  const now = { ...a, authRevision: state.revision };
  assert.equal(ask(now, 'k', 'read'), 'etcdserver: permission denied');
});
