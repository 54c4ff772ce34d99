"""Names and labels that the generated files share."""

from __future__ import annotations

from cryostat_operator import __version__
from cryostat_operator.packaging import install_names
from cryostat_operator.packaging.install_names import metadata


def test_objects_without_a_namespace_have_none_in_their_metadata() -> None:
    labels = dict(install_names.LABELS)
    assert metadata("a", "here") == {"name": "a", "namespace": "here", "labels": labels}
    assert metadata("a") == {"name": "a", "labels": labels}


def test_a_label_that_is_added_to_one_object_is_not_added_to_others() -> None:
    metadata("a")["labels"]["more"] = "x"
    assert "more" not in install_names.LABELS


def test_the_image_has_the_version_of_the_operator() -> None:
    assert install_names.IMAGE.rpartition(":")[2] == __version__
