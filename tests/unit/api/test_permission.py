"""The attributes and the text of a permission."""

from __future__ import annotations

import pytest

from cryostat_operator.api.permission import Permission


def test_empty_attributes_are_left_out_of_the_review() -> None:
    permission = Permission("get", "", "secrets", "shop", cause="spec.databaseOptions")
    assert permission.attributes == {"verb": "get", "resource": "secrets", "namespace": "shop"}


def test_the_review_has_all_attributes() -> None:
    expected = {
        "verb": "update",
        "group": "apps",
        "resource": "deployments",
        "namespace": "shop",
        "name": "a",
        "version": "v1",
        "subresource": "scale",
    }
    assert Permission(**expected).attributes == expected


@pytest.mark.parametrize(
    ("permission", "text"),
    [
        (Permission("get", "", "secrets", "shop"), 'get secrets in namespace "shop"'),
        (Permission("get", "", "secrets", "shop", "keys"), 'get secrets "keys" in namespace "shop"'),
        (Permission("create", "batch", "cronjobs", "shop"), 'create cronjobs.batch in namespace "shop"'),
        (Permission("create", "", "pods", "shop", subresource="exec"), 'create pods/exec in namespace "shop"'),
        (
            Permission("update", "apps", "deployments", "shop", "a", "v1", "scale"),
            'update deployments/scale.apps "a" in namespace "shop"',
        ),
    ],
)
def test_the_text_names_resource_and_namespace(permission: Permission, text: str) -> None:
    assert str(permission) == text


def test_the_cause_does_not_make_a_different_permission() -> None:
    """A permission is reviewed once, even if two fields need it."""
    first, second = (Permission("get", "", "secrets", "shop", "keys", cause=cause) for cause in ("a", "b"))
    assert len({first, second}) == 1
