module cryostat.io/cryostat-operator/tests/tools/openshift-api

go 1.26.0

// Only its CustomResourceDefinitions are read, see tests/cluster/openshift.py: nothing of it is compiled, so `go mod
// tidy` must not be run here. The version is not in the checksum database; go.sum vouches for it.
require github.com/openshift/api v0.0.0-20260204104751-e09e5a4ebcd0
