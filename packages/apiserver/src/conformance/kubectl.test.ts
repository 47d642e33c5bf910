/** What the conformance tests do with kubectl, as far as no node is needed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { sharedServer } from '../testing/shared-server.ts';
import { kubectlBinary, kubectlFor, succeeding } from '../testing/kubectl.ts';
import { until } from '../testing/harness.ts';

const shared = sharedServer();

const controller = `
apiVersion: v1
kind: ReplicationController
metadata: { name: update-demo }
spec:
  replicas: 2
  selector: { name: update-demo }
  template:
    metadata: { labels: { name: update-demo } }
    spec: { containers: [{ name: update-demo, image: demo, ports: [{ containerPort: 80 }] }] }
`;

async function kubectl(t: TestContext): Promise<(args: string, stdin?: string) => Promise<string>> {
  return succeeding(await kubectlFor(t, 'v35', shared.server.kubeconfig));
}

// Conformance: Kubectl client Kubectl api-versions should check if v1 is in available api versions
// Conformance: Kubectl client Kubectl version should check is all data is printed
// Conformance: Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info
test('kubectl names versions of API, client and server, and where the control plane is', async (t) => {
  const ok = await kubectl(t);
  assert.ok((await ok('api-versions')).split('\n').includes('v1'));
  const version = await ok('version');
  for (const part of ['Client Version:', 'Kustomize Version:', 'Server Version: v1.'])
    assert.ok(version.includes(part));
  assert.match(await ok('cluster-info'), /Kubernetes control plane.* is running at.*https:\/\//);
});

// Conformance: Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods
// Conformance: Kubectl client Kubectl expose should create services for rc
// Conformance: Kubectl client Kubectl label should update the label on a resource
// Conformance: Kubectl client Kubectl patch should add annotations for pods in rc
test('kubectl describes, exposes, labels and patches what belongs to a replication controller', async (t) => {
  const ok = await kubectl(t);
  await ok('create -f -', controller);
  await ok('run update-demo-1 --image=demo --labels=name=update-demo --port=80');
  const rc = await ok('describe rc update-demo');
  for (const part of ['Name:', 'Selector:', 'name=update-demo', 'Replicas:', 'Pod Template:', 'Image:'])
    assert.ok(rc.includes(part), part);
  const pod = await ok('describe pod update-demo-1');
  for (const part of ['Name:', 'Namespace:', 'Labels:', 'Status:', 'Image:', 'Node:'])
    assert.ok(pod.includes(part), part);
  assert.match(await ok('describe namespace default'), /Status: +Active/);
  await ok('expose rc update-demo --name=rm2 --port=1234 --target-port=6379');
  await ok('expose service rm2 --name=rm3 --port=2345 --target-port=6379');
  const service = await ok('get service rm3 -o jsonpath={.spec.ports[0].port}/{.spec.selector.name}');
  assert.equal(service, '2345/update-demo');
  await ok('label pods update-demo-1 testing-label=testing-label-value');
  assert.match(await ok('get pod update-demo-1 -L testing-label'), /testing-label-value/);
  await ok('label pods update-demo-1 testing-label-');
  assert.doesNotMatch(await ok('get pod update-demo-1 -L testing-label'), /testing-label-value/);
  await ok('patch pod update-demo-1 -p {"metadata":{"annotations":{"x":"y"}}}');
  assert.equal(await ok('get pod update-demo-1 -o jsonpath={.metadata.annotations.x}'), 'y');
  await ok('delete rc,pod,service -l name=update-demo --wait=false');
});

// Conformance: Kubectl client Kubectl run pod should create a pod from an image when restart is Never
// Conformance: Kubectl client Kubectl replace should update a single-container pod's image
// Conformance: Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods
test('kubectl runs a pod, rehearses a change of its image, and replaces it', async (t) => {
  const ok = await kubectl(t);
  await ok('run e2e-pod --image=demo:1 --restart=Never --labels=run=e2e-pod');
  assert.equal(await ok('get pod e2e-pod -o jsonpath={.spec.restartPolicy}'), 'Never');
  const image = '{"spec":{"containers":[{"name":"e2e-pod","image":"demo:2"}]}}';
  await ok(`patch pod e2e-pod -p ${image} --dry-run=server`);
  assert.equal(await ok('get pod e2e-pod -o jsonpath={.spec.containers[0].image}'), 'demo:1');
  const json = await ok('get pod e2e-pod -o json');
  await ok('replace -f -', json.replace('"image": "demo:1"', '"image": "demo:2"'));
  assert.equal(await ok('get pod e2e-pod -o jsonpath={.spec.containers[0].image}'), 'demo:2');
  await ok('delete pod e2e-pod --wait=false');
});

// Conformance: Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments
test('kubectl finds the difference between a file and a Deployment', async (t) => {
  const ok = await kubectl(t);
  const run = await kubectlFor(t, 'v35', shared.server.kubeconfig);
  const deployment = (image: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: differing }
spec:
  selector: { matchLabels: { app: d } }
  template:
    metadata: { labels: { app: d } }
    spec: { containers: [{ name: d, image: "${image}" }] }
`;
  await ok('create -f -', deployment('demo:1'));
  const { code, stdout } = await run(['diff', '-f', '-'], deployment('demo:2'));
  assert.equal(code, 1, 'a difference is exit code 1');
  assert.match(stdout, /\+\s+- image: demo:2/);
  assert.equal(await ok('diff -f -', deployment('demo:1')), '');
});

/** What a proxy answers to a plain request. */
function ask(socket: Socket): Promise<string> {
  socket.write('GET /api/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}

// Conformance: Kubectl client Proxy server should support proxy with --port 0
// Conformance: Kubectl client Proxy server should support --unix-socket=/path
test('kubectl proxies the API to a port of its choice and to a socket', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-proxy-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const binary = await kubectlBinary(t, 'v35');
  const path = join(directory, 'proxy.sock');
  for (const where of ['--port=0', `--unix-socket=${path}`]) {
    const args = [`--kubeconfig=${shared.server.kubeconfig}`, 'proxy', where, '--disable-filter'];
    const proxy = spawn(binary, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    proxy.stdout.on('data', (chunk) => (said += String(chunk)));
    try {
      await until(() => said.includes('Starting to serve'), 'the proxy serves');
      const port = Number(/:(\d+)\s*$/.exec(said.trim())?.[1] ?? 0);
      const socket = where === '--port=0' ? connect(port, '127.0.0.1') : connect(path);
      assert.match(await ask(socket), /"kind": ?"APIVersions"/);
    } finally {
      proxy.kill('SIGKILL');
    }
  }
});
