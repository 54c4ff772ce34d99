"""A real Kubernetes control plane for tests and demonstrations: programs, processes, clients, simulated components."""
