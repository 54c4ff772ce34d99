"""Reasons of conditions and events: stable words that alerts and scripts may use.

docs/conditions.md explains each of them; `tests/docs/test_conditions.py` compares the two. This module is longer than
others because it is a table: one enum cannot be split, and a reader looks up one line of it.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache


class Reason(StrEnum):
    """A reason of a condition or of an event.

    Attributes:
        condition: type of the condition that has this reason first; empty for reasons of events alone.
        actionable: whether a user has to act, so that a problem with this reason is a Warning event by default.
        documentation: one sentence about the cause.
    """

    condition: str
    actionable: bool
    documentation: str

    def __new__(cls, value: str, condition: str = "", actionable: bool = True, documentation: str = "") -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.condition = condition
        member.actionable = actionable
        member.documentation = documentation
        return member

    # Ready
    ALL_COMPONENTS_AVAILABLE = (
        "AllComponentsAvailable",
        "Ready",
        False,
        "Every Deployment serves its newest version and no problem is known.",
    )
    INVALID_SPEC = (
        "InvalidSpec",
        "Ready",
        True,
        "The spec is invalid for this version of the operator; no object is changed.",
    )
    INTERNAL_ERROR = "InternalError", "Ready", True, "An error in the operator itself ended the reconcile."
    WAITING_FOR_OPERATOR = "WaitingForOperator", "Ready", False, "No operator has processed the Cryostat yet."
    DELETING = "Deleting", "Ready", False, "The Cryostat is being deleted."
    DELETION_BLOCKED = (
        "DeletionBlocked",
        "Ready",
        True,
        "A Cryostat that is being deleted, or an object of it, cannot be deleted.",
    )
    PAUSED = "Paused", "Ready", False, "The annotation operator.cryostat.io/pause-reconciliation is 'true'."

    # Hibernation, and Ready, ComponentsAvailable and Exposed meanwhile
    HIBERNATED = "Hibernated", "Hibernation", False, "Every Deployment is scaled to 0, as the annotation requests."
    HIBERNATING = "Hibernating", "Hibernation", False, "The Deployments are being scaled to 0, the database last."
    HIBERNATION_INVALID = (
        "HibernationInvalid",
        "Hibernation",
        True,
        "The annotation operator.cryostat.io/hibernation has another value than 'on' and 'off'.",
    )

    # Ready, behind the prefix Main, Database, Storage or Reports
    DEPLOYMENT_PENDING = "DeploymentPending", "Ready", False, "A Deployment does not exist yet."
    REPLICA_FAILURE = "ReplicaFailure", "Ready", True, "A ReplicaSet cannot create pods."
    IMAGE_PULL_FAILED = "ImagePullFailed", "Ready", True, "The image of a container cannot be pulled."
    CONTAINER_CRASHED = "ContainerCrashed", "Ready", True, "A container ended and is started again."
    OUT_OF_MEMORY = "OutOfMemory", "Ready", True, "A container was killed because it used too much memory."
    POD_UNSCHEDULABLE = "PodUnschedulable", "Ready", True, "No node can run a pod."
    POD_NOT_RUNNING = "PodNotRunning", "Ready", True, "A container cannot be created or started, or a pod was evicted."
    POD_NOT_READY = "PodNotReady", "Ready", True, "A container has run for a minute and its probe does not succeed."
    POD_TERMINATING = "PodTerminating", "Ready", True, "A former pod does not end, and the next one waits for it."
    NODE_NOT_READY = "NodeNotReady", "Ready", True, "The node of a pod does not report its state."
    VOLUME_PENDING = "VolumePending", "Ready", False, "A PersistentVolumeClaim is not bound to a volume."
    DEPLOYMENT_UNAVAILABLE = "DeploymentUnavailable", "Ready", False, "Pods of a Deployment are starting or not ready."

    # All conditions but Ready. ComponentsAvailable also has the reasons above
    NOT_OBSERVED = (
        "NotObserved",
        "ComponentsAvailable",
        False,
        "The last reconcile failed before the operator had observed this. `Ready` has the cause.",
    )

    # ReferencesResolved
    SECRET_NOT_FOUND = "SecretNotFound", "ReferencesResolved", True, "A Secret that the spec names does not exist."
    SECRET_KEY_NOT_FOUND = "SecretKeyNotFound", "ReferencesResolved", True, "A Secret that the spec names lacks a key."
    CONFIGMAP_NOT_FOUND = (
        "ConfigMapNotFound",
        "ReferencesResolved",
        True,
        "A ConfigMap that the spec names does not exist.",
    )
    CONFIGMAP_KEY_NOT_FOUND = (
        "ConfigMapKeyNotFound",
        "ReferencesResolved",
        True,
        "A ConfigMap that the spec names lacks a key.",
    )
    SECRET_VALUE_INVALID = (
        "SecretValueInvalid",
        "ReferencesResolved",
        True,
        "A value in a Secret that the spec names begins or ends with white space, and a component cannot use it.",
    )

    # TargetNamespacesReady
    NAMESPACE_NOT_FOUND = "NamespaceNotFound", "TargetNamespacesReady", True, "A namespace does not exist."
    NAMESPACE_TERMINATING = "NamespaceTerminating", "TargetNamespacesReady", True, "A namespace is being deleted."
    NAMESPACE_RECREATED = (
        "NamespaceRecreated",
        "TargetNamespacesReady",
        True,
        "A namespace was deleted and created again after admission had reviewed it as a target namespace.",
    )

    # DatabaseKeysReady
    DATABASE_SECRET_LOST = (
        "DatabaseSecretLost",
        "DatabaseKeysReady",
        True,
        "The Secret with the keys of a database does not exist, and its volume does.",
    )
    DATABASE_KEYS_INCOMPLETE = (
        "DatabaseKeysIncomplete",
        "DatabaseKeysReady",
        True,
        "The Secret of an existing database lacks a key.",
    )
    DATABASE_KEYS_MISMATCHED = (
        "DatabaseKeysMismatched",
        "DatabaseKeysReady",
        True,
        "The keys in the Secret are not those that the database was set up with.",
    )
    DATABASE_SECRET_MISMATCHED = (
        "DatabaseSecretMismatched",
        "DatabaseKeysReady",
        True,
        "The spec names another Secret than the database was created with.",
    )

    # VolumesReady
    PERSISTENT_VOLUME_CLAIM_INVALID = (
        "PersistentVolumeClaimInvalid",
        "VolumesReady",
        True,
        "The API server refused a PersistentVolumeClaim.",
    )
    DATA_LOSS_CONFIRMATION_REQUIRED = (
        "DataLossConfirmationRequired",
        "VolumesReady",
        True,
        "The spec replaces a claim with data by an emptyDir.",
    )
    VOLUME_BEING_DELETED = (
        "VolumeBeingDeleted",
        "VolumesReady",
        True,
        "A claim is being deleted, and its data with it when its pod ends.",
    )
    VOLUME_LOST = "VolumeLost", "VolumesReady", True, "The PersistentVolume of a claim was deleted."

    # Exposed
    ADDRESS_ASSIGNED = "AddressAssigned", "Exposed", False, "The Route or Ingress gives the application an address."
    ADDRESS_NOT_REPORTED = (
        "AddressNotReported",
        "Exposed",
        False,
        "No controller has reported an address of the Ingress.",
    )
    APPLICATION_UNAVAILABLE = (
        "ApplicationUnavailable",
        "Exposed",
        False,
        "The application has an address, and no pod serves it.",
    )
    BACKEND_UNREACHABLE = (
        "BackendUnreachable",
        "Exposed",
        False,
        "The controller of the Ingress calls the application by HTTP, and the application accepts only HTTPS.",
    )
    BACKEND_NOT_VERIFIED = (
        "BackendNotVerified",
        "Exposed",
        False,
        "The operator does not know whether requests to the Ingress reach the application.",
    )
    INGRESS_PORT_UNKNOWN = (
        "IngressPortUnknown",
        "Exposed",
        True,
        "The Ingress leads to a port that the Service of the application does not have.",
    )
    ROUTE_NOT_HANDLED = "RouteNotHandled", "Exposed", True, "No router has admitted the Route for a minute."
    ROUTE_NOT_ADMITTED = "RouteNotAdmitted", "Exposed", False, "No router has admitted the Route yet."
    ROUTE_REJECTED = "RouteRejected", "Exposed", True, "A router rejected the Route."
    ROUTE_INVALID = "RouteInvalid", "Exposed", True, "The API server refused the Route."

    # Reconciled
    NAME_COLLISION = (
        "NameCollision",
        "Reconciled",
        True,
        "An object of the same name was not created for this Cryostat.",
    )
    QUOTA_EXCEEDED = "QuotaExceeded", "Reconciled", True, "A ResourceQuota does not allow an object."
    LIMIT_RANGE_VIOLATED = "LimitRangeViolated", "Reconciled", True, "A LimitRange does not allow an object."
    DENIED_BY_POLICY = (
        "DeniedByPolicy",
        "Reconciled",
        True,
        "An admission webhook or a ValidatingAdmissionPolicy refused an object.",
    )
    FORBIDDEN = "Forbidden", "Reconciled", True, "Missing permissions or built-in admission prevent a write."
    INVALID = "Invalid", "Reconciled", True, "The API server found an object invalid."
    API_NOT_SERVED = "ApiNotServed", "Reconciled", True, "An API that an object needs is not served."
    API_SERVER_UNAVAILABLE = "ApiServerUnavailable", "Reconciled", True, "The API server does not answer."
    API_SERVER_UNKNOWN = "ApiServerUnknown", "Reconciled", True, "The address of the API server is not known."
    WRITE_REFUSED = "WriteRefused", "Reconciled", True, "The API server refused a write for another reason."
    CONFLICT = "Conflict", "Reconciled", False, "An object was changed by another client at the same time."
    CONFLICT_NOT_RESOLVED = (
        "ConflictNotResolved",
        "Reconciled",
        True,
        "For more than a minute, other clients have changed an object each time before the operator could write it.",
    )
    BEING_DELETED = "BeingDeleted", "Reconciled", False, "An object of the same name is being deleted."
    OBJECT_BEING_DELETED = (
        "ObjectBeingDeleted",
        "Reconciled",
        False,
        "An object of the instance is being deleted and is created again afterwards.",
    )
    OBJECT_NOT_DELETED = (
        "ObjectNotDeleted",
        "Reconciled",
        True,
        "The deletion of an object of the instance has taken more than a minute.",
    )
    CHANGED_BY_OTHERS = (
        "ChangedByOthers",
        "Reconciled",
        True,
        "Admission modifies an object, or another client changes it repeatedly.",
    )
    SECRET_NOT_GENERATED = (
        "SecretNotGenerated",
        "Reconciled",
        True,
        "A Secret that the operator generates has not existed for more than a minute.",
    )
    REFERENCE_NOT_READ = (
        "ReferenceNotRead",
        "Reconciled",
        True,
        "A Secret or ConfigMap has not been read for more than a minute.",
    )
    ROLLOUT_NOT_FINISHED = (
        "RolloutNotFinished",
        "Reconciled",
        True,
        "The application has waited for the restart of database or storage for more than a minute.",
    )
    SECRET_PENDING = "SecretPending", "Reconciled", False, "A Secret that the operator generates does not exist yet."
    REFERENCE_PENDING = "ReferencePending", "Reconciled", False, "A Secret or ConfigMap has not been read yet."
    ROLLING_IN_ORDER = "RollingInOrder", "Reconciled", False, "The application restarts after database and storage."

    # SpecEffective
    CLAIM_UNCHANGEABLE = (
        "ClaimUnchangeable",
        "SpecEffective",
        True,
        "The spec changes a field of an existing claim that cannot change.",
    )
    EXTERNAL_HOST_IGNORED = (
        "ExternalHostIgnored",
        "SpecEffective",
        True,
        "The field externalHost has no effect on this platform.",
    )
    INGRESS_SPEC_IGNORED = (
        "IngressSpecIgnored",
        "SpecEffective",
        True,
        "The field ingressSpec has no effect on this platform.",
    )
    SUB_PROCESS_MAX_HEAP_SIZE_IGNORED = (
        "SubProcessMaxHeapSizeIgnored",
        "SpecEffective",
        True,
        "The field subProcessMaxHeapSize has had no effect since Cryostat 3.",
    )
    FORMER_VOLUME_UNUSED = (
        "FormerVolumeUnused",
        "SpecEffective",
        True,
        "The claim of Cryostat 3.0 exists, and nothing uses its data.",
    )
    IGNORED_BY_RELEASE = (
        "IgnoredByRelease",
        "SpecEffective",
        True,
        "The deployed release of Cryostat does not read a field.",
    )
    REQUEST_ABOVE_LIMIT = (
        "RequestAboveLimit",
        "SpecEffective",
        True,
        "A request in the spec is above its limit; the limit is requested.",
    )
    BACKUP_SCHEDULE_INVALID = (
        "BackupScheduleInvalid",
        "SpecEffective",
        True,
        "The annotations of the scheduled backup are wrong, or the operator does not know its own image.",
    )
    REPLICAS_SCALED = (
        "ReplicasScaled",
        "SpecEffective",
        True,
        "Another client, such as an autoscaler, sets the number of report generators.",
    )

    # UpgradeAllowed
    DATABASE_VERSION_MISMATCHED = (
        "DatabaseVersionMismatched",
        "UpgradeAllowed",
        True,
        "The image of the database has another major version of PostgreSQL than the data.",
    )
    DOWNGRADE_NOT_CONFIRMED = (
        "DowngradeNotConfirmed",
        "UpgradeAllowed",
        True,
        "The images are of an older release of Cryostat than the data was used with.",
    )

    # AuthenticationEnabled
    AUTHENTICATION_DISABLED = (
        "AuthenticationDisabled",
        "AuthenticationEnabled",
        False,
        "Everyone who can connect to the application can use it without a login.",
    )
    LOGIN_GENERATED = "LoginGenerated", "AuthenticationEnabled", False, "The operator generated a login."
    LOGIN_FILE_INVALID = (
        "LoginFileInvalid",
        "AuthenticationEnabled",
        True,
        "The authentication proxy cannot use the htpasswd file.",
    )
    BASIC_AUTH = "BasicAuth", "AuthenticationEnabled", False, "Users log in with an htpasswd file."
    OPENSHIFT_SSO = "OpenShiftSSO", "AuthenticationEnabled", False, "Users log in with their OpenShift account."

    # TLSSetupComplete
    ALL_CERTIFICATES_READY = "AllCertificatesReady", "TLSSetupComplete", False, "Every certificate is issued."
    WAITING_FOR_CERTIFICATE = (
        "WaitingForCertificate",
        "TLSSetupComplete",
        False,
        "A certificate has not been issued yet.",
    )
    CERTIFICATE_PENDING = (
        "CertificatePending",
        "TLSSetupComplete",
        False,
        "The Route is created after the certificate of the authority.",
    )
    CERTIFICATE_NOT_ISSUED = (
        "CertificateNotIssued",
        "TLSSetupComplete",
        True,
        "A certificate has not been issued for more than a minute.",
    )
    CERTIFICATE_FAILED = (
        "CertificateFailed",
        "TLSSetupComplete",
        True,
        "A certificate could not be issued by cert-manager.",
    )
    CERTIFICATE_EXPIRED = "CertificateExpired", "TLSSetupComplete", True, "A certificate has expired."
    CERT_MANAGER_UNAVAILABLE = (
        "CertManagerUnavailable",
        "TLSSetupComplete",
        True,
        "The spec requires cert-manager, which is not installed.",
    )
    CERT_MANAGER_DISABLED = (
        "CertManagerDisabled",
        "TLSSetupComplete",
        False,
        "Traffic between the components is not encrypted.",
    )

    # AgentsAuthenticated
    TLS_DISABLED = "TLSDisabled", "AgentsAuthenticated", False, "Without TLS, agents do not authenticate."

    # Events only
    ROUTE_HOST_CHANGED = "RouteHostChanged", "", False, "The host of the Route changed."
    CHANGE_REVERTED = "ChangeReverted", "", False, "The operator restored what another client had changed."
    AGENT_CERTIFICATE_RENEWED = "AgentCertificateRenewed", "", False, "Agents of a namespace have a new certificate."
    WEBHOOK_UNREACHABLE = (
        "WebhookUnreachable",
        "",
        True,
        "The API server cannot call the webhooks of the operator.",
    )
    AGENT_NOT_ADDED = "AgentNotAdded", "", True, "A pod was admitted without the agent that its labels request."
    SMART_TRIGGERS_IGNORED = (
        "SmartTriggersIgnored",
        "",
        True,
        "The smart triggers of a pod are in a format that its agent ignores.",
    )
    LEADER_ELECTION = "LeaderElection", "", False, "Another replica of the operator became leader."


COMPONENT_REASONS = frozenset(
    {
        Reason.DEPLOYMENT_PENDING,
        Reason.REPLICA_FAILURE,
        Reason.IMAGE_PULL_FAILED,
        Reason.CONTAINER_CRASHED,
        Reason.OUT_OF_MEMORY,
        Reason.POD_UNSCHEDULABLE,
        Reason.POD_NOT_RUNNING,
        Reason.POD_NOT_READY,
        Reason.POD_TERMINATING,
        Reason.NODE_NOT_READY,
        Reason.VOLUME_PENDING,
        Reason.DEPLOYMENT_UNAVAILABLE,
    }
)
"""Reasons that `Ready` has with the prefix of a component, such as `DatabaseVolumePending`."""

SINGLE_CAUSE_REASONS = frozenset(
    {
        Reason.API_SERVER_UNKNOWN,
        Reason.CERT_MANAGER_UNAVAILABLE,
        Reason.DATABASE_KEYS_INCOMPLETE,
        Reason.DATABASE_SECRET_LOST,
        Reason.EXTERNAL_HOST_IGNORED,
        Reason.FORMER_VOLUME_UNUSED,
        Reason.HIBERNATED,
        Reason.HIBERNATION_INVALID,
        Reason.INGRESS_SPEC_IGNORED,
        Reason.LOGIN_GENERATED,
        Reason.PAUSED,
        Reason.REPLICAS_SCALED,
        Reason.SUB_PROCESS_MAX_HEAP_SIZE_IGNORED,
    }
)
"""Reasons that have at most one cause in a Cryostat, so that a condition with the reason identifies the cause."""


@cache
def reasons_of(condition: str) -> frozenset[Reason]:
    """Return all reasons of a type of condition, also those of its status True."""
    return frozenset(reason for reason in Reason if reason.condition == condition)
