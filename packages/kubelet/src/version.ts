/** The Kubernetes version whose kubelet API this one serves; the server accepts kubelets up to its own version. */
export const kubeletVersion = 'v1.36.2+timonier';
