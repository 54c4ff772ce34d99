"""The API group, its kinds, and every label and annotation key, each defined once."""

from __future__ import annotations

GROUP = "operator.cryostat.io"


VERSION = "v1beta2"


API_VERSION = f"{GROUP}/{VERSION}"


KIND = "Cryostat"


PLURAL = "cryostats"


FINALIZER = f"{GROUP}/cryostat.finalizer"


# In the operator's namespace; whoever holds it writes. The Go operator's, so that the two exclude each other.
LEASE = "d696d7ab.redhat.com"


# Which Cryostat an object belongs to. On every object that we make: the mark of ownership, in every namespace.
LABEL_NAME = f"{GROUP}/name"


LABEL_NAMESPACE = f"{GROUP}/namespace"


# On the database's claim: the Secret whose keys its data is encrypted with (where a label may be as long).
LABEL_DATABASE_SECRET = f"{GROUP}/database-secret"


LONGEST_LABEL = 63


# What the agents' pods carry, and the callback Services select.
AGENT_LABEL_NAME = "cryostat.io/name"


AGENT_LABEL_NAMESPACE = "cryostat.io/namespace"


ANNOTATION_CERTIFICATE = "cert-manager.io/certificate-name"  # of Secrets that cert-manager wrote


ANNOTATION_SECRET_HASH = "io.cryostat/secret-hash"  # noqa: S105 - a key, not a password


ANNOTATION_CONFIG_MAP_HASH = "io.cryostat/config-map-hash"


ANNOTATION_PAUSE = f"{GROUP}/pause-reconciliation"


# `"true"` confirms a change of the CR that gives up stored data.
ANNOTATION_ALLOW_DATA_LOSS = f"{GROUP}/allow-data-loss"


# `Retain` keeps volumes and key Secrets when the Cryostat is deleted; one of the same name takes them over.
ANNOTATION_DATA_RETENTION = f"{GROUP}/data-retention"


# On the Secret with the keystores: which password they were made with.
ANNOTATION_KEYSTORE_PASSWORD = f"{GROUP}/keystore-password"


ANNOTATION_SUPPLEMENTAL_GROUPS = "openshift.io/sa.scc.supplemental-groups"
