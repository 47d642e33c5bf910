import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '@timonier/api';
import { noLogs, notRunning } from './no-container.ts';

const pod = (reason?: string): Pod => ({
  metadata: { name: 'web', namespace: 'shop' },
  status: {
    containerStatuses: [
      {
        name: 'c',
        image: '',
        imageID: '',
        ready: false,
        restartCount: 0,
        state: reason === undefined ? {} : { waiting: { reason } },
      },
    ],
  },
});

test('who asks for the log of a container that waits is told for what', () => {
  const prefix = 'container "c" in pod "web" is waiting to start';
  assert.equal(
    noLogs(pod('CreateContainerConfigError'), 'c', false),
    `${prefix}: CreateContainerConfigError`,
  );
  assert.equal(noLogs(pod('ErrImagePull'), 'c', false), `${prefix}: image can't be pulled`);
  assert.equal(noLogs(pod('ImagePullBackOff'), 'c', false), `${prefix}: trying and failing to pull image`);
  assert.equal(noLogs(pod(), 'c', false), `${prefix} - no logs yet`);
  assert.equal(noLogs(pod(), 'other', false), 'container "other" in pod "web" is not available');
  assert.equal(noLogs(pod(), 'c', true), 'previous terminated container "c" in pod "web" not found');
});

test('a container that does not run is not found by who wants to talk to it', () => {
  assert.equal(notRunning('exec', pod(), 'c'), 'container not found ("c")');
  assert.equal(notRunning('attach', pod(), 'c'), 'container c not found in pod web_shop');
});
