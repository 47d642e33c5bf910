import { versionInfo } from '@timonier/component';

/** The Kubernetes version whose kubelet API this one serves; the server accepts kubelets up to its own version. */
export const kubeletVersion = versionInfo()['gitVersion'] ?? '';
