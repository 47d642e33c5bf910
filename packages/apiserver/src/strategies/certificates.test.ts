import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiObject } from '@timonier/api/decode';
import { pemRequest } from '../testing/signing-request.ts';
import { strategyOf } from './index.ts';

const certificateStrategy = strategyOf({
  group: 'certificates.k8s.io',
  resource: 'certificatesigningrequests',
});

const pem = pemRequest('/CN=somebody');

function signingRequest(text: string): ApiObject {
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    spec: { request: Buffer.from(text).toString('base64'), signerName: 'example.com/any', usages: [] },
  };
}

function problems(text: string, old?: ApiObject): string[] {
  const errors = certificateStrategy.validate?.(signingRequest(text), old) ?? [];
  return errors.map(({ field, detail }) => `${field}: ${detail}`);
}

test('whoever asks for a certificate holds the key that it is about', () => {
  assert.deepEqual(problems(pem), []);
  const der = Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ''), 'base64');
  der.write('nobody__', der.indexOf('somebody'));
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  assert.deepEqual(problems(forged), ['spec.request: x509: ECDSA verification failure']);
  assert.deepEqual(problems(forged, signingRequest(forged)), [], 'what was stored is not judged again');
  assert.deepEqual(problems('nothing'), [], 'that it is no request is told by the rules of the kind');
});
