import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startApiServer } from '../testing/harness.ts';
import { helmFor } from '../testing/helm.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const files: Readonly<Record<string, string>> = {
  'Chart.yaml': 'apiVersion: v2\nname: lamps\nversion: 1.0.0\n',
  'values.yaml': 'brightness: 3\n',
  'crds/lamps.yaml': `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: lamps.house.example.com }
spec:
  group: house.example.com
  scope: Namespaced
  names: { plural: lamps, kind: Lamp }
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties: { brightness: { type: integer, maximum: 10 } }
`,
  'templates/lamp.yaml': `
apiVersion: house.example.com/v1
kind: Lamp
metadata: { name: "{{ .Release.Name }}" }
spec: { brightness: {{ .Values.brightness }} }
`,
  'templates/before.yaml': `
apiVersion: v1
kind: ConfigMap
metadata:
  name: before
  annotations: { helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation }
data: { revision: "{{ .Release.Revision }}" }
`,
  'templates/after.yaml': `
apiVersion: v1
kind: ConfigMap
metadata:
  name: after
  annotations: { helm.sh/hook: post-delete }
data: {}
`,
};

async function chart(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-chart-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
}

test('helm installs, upgrades, rolls back and uninstalls a chart with definitions and hooks', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const helm = await helmFor(t, server.kubeconfig);
  const path = await chart(t);
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await helm(args);
    assert.equal(code, 0, `helm ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const lamp = async (): Promise<{ status: number; brightness: unknown }> => {
    const found = await server.request('GET', '/apis/house.example.com/v1/namespaces/default/lamps/desk');
    return { status: found.status, brightness: found.json.spec?.brightness };
  };
  const configMap = async (name: string) => {
    const found = await server.request('GET', `/api/v1/namespaces/default/configmaps/${name}`);
    return found.status === 200 ? found.json : undefined;
  };
  assert.match(await run('install', 'desk', path), /STATUS: deployed/);
  assert.deepEqual(await lamp(), { status: 200, brightness: 3 });
  assert.equal((await configMap('before')).data.revision, '1');
  assert.match(await run('upgrade', 'desk', path, '--set', 'brightness=7'), /REVISION: 2/);
  assert.equal((await lamp()).brightness, 7);
  assert.equal((await configMap('before')).data.revision, '2', 'the hook ran again');
  const refused = await helm(['upgrade', 'desk', path, '--set', 'brightness=11']);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /spec.brightness in body should be less than or equal to 10/);
  assert.match(await run('rollback', 'desk', '1'), /Rollback was a success/);
  assert.equal((await lamp()).brightness, 3);
  assert.match(await run('list'), /desk\s+default\s+4\s.*deployed\s+lamps-1.0.0/);
  assert.match(await run('uninstall', 'desk'), /uninstalled/);
  assert.equal((await lamp()).status, 404);
  assert.notEqual(await configMap('after'), undefined, 'the hook after the end ran');
});
