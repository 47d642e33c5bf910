export { createAuthority, createCertificate, type Identity } from './certificate.ts';
export {
  checkRequestSignature,
  type RequestedNames,
  requestedNames,
  requestedSubject,
} from './certificate-request.ts';
export { type Subject, subjectOfCertificate } from './subject.ts';
export { type SigningPolicy, signRequest } from './signing.ts';
export { type ClusterPki, createClusterPki, kubeletIdentity } from './cluster.ts';
export {
  firstKeyName,
  newEncryptionConfiguration,
  rotationStateOf,
  withFirstOnly,
  withNewestFirst,
  withNewKey,
} from './encryption.ts';
export { replaceFile } from './files.ts';
export { kubeconfigDocument, kubeconfigText, readKubeconfig, writeKubeconfig } from './kubeconfig.ts';
