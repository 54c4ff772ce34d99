"""The API group, its kinds, and every label and annotation key, each defined once."""

from __future__ import annotations

GROUP = "operator.cryostat.io"
VERSION = "v1beta2"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "Cryostat"
PLURAL = "cryostats"
FINALIZER = f"{GROUP}/cryostat.finalizer"

# Lease of the leader election, in the operator's namespace. The Go operator uses the same name, so that only one of
# both operators writes.
LEASE = "d696d7ab.redhat.com"

# The operator's own Deployment, also where OLM installed it, and the namespace of `manifests/`.
OPERATOR_DEPLOYMENT = "cryostat-operator-controller"
OPERATOR_NAMESPACE = "cryostat-operator-system"

# Ownership labels: name and namespace of the Cryostat that an object belongs to. Every owned object has both.
LABEL_NAME = f"{GROUP}/name"
LABEL_NAMESPACE = f"{GROUP}/namespace"

# On the PersistentVolumeClaim of the database: the Secret with the keys that encrypt its data. A label, or an
# annotation if the name is too long for a label.
LABEL_DATABASE_SECRET = f"{GROUP}/database-secret"
LONGEST_LABEL = 63

# On the same claim: salted digests of the keys that its database was set up with.
ANNOTATION_DATABASE_KEYS = f"{GROUP}/database-keys"

# On the same claim: release of Cryostat and major version of PostgreSQL that its data was used with.
ANNOTATION_DATABASE_RELEASE = f"{GROUP}/database-release"

# On the Ingress: its class, if the spec names one. A class without this record was chosen by admission.
ANNOTATION_INGRESS_CLASS = f"{GROUP}/ingress-class"

# On pods that ask for the agent. The callback Services select pods by these labels.
AGENT_LABEL_NAME = "cryostat.io/name"
AGENT_LABEL_NAMESPACE = "cryostat.io/namespace"

# On Secrets that cert-manager wrote: name of the Certificate.
ANNOTATION_CERTIFICATE = "cert-manager.io/certificate-name"
ANNOTATION_ISSUER = "cert-manager.io/issuer-name"

# On pod templates: hashes of the Secrets and ConfigMaps that the pod uses. A change restarts the pods.
ANNOTATION_SECRET_HASH = "io.cryostat/secret-hash"  # noqa: S105 - a key, not a password
ANNOTATION_CONFIG_MAP_HASH = "io.cryostat/config-map-hash"

# On the pods of the application: hash of the Secret with the users' passwords. Sessions are bound to it.
ANNOTATION_LOGIN_HASH = f"{GROUP}/login-hash"

# On the main Deployment, not on its pods: hash of the Secrets that database or storage use, too.
ANNOTATION_SHARED_SECRET_HASH = f"{GROUP}/shared-secret-hash"

# On a Cryostat: "true" stops all writes but those of the status.
ANNOTATION_PAUSE = f"{GROUP}/pause-reconciliation"

# On a Cryostat, together with the pause: "restore" if the command `restore` paused it.
ANNOTATION_PAUSED_BY = f"{GROUP}/paused-by"
PAUSED_BY_RESTORE = "restore"

# On a Cryostat that the command `restore` creates: the versions that used the data, as in ANNOTATION_DATABASE_RELEASE.
ANNOTATION_RESTORED_RELEASE = f"{GROUP}/restored-release"

# On a Cryostat: the older release of Cryostat that its data may be used with, such as "4.1".
ANNOTATION_ALLOW_DOWNGRADE = f"{GROUP}/allow-downgrade"

# On a Cryostat: "on" scales every Deployment of the instance to 0 and keeps everything else; "off" is the default.
ANNOTATION_HIBERNATION = f"{GROUP}/hibernation"
HIBERNATION_VALUES = ("on", "off")

# On a Cryostat: "true" confirms a change of the spec that deletes stored data.
ANNOTATION_ALLOW_DATA_LOSS = f"{GROUP}/allow-data-loss"

# On a Cryostat: UIDs, separated by commas, of target namespaces that were deleted and created again. The instance gets
# access to them. Admission reviews who adds a UID.
ANNOTATION_ACCEPT_NAMESPACES = f"{GROUP}/accept-namespaces"

# On a Cryostat: "Retain" keeps its volumes and key Secrets after deletion. A new Cryostat of the same name adopts them.
ANNOTATION_DATA_RETENTION = f"{GROUP}/data-retention"

# On a Cryostat: when to make backups, as the schedule of a CronJob; where to store them (`pvc:CLAIM` or
# `s3://BUCKET/PREFIX`); and the Secret with the passphrase and the credentials of the bucket. Admission reviews who
# changes them.
ANNOTATION_BACKUP_SCHEDULE = f"{GROUP}/backup-schedule"
ANNOTATION_BACKUP_TARGET = f"{GROUP}/backup-target"
ANNOTATION_BACKUP_SECRET = f"{GROUP}/backup-secret"

# On the Secret with keystores: digest of the password that protects them.
ANNOTATION_KEYSTORE_PASSWORD = f"{GROUP}/keystore-password"

# Set by OpenShift on namespaces.
ANNOTATION_SUPPLEMENTAL_GROUPS = "openshift.io/sa.scc.supplemental-groups"
