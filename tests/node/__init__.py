"""A real Kubernetes node on this machine, with kubelet, containerd and running pods."""
