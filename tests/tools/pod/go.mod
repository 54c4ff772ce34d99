module cryostat.io/cryostat-operator/tests/tools/pod

go 1.26.0
