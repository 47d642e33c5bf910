import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppArmorProfile, Pod } from '@timonier/api';
import { takeProfiles } from './app-armor.ts';

test('an annotation becomes a field of its container, unless it says what holds for the whole pod', () => {
  const warned: string[] = [];
  const profileOf = (annotation: string, ofPod?: AppArmorProfile): AppArmorProfile | undefined => {
    const pod: Pod = {
      metadata: { annotations: { 'container.apparmor.security.beta.kubernetes.io/c': annotation } },
      spec: {
        containers: [{ name: 'c' }],
        ...(ofPod === undefined ? {} : { securityContext: { appArmorProfile: ofPod } }),
      },
    };
    takeProfiles(pod, (text) => warned.push(text));
    return pod.spec?.containers[0]?.securityContext?.appArmorProfile;
  };
  assert.deepEqual(profileOf('unconfined'), { type: 'Unconfined' });
  assert.deepEqual(profileOf('unconfined', { type: 'RuntimeDefault' }), { type: 'Unconfined' });
  assert.equal(warned.length, 2);
  assert.equal(profileOf('runtime/default', { type: 'RuntimeDefault' }), undefined);
  assert.equal(profileOf('localhost/x', { type: 'Localhost', localhostProfile: 'x' }), undefined);
  assert.equal(warned.length, 2);
});
