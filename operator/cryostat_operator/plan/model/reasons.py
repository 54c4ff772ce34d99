"""Reasons of conditions and events: stable words that alerts and scripts may use.

docs/conditions.md explains each of them; `tests/docs/test_conditions.py` compares the two.
"""

from __future__ import annotations

from enum import StrEnum

_NO_ACTION = False  # no user has to act: a good state, or a wait for something that normally follows


class Reason(StrEnum):
    """A reason of a condition or of an event. The text below each one is its cause.

    Attributes:
        condition: type of the condition that has this reason first; empty for reasons of events alone.
        actionable: whether a user has to act, so that a problem with this reason is a Warning event by default.
    """

    condition: str
    actionable: bool

    def __new__(cls, value: str, condition: str = "", actionable: bool = True) -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.condition = condition
        member.actionable = actionable
        return member

    ALL_COMPONENTS_AVAILABLE = "AllComponentsAvailable", "Ready", _NO_ACTION
    """Every Deployment serves its newest version and no problem is known."""
    INVALID_SPEC = "InvalidSpec", "Ready"
    """The spec is invalid for this version of the operator; no object is changed."""
    INTERNAL_ERROR = "InternalError", "Ready"
    """An error in the operator itself ended the reconcile."""
    WAITING_FOR_OPERATOR = "WaitingForOperator", "Ready", _NO_ACTION
    """No operator has processed the Cryostat yet."""
    DELETING = "Deleting", "Ready", _NO_ACTION
    """The Cryostat is being deleted."""
    DELETION_BLOCKED = "DeletionBlocked", "Ready"
    """A Cryostat that is being deleted, or an object of it, cannot be deleted."""
    PAUSED = "Paused", "Ready", _NO_ACTION
    """The annotation operator.cryostat.io/pause-reconciliation is 'true'."""

    # Hibernation, and Ready, ComponentsAvailable and Exposed meanwhile
    HIBERNATED = "Hibernated", "Hibernation", _NO_ACTION
    """Every Deployment is scaled to 0, as the annotation requests."""
    HIBERNATING = "Hibernating", "Hibernation", _NO_ACTION
    """The Deployments are being scaled to 0, the database last."""
    HIBERNATION_INVALID = "HibernationInvalid", "Hibernation"
    """The annotation operator.cryostat.io/hibernation has another value than 'on' and 'off'."""

    # Ready, behind the prefix Main, Database, Storage or Reports
    DEPLOYMENT_PENDING = "DeploymentPending", "Ready", _NO_ACTION
    """A Deployment does not exist yet."""
    REPLICA_FAILURE = "ReplicaFailure", "Ready"
    """A ReplicaSet cannot create pods."""
    IMAGE_PULL_FAILED = "ImagePullFailed", "Ready"
    """The image of a container cannot be pulled."""
    CONTAINER_CRASHED = "ContainerCrashed", "Ready"
    """A container ended and is started again."""
    OUT_OF_MEMORY = "OutOfMemory", "Ready"
    """A container was killed because it used too much memory."""
    POD_UNSCHEDULABLE = "PodUnschedulable", "Ready"
    """No node can run a pod."""
    POD_NOT_RUNNING = "PodNotRunning", "Ready"
    """A container cannot be created or started, or a pod was evicted."""
    POD_NOT_READY = "PodNotReady", "Ready"
    """A container has run for a minute and its probe does not succeed."""
    POD_TERMINATING = "PodTerminating", "Ready"
    """The previous pod does not terminate, and the next one waits for it."""
    NODE_NOT_READY = "NodeNotReady", "Ready"
    """The node of a pod does not report its state."""
    VOLUME_PENDING = "VolumePending", "Ready", _NO_ACTION
    """A PersistentVolumeClaim is not bound to a volume."""
    DEPLOYMENT_UNAVAILABLE = "DeploymentUnavailable", "Ready", _NO_ACTION
    """Pods of a Deployment are starting or not ready."""

    # All conditions but Ready. ComponentsAvailable also has the reasons above
    NOT_OBSERVED = "NotObserved", "ComponentsAvailable", _NO_ACTION
    """The last reconcile failed before the operator had observed this. `Ready` has the cause."""

    SECRET_NOT_FOUND = "SecretNotFound", "ReferencesResolved"
    """A Secret that the spec names does not exist."""
    SECRET_KEY_NOT_FOUND = "SecretKeyNotFound", "ReferencesResolved"
    """A Secret that the spec names lacks a key."""
    CONFIGMAP_NOT_FOUND = "ConfigMapNotFound", "ReferencesResolved"
    """A ConfigMap that the spec names does not exist."""
    CONFIGMAP_KEY_NOT_FOUND = "ConfigMapKeyNotFound", "ReferencesResolved"
    """A ConfigMap that the spec names lacks a key."""
    SECRET_VALUE_INVALID = "SecretValueInvalid", "ReferencesResolved"
    """A component cannot use a value in a Secret that the spec names: white space at an end, or no certificate."""

    NAMESPACE_NOT_FOUND = "NamespaceNotFound", "TargetNamespacesReady"
    """A namespace does not exist."""
    NAMESPACE_TERMINATING = "NamespaceTerminating", "TargetNamespacesReady"
    """A namespace is being deleted."""
    NAMESPACE_RECREATED = "NamespaceRecreated", "TargetNamespacesReady"
    """A namespace was deleted and created again after admission had reviewed it as a target namespace."""
    NAMESPACE_NOT_SERVED = "NamespaceNotServed", "TargetNamespacesReady"
    """The operator serves chosen namespaces. This is not one of them, or the operator lacks the permissions there."""

    DATABASE_SECRET_LOST = "DatabaseSecretLost", "DatabaseKeysReady"
    """The Secret with the keys of a database does not exist, and its volume does."""
    DATABASE_KEYS_INCOMPLETE = "DatabaseKeysIncomplete", "DatabaseKeysReady"
    """The Secret of an existing database lacks a key."""
    DATABASE_KEYS_MISMATCHED = "DatabaseKeysMismatched", "DatabaseKeysReady"
    """The keys in the Secret are not those that the database was set up with."""
    DATABASE_SECRET_MISMATCHED = "DatabaseSecretMismatched", "DatabaseKeysReady"
    """The spec names another Secret than the database was created with."""

    PERSISTENT_VOLUME_CLAIM_INVALID = "PersistentVolumeClaimInvalid", "VolumesReady"
    """The API server refused a PersistentVolumeClaim."""
    DATA_LOSS_CONFIRMATION_REQUIRED = "DataLossConfirmationRequired", "VolumesReady"
    """The spec replaces a claim with data by an emptyDir."""
    VOLUME_BEING_DELETED = "VolumeBeingDeleted", "VolumesReady"
    """A claim is being deleted, and its data with it when its pod ends."""
    VOLUME_LOST = "VolumeLost", "VolumesReady"
    """The PersistentVolume of a claim was deleted."""

    ADDRESS_ASSIGNED = "AddressAssigned", "Exposed", _NO_ACTION
    """The Route or Ingress gives the application an address."""
    ADDRESS_NOT_REPORTED = "AddressNotReported", "Exposed", _NO_ACTION
    """The Ingress does not exist or has no address, or the Service has no load balancer."""
    APPLICATION_UNAVAILABLE = "ApplicationUnavailable", "Exposed", _NO_ACTION
    """The application has an address, and no pod serves it."""
    BACKEND_UNREACHABLE = "BackendUnreachable", "Exposed", _NO_ACTION
    """The controller of the Ingress calls the application by HTTP, and the application accepts only HTTPS."""
    BACKEND_NOT_VERIFIED = "BackendNotVerified", "Exposed", _NO_ACTION
    """The operator does not know whether requests to the Ingress reach the application."""
    INGRESS_PORT_UNKNOWN = "IngressPortUnknown", "Exposed"
    """The Ingress leads to a port that the Service of the application does not have."""
    ROUTE_NOT_HANDLED = "RouteNotHandled", "Exposed"
    """After a minute, still no router has admitted the Route."""
    ROUTE_NOT_ADMITTED = "RouteNotAdmitted", "Exposed", _NO_ACTION
    """No router has admitted the Route yet."""
    ROUTE_REJECTED = "RouteRejected", "Exposed"
    """A router rejected the Route."""
    ROUTE_INVALID = "RouteInvalid", "Exposed"
    """The API server refused the Route."""

    NAME_COLLISION = "NameCollision", "Reconciled"
    """An object of the same name was not created for this Cryostat."""
    QUOTA_EXCEEDED = "QuotaExceeded", "Reconciled"
    """A ResourceQuota does not allow an object."""
    LIMIT_RANGE_VIOLATED = "LimitRangeViolated", "Reconciled"
    """A LimitRange does not allow an object."""
    DENIED_BY_POLICY = "DeniedByPolicy", "Reconciled"
    """An admission webhook or a ValidatingAdmissionPolicy refused an object."""
    FORBIDDEN = "Forbidden", "Reconciled"
    """Missing permissions or built-in admission prevent a write."""
    INVALID = "Invalid", "Reconciled"
    """The API server found an object invalid."""
    API_NOT_SERVED = "ApiNotServed", "Reconciled"
    """An API that an object needs is not served."""
    API_SERVER_UNAVAILABLE = "ApiServerUnavailable", "Reconciled"
    """The API server does not answer."""
    API_SERVER_UNKNOWN = "ApiServerUnknown", "Reconciled"
    """The address of the API server is not known."""
    WRITE_REFUSED = "WriteRefused", "Reconciled"
    """The API server refused a write for another reason."""
    CONFLICT = "Conflict", "Reconciled", _NO_ACTION
    """An object was changed by another client at the same time."""
    CONFLICT_NOT_RESOLVED = "ConflictNotResolved", "Reconciled"
    """For more than a minute, other clients have changed an object each time before the operator could write it."""
    BEING_DELETED = "BeingDeleted", "Reconciled", _NO_ACTION
    """An object of the same name is being deleted."""
    OBJECT_BEING_DELETED = "ObjectBeingDeleted", "Reconciled", _NO_ACTION
    """An object of the instance is being deleted and is created again afterwards."""
    OBJECT_NOT_DELETED = "ObjectNotDeleted", "Reconciled"
    """The deletion of an object of the instance has taken more than a minute."""
    CHANGED_BY_OTHERS = "ChangedByOthers", "Reconciled"
    """Admission modifies an object, or another client changes it repeatedly."""
    SECRET_NOT_GENERATED = "SecretNotGenerated", "Reconciled"
    """After a minute, a Secret that the operator generates still does not exist."""
    REFERENCE_NOT_READ = "ReferenceNotRead", "Reconciled"
    """After a minute, a Secret or ConfigMap still has not been read."""
    ROLLOUT_NOT_FINISHED = "RolloutNotFinished", "Reconciled"
    """The application has waited for the restart of database or storage for more than a minute."""
    SECRET_PENDING = "SecretPending", "Reconciled", _NO_ACTION
    """A Secret that the operator generates does not exist yet."""
    REFERENCE_PENDING = "ReferencePending", "Reconciled", _NO_ACTION
    """A Secret or ConfigMap has not been read yet."""
    ROLLING_IN_ORDER = "RollingInOrder", "Reconciled", _NO_ACTION
    """The application restarts after database and storage."""

    CLAIM_UNCHANGEABLE = "ClaimUnchangeable", "SpecEffective"
    """The spec changes a field of an existing claim that cannot change."""
    VOLUME_NOT_RESIZED = "VolumeNotResized", "SpecEffective", _NO_ACTION
    """The volume of a claim has not been enlarged yet."""
    EXTERNAL_HOST_IGNORED = "ExternalHostIgnored", "SpecEffective"
    """The field externalHost has no effect on this platform."""
    INGRESS_SPEC_IGNORED = "IngressSpecIgnored", "SpecEffective"
    """The field ingressSpec has no effect on this platform."""
    SUB_PROCESS_MAX_HEAP_SIZE_IGNORED = "SubProcessMaxHeapSizeIgnored", "SpecEffective"
    """The field subProcessMaxHeapSize has had no effect since Cryostat 3."""
    FORMER_VOLUME_UNUSED = "FormerVolumeUnused", "SpecEffective"
    """The claim of Cryostat 3.0 exists, and nothing uses its data."""
    IGNORED_BY_RELEASE = "IgnoredByRelease", "SpecEffective"
    """The deployed release of Cryostat does not read a field."""
    REQUEST_ABOVE_LIMIT = "RequestAboveLimit", "SpecEffective"
    """A request in the spec is above its limit; the limit is requested."""
    BACKUP_SCHEDULE_INVALID = "BackupScheduleInvalid", "SpecEffective"
    """The annotations of the scheduled backup are wrong, or the operator does not know its own image."""
    REPLICAS_SCALED = "ReplicasScaled", "SpecEffective"
    """Another client, such as an autoscaler, sets the number of report generators."""

    DATABASE_VERSION_MISMATCHED = "DatabaseVersionMismatched", "UpgradeAllowed"
    """The image of the database has another major version of PostgreSQL than the data."""
    DOWNGRADE_NOT_CONFIRMED = "DowngradeNotConfirmed", "UpgradeAllowed"
    """The images are of an older release of Cryostat than the data was used with."""

    AUTHENTICATION_DISABLED = "AuthenticationDisabled", "AuthenticationEnabled", _NO_ACTION
    """Everyone who can connect to the application can use it without a login."""
    LOGIN_GENERATED = "LoginGenerated", "AuthenticationEnabled", _NO_ACTION
    """The operator generated a login."""
    LOGIN_FILE_INVALID = "LoginFileInvalid", "AuthenticationEnabled"
    """The authentication proxy cannot use the htpasswd file."""
    BASIC_AUTH = "BasicAuth", "AuthenticationEnabled", _NO_ACTION
    """Users log in with an htpasswd file."""
    OPENSHIFT_SSO = "OpenShiftSSO", "AuthenticationEnabled", _NO_ACTION
    """Users log in with their OpenShift account."""

    ALL_CERTIFICATES_READY = "AllCertificatesReady", "TLSSetupComplete", _NO_ACTION
    """Every certificate is issued."""
    WAITING_FOR_CERTIFICATE = "WaitingForCertificate", "TLSSetupComplete", _NO_ACTION
    """A certificate has not been issued yet."""
    CERTIFICATE_PENDING = "CertificatePending", "TLSSetupComplete", _NO_ACTION
    """The Route is created after the certificate of the authority."""
    CERTIFICATE_NOT_ISSUED = "CertificateNotIssued", "TLSSetupComplete"
    """After a minute, a certificate still has not been issued."""
    CERTIFICATE_FAILED = "CertificateFailed", "TLSSetupComplete"
    """A certificate could not be issued by cert-manager."""
    CERTIFICATE_NOT_RENEWED = "CertificateNotRenewed", "TLSSetupComplete"
    """A certificate that still works was not renewed by cert-manager."""
    CERTIFICATE_EXPIRED = "CertificateExpired", "TLSSetupComplete"
    """A certificate has expired."""
    CERT_MANAGER_UNAVAILABLE = "CertManagerUnavailable", "TLSSetupComplete"
    """The spec requires cert-manager, which is not installed."""
    CERT_MANAGER_DISABLED = "CertManagerDisabled", "TLSSetupComplete", _NO_ACTION
    """Traffic between the components is not encrypted."""

    TLS_DISABLED = "TLSDisabled", "AgentsAuthenticated", _NO_ACTION
    """Without TLS, agents do not authenticate."""

    # Events only
    ROUTE_HOST_CHANGED = "RouteHostChanged", "", _NO_ACTION
    """The host of the Route changed."""
    CHANGE_REVERTED = "ChangeReverted", "", _NO_ACTION
    """The operator restored what another client had changed."""
    AGENT_CERTIFICATE_RENEWED = "AgentCertificateRenewed", "", _NO_ACTION
    """Agents of a namespace have a new certificate."""
    WEBHOOK_UNREACHABLE = "WebhookUnreachable", ""
    """The API server cannot call the webhooks of the operator."""
    AGENT_NOT_ADDED = "AgentNotAdded", ""
    """A pod was admitted without the agent that its labels request."""
    SMART_TRIGGERS_IGNORED = "SmartTriggersIgnored", ""
    """The agent ignores the smart triggers of a pod: they are in another format, or the agent is too old."""
    LEADER_ELECTION = "LeaderElection", "", _NO_ACTION
    """A replica of the operator became leader, or stopped leading."""
