"""The content of objects that a user creates, one of each kind that can have the name of an owned object."""

from __future__ import annotations

from typing import Any

SELECTOR = {"matchLabels": {"app": "mine"}}
POD = {"metadata": {"labels": {"app": "mine"}}, "spec": {"containers": [{"name": "a", "image": "example.com/a"}]}}
BACKEND = {"service": {"name": "mine", "port": {"number": 80}}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}

# By kind, without names.
CONTENT: dict[str, dict[str, Any]] = {
    "ServiceAccount": {},
    "Secret": {"stringData": {"CONNECTION_KEY": "a", "ENCRYPTION_KEY": "b", "ACCESS_KEY": "c", "SECRET_KEY": "d"}},
    "ConfigMap": {"data": {"mine": "yes"}},
    "PersistentVolumeClaim": {"spec": CLAIM},
    "Service": {"spec": {"selector": {"app": "mine"}, "ports": [{"port": 80}]}},
    "NetworkPolicy": {"spec": {"podSelector": SELECTOR, "policyTypes": ["Ingress"]}},
    "Ingress": {"spec": {"defaultBackend": BACKEND}},
    "Deployment": {"spec": {"selector": SELECTOR, "template": POD}},
}
