module cryostat.io/cryostat-operator/tests/tools/prometheus-operator

go 1.26.0

// Only its CustomResourceDefinitions are read: nothing of it is compiled, so `go mod tidy` must not be run here.
require github.com/prometheus-operator/prometheus-operator v0.82.2
