/** Who the kubelet is to those who call it: the certificate that it was given, or one that it makes for itself. */
import { readFile } from 'node:fs/promises';
import { createAuthority, createCertificate } from '@timonier/pki';

/** `certFile` is empty when none was given. */
export async function servingIdentity(
  certFile: string,
  keyFile: string,
  nodeName: string,
  nodeIp: string,
): Promise<{ cert: Buffer | string; key: Buffer | string }> {
  if (certFile !== '') return { cert: await readFile(certFile), key: await readFile(keyFile) };
  const authority = createAuthority(`${nodeName}-ca`, 365);
  const own = createCertificate(
    { commonName: nodeName, validDays: 365, usages: ['server'], hosts: [nodeName, nodeIp] },
    authority,
  );
  return { cert: own.certificate, key: own.key };
}
