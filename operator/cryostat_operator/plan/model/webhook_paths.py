"""The paths that the API server calls, as they are registered with it."""

DEFAULT = "/mutate-operator-cryostat-io-v1beta2-cryostat"
VALIDATE = "/validate-operator-cryostat-io-v1beta2-cryostat"
POD = "/mutate--v1-pod"
DEPLOYMENT = "/mutate--v1-deployment"
STATEFUL_SET = "/mutate--v1-statefulset"
DAEMON_SET = "/mutate--v1-daemonset"
CONVERT = "/convert"
