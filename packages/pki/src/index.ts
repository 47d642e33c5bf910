export {
  type CertificateSpec,
  createAuthority,
  createCertificate,
  type Identity,
  keyMatches,
} from './certificate.ts';
export { checkRequestSignature, requestedSubject, type RequestedSubject } from './certificate-request.ts';
export {
  type ClusterPki,
  type ClusterPkiOptions,
  clusterSpecs,
  createClusterPki,
  identityIsValid,
  kubeletIdentity,
  type PkiHost,
} from './cluster.ts';
export {
  firstKeyName,
  newEncryptionConfiguration,
  type RotationState,
  rotationStateOf,
  withFirstOnly,
  withNewestFirst,
  withNewKey,
} from './encryption.ts';
export {
  daysLeft,
  identityFiles,
  type IdentityFiles,
  readIdentity,
  replaceFile,
  writeIdentity,
} from './files.ts';
export {
  type Kubeconfig,
  kubeconfigDocument,
  type KubeconfigSpec,
  kubeconfigText,
  readKubeconfig,
  writeKubeconfig,
} from './kubeconfig.ts';
