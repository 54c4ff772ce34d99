"""The status of a Cryostat: what the operator reports about an instance."""

from typing import Literal

from pydantic import StrictInt

from .base import Model, Text, doc, required


class Condition(Model):
    """One observation about the instance."""

    type: Text = required(
        "Name of the condition. True is the good state, except for `Hibernation` and for names that end in "
        "`ReplicaFailure`.",
        schema={
            "maxLength": 316,
            "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
            r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
        },
    )
    status: Literal["True", "False", "Unknown"] = required("Whether the condition holds: True, False or Unknown.")
    reason: Text = required(
        "The cause of the present state in one word, for programs.",
        schema={"minLength": 1, "maxLength": 1024, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"},
    )
    message: Text = required("The cause of the present state, for people.", schema={"maxLength": 32768})
    last_transition_time: Text = required("When the condition's status last changed.", schema={"format": "date-time"})
    observed_generation: StrictInt | None = doc(
        "Generation of the object that this observation is about.", schema={"format": "int64", "minimum": 0}
    )


class ReviewedNamespace(Model):
    """A target namespace, identified so that another one of the same name is not mistaken for it."""

    name: Text = required("Name of the namespace.", schema={"minLength": 1, "maxLength": 63})
    uid: Text = required("UID of the namespace.", schema={"minLength": 1, "maxLength": 63})


class CryostatStatus(Model):
    """What was last observed of the instance."""

    summary: Text | None = doc("A short form of the condition `Ready`.")
    application_url: Text | None = doc(
        "URL of the application: of the admitted Route, or of the first rule of the Ingress with a host. "
        "Absent if there is neither."
    )
    target_namespaces: list[Text] | None = doc(
        "Target namespaces, of the spec or by default. The condition `TargetNamespacesReady` names those to which the "
        "instance has no access."
    )
    reviewed_namespaces: list[ReviewedNamespace] | None = doc(
        "Target namespaces with the UIDs to which the instance has access. A namespace that was deleted and created "
        "again has another UID, and the instance has no access to it until an author of this object accepts it."
    )
    database_secret: Text | None = doc("Secret with the keys of the database.")
    storage_secret: Text | None = doc("Secret with the keys of the object storage.")
    basic_auth_secret: Text | None = doc(
        "Secret with the login that the operator generated: user name and password under the keys `username` and "
        "`password`."
    )
    observed_generation: StrictInt | None = doc(
        "Generation of the object that this status is about.", schema={"format": "int64", "minimum": 0}
    )
    conditions: list[Condition] | None = doc(
        "Observations about the parts of the instance; `Ready` sums them up.",
        schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
