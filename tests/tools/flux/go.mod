module cryostat.io/cryostat-operator/tests/tools/flux

go 1.26.0

// Only its CustomResourceDefinition is read: nothing of it is compiled, so `go mod tidy` must not be run here.
require github.com/fluxcd/kustomize-controller v1.9.0
