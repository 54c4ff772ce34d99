"""A real Kubernetes node on this machine: kubelet, containerd and pods that run."""
