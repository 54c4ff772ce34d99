"""Accepted and refused values of each field: one table for the models and for the API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryostat_operator.api import constants


@dataclass(frozen=True)
class Case:
    """Values for the field at `path` below `spec`.

    Attributes:
        good: accepted values.
        bad: refused values.
        says: a part of the API server's message about each bad value.
        server_only: only the API server checks the value, because the models do not check embedded Kubernetes types.
    """

    path: str
    good: tuple[Any, ...]
    bad: tuple[Any, ...]
    says: str
    server_only: bool = False

    def spec(self, value: Any) -> dict[str, Any]:
        """A spec with only this value."""
        for name in reversed(self.path.split(".") if self.path else []):
            value = {name: value}
        return dict(value)


_PORTS = ((1, 8080, 65535), (0, -1, 65536, "80", 80.5))
_NAMES = ("a", "my.secret-1", "x" * 253)
_NO_NAMES = ("", "A", "a_b", "-a", "a..b", "x" * 254)
_SERVICES = ("coreConfig", "reportsConfig", "databaseConfig", "storageConfig", "agentGatewayConfig")
_BOUND: dict[str, Any] = {"pvc": {"spec": {"volumeName": "disk-1"}}}
_S3: dict[str, Any] = {"secretName": "keys", "provider": {"url": "https://s3.example.com", "region": "eu-west-1"}}

CASES = (
    Case(
        "targetNamespaces",
        good=([], ["a"], ["a", "a"], ["0-team"], ["x" * 63]),
        bad=(["A"], ["a.b"], [""], ["x" * 64], ["-a"], ["a", 1], "a"),
        says="spec.targetNamespaces",
    ),
    Case(
        "targetDiscoveryOptions.discoveryPortNames",
        good=(["jfr-jmx", ""],),
        bad=(["${quarkus.datasource.password}"],),
        says="in body should match",
    ),
    Case(
        "objectStorageOptions",
        good=({**_S3, "storageBucketNameOptions": {"metadata": "a_b.c"}},),
        bad=(
            {**_S3, "storageBucketNameOptions": {"metadata": "${quarkus.datasource.password}"}},
            {**_S3, "provider": {**_S3["provider"], "region": "$${quarkus.datasource.password}"}},
            {**_S3, "provider": {**_S3["provider"], "url": "https://a/${quarkus.datasource.password}"}},
        ),
        says="in body should match",
    ),
    Case("enableAudit", good=(True, False), bad=("yes", 1), says="must be of type boolean"),
    Case(
        "trustedCertSecrets",
        good=([], [{"secretName": "a"}, {"secretName": "a"}, {"configMapName": "b", "certificateKey": "ca.crt"}]),
        bad=([{}], [{"certificateKey": "ca.crt"}], [{"secretName": "a", "configMapName": "b"}]),
        says="exactly one of secretName and configMapName must be set",
    ),
    Case(
        "trustedCertSecrets",
        good=([{"secretName": "a", "certificateKey": "..data_1"}],),
        bad=([{"secretName": "a", "certificateKey": ""}], [{"secretName": "a", "certificateKey": "a/b"}]),
        says="certificateKey",
    ),
    *(
        Case(
            field,
            good=([], [{"configMapName": "a", "filename": "b.c"}, {"configMapName": "a", "filename": "b.c"}]),
            bad=(
                [{"configMapName": "a"}],
                [{"configMapName": "a", "filename": ""}],
                [{"configMapName": "A", "filename": "b"}],
                [{"configMapName": "a", "filename": "b c"}],
            ),
            says=f"spec.{field}[0]",
        )
        for field in ("automatedRules", "eventTemplates", "probeTemplates")
    ),
    Case(
        "declarativeCredentials",
        good=([{"secretName": "a"}],),
        bad=([{}], [{"secretName": ""}]),
        says="declarativeCredentials[0].secretName",
    ),
    *(
        Case(
            f"storageOptions.{place}emptyDir.sizeLimit",
            good=("0", "1Gi", "+1Gi", ".5Gi", "1e3", "500m"),
            bad=("-1Gi", "", "much", "1 Gi", 5),
            says="sizeLimit",
        )
        for place in ("", "database.", "objectStorage.")
    ),
    Case(
        "storageOptions.database.emptyDir.medium",
        good=("", "Memory", "HugePages", "HugePages-2Mi"),
        bad=("memory", "SSD"),
        says="medium",
    ),
    Case(
        "",
        good=(
            {"storageOptions": {"pvc": {"spec": {"volumeName": ""}}}},
            {"storageOptions": {"pvc": {"spec": {"selector": {"matchLabels": {"a": "b"}}}}}},
            {"storageOptions": _BOUND | {"database": {}}},
            {"storageOptions": _BOUND | {"objectStorage": {"emptyDir": {"enabled": True}}}},
            {"storageOptions": _BOUND | {"emptyDir": {"enabled": True}}},
            {"storageOptions": _BOUND, "objectStorageOptions": _S3},
        ),
        bad=(
            {"storageOptions": _BOUND},
            {"storageOptions": _BOUND | {"emptyDir": {"enabled": False}}},
            {"storageOptions": _BOUND, "objectStorageOptions": {"provider": {}}},
        ),
        says=(
            "storageOptions.pvc.spec.volumeName would give one volume to database and object storage, but only one of "
            "them can have it: use storageOptions.database.pvc and storageOptions.objectStorage.pvc"
        ),
    ),
    Case(
        "storageOptions.database.pvc.spec",
        good=({}, {"accessModes": ["ReadWriteOncePod"], "resources": {"requests": {"storage": 5}}}),
        bad=({"accessModes": "ReadWriteOnce"}, {"resources": {"requests": {"storage": "big"}}}),
        says="storageOptions.database.pvc.spec",
        server_only=True,
    ),
    *(
        Case(
            f"serviceOptions.{service}.{'databasePort' if service == 'databaseConfig' else 'httpPort'}",
            good=_PORTS[0],
            bad=_PORTS[1],
            says=f"spec.serviceOptions.{service}",
        )
        for service in _SERVICES
    ),
    *(
        Case(
            f"serviceOptions.{service}.serviceType",
            good=("", "ClusterIP", "NodePort", "LoadBalancer"),
            bad=("ExternalName", "clusterip"),
            says="serviceType: Unsupported value",
        )
        for service in _SERVICES
    ),
    Case(
        "serviceOptions.agentCallbackConfig.labels",
        good=({}, {"a": "b"}, {"app": "mine"}),
        bad=({"a": 1}, ["a"]),
        says="agentCallbackConfig.labels",
    ),
    Case(
        "networkOptions.coreConfig.externalHost",
        good=("", "cryostat.example.com", "1.example", "localhost", "a-b.c", ".".join(["x" * 63] * 3)),
        bad=(
            "Cryostat.example.com",
            "https://a.b",
            "a.b/c",
            "a..b",
            "*.a.b",
            "a_b",
            "x" * 64,
            ".".join(["x" * 50] * 5),
        ),
        says="externalHost",
    ),
    Case(
        "networkOptions.coreConfig.ingressSpec",
        good=(
            {"rules": []},
            {"defaultBackend": {"service": {"name": "a", "port": {"name": "http"}}}, "tls": [{"hosts": ["a.b"]}]},
        ),
        bad=({"rules": {}}, {"rules": [{"http": {"paths": [{"path": "/"}]}}]}),
        says="ingressSpec",
        server_only=True,
    ),
    Case("reportOptions.replicas", good=(0, 1, 256), bad=(-1, 1.5, "1", 257, 2**31), says="replicas"),
    Case("reportOptions.subProcessMaxHeapSize", good=(-5, 0, 500), bad=("500", 2**31), says="subProcessMaxHeapSize"),
    Case("targetConnectionCacheOptions.targetCacheSize", good=(-1, 0, 5), bad=(-2,), says="equal to -1"),
    Case("targetConnectionCacheOptions.targetCacheTTL", good=(1, 500), bad=(0, -1), says="greater than or equal to 1"),
    Case(
        "targetDiscoveryOptions.discoveryPortNumbers",
        good=([], [1, 9091, 65535, 9091]),
        bad=([0], [65536], ["9091"]),
        says="discoveryPortNumbers[0]",
    ),
    Case(
        "targetDiscoveryOptions.discoveryPortNames", good=([], ["jmx", "JMX", ""]), bad=([1],), says="must be of type"
    ),
    Case("databaseOptions.secretName", good=_NAMES, bad=_NO_NAMES, says="databaseOptions.secretName"),
    Case("objectStorageOptions.secretName", good=_NAMES, bad=_NO_NAMES, says="objectStorageOptions.secretName"),
    Case(
        "objectStorageOptions",
        good=(
            {},
            _S3,
            {"secretName": "keys"},
            {"secretName": "keys", "provider": {}},
            {"provider": {"tlsTrustAll": False, "disablePresignedDownloads": False}},
            {"storageBucketNameOptions": {"metadata": "m"}},
        ),
        bad=({"provider": _S3["provider"]}, {"provider": _S3["provider"], "storageBucketNameOptions": {}}),
        says="secretName is required with provider.url: an external object storage needs credentials",
    ),
    Case(
        "objectStorageOptions",
        good=(),
        bad=({"secretName": "keys", "provider": {"url": "https://s3.example.com"}},),
        says="region is required with url: an external object storage cannot be used without its region",
    ),
    Case(
        "objectStorageOptions.provider",
        good=({"disablePresignedFileTransfers": True}, {"disablePresignedDownloads": True}),
        bad=(
            {"region": "eu-west-1"},
            {"metadataMode": "bucket"},
            {"useVirtualHostAccess": True},
            {"tlsTrustAll": True},
        ),
        says="url is required with other provider settings: they apply to an external object storage only",
    ),
    Case(
        "objectStorageOptions",
        good=tuple(
            _S3 | {"provider": {"url": url, "region": "a"}}
            for url in ("http://10.0.0.1:9000", "HTTPS://s3.example.com/path?query")
        ),
        bad=tuple(
            _S3 | {"provider": {"url": url, "region": "a"}}
            for url in ("", "s3.example.com", "s3://a", "http://", "http://a b")
        ),
        says="objectStorageOptions.provider.url",
    ),
    Case(
        "objectStorageOptions",
        good=tuple(
            _S3 | {"provider": {**_S3["provider"], "metadataMode": mode}} for mode in ("tagging", "metadata", "bucket")
        ),
        bad=tuple(
            _S3 | {"provider": {**_S3["provider"], **more}} for more in ({"metadataMode": "tags"}, {"region": ""})
        ),
        says="objectStorageOptions.provider",
    ),
    Case("loggingOptions.coreLogLevel", good=("OFF", "ALL"), bad=("info", "", "FATAL"), says="Unsupported value"),
    Case(
        "authorizationOptions.basicAuth",
        good=({}, {"secretName": "a", "filename": "users.htpasswd"}),
        bad=({"secretName": "a"}, {"filename": "a"}),
        says="secretName and filename must be set together",
    ),
    Case(
        "authorizationOptions.basicAuth",
        good=(),
        bad=(
            {"secretName": "", "filename": "a"},
            {"secretName": "a", "filename": ""},
            {"secretName": "a", "filename": "/b"},
        ),
        says="authorizationOptions.basicAuth",
    ),
    Case(
        "authorizationOptions.openShiftSSO",
        good=({}, {"disable": True}, {"accessReview": {}}, {"accessReview": {"verb": "get", "resource": "pods"}}),
        bad=({"disable": "true"}, {"accessReview": []}),
        says="must be of type",
    ),
    Case(
        "schedulingOptions",
        good=({"tolerations": [{"operator": "Exists"}, {"tolerationSeconds": 5}]}, {"affinity": {"podAffinity": {}}}),
        bad=(
            {"tolerations": [{"tolerationSeconds": "5"}]},
            {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {}}]}}},
        ),
        says="schedulingOptions",
        server_only=True,
    ),
    Case(
        "resources.coreResources",
        good=({}, {"limits": {"cpu": 1, "memory": "0.5Gi"}, "claims": [{"name": "gpu"}]}),
        bad=({"limits": {"cpu": "lots"}}, {"requests": []}, {"claims": [{}]}),
        says="resources.coreResources",
        server_only=True,
    ),
    Case(
        "securityOptions.coreSecurityContext",
        good=(
            {},
            {"runAsUser": 1000, "capabilities": {"add": ["SYS_PTRACE"]}, "seccompProfile": {"type": "Unconfined"}},
        ),
        bad=({"runAsUser": "root"}, {"seccompProfile": {}}),
        says="coreSecurityContext",
        server_only=True,
    ),
)

GOOD_NAMES = ("a", "cryostat-sample", "1st", "x" * 48)
BAD_NAMES = {
    "my.cryostat": (
        "metadata.name must consist of lower-case letters, digits and hyphens, "
        "and begin and end with a letter or digit: Services are named after it"
    ),
    "x" * 49: "metadata.name must have at most 48 characters: names of containers are longer, and have at most 63",
}


SCHEDULED = {
    constants.ANNOTATION_BACKUP_SCHEDULE: "@daily",
    constants.ANNOTATION_BACKUP_TARGET: "s3://backups/prod",
    constants.ANNOTATION_BACKUP_SECRET: "target",
}
