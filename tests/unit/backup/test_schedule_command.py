"""`backup-schedule` prints objects that can be applied."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner, Result

from cryostat_operator.backup.schedule import Schedule, objects_of
from cryostat_operator.cli import main
from cryostat_operator.packaging.install_names import IMAGE
from cryostat_operator.plan.instance import DEFAULT_FS_GROUP

REQUIRED = ("c", "--schedule", "@daily", "--to", "pvc://claim", "--secret", "target")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["backup-schedule", *arguments])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            [],
            Schedule("default", "c", "@daily", "pvc://claim", "target", IMAGE, fs_group=DEFAULT_FS_GROUP),
        ),
        (
            ["-n", "here", "--time-zone", "UTC", "--database-secret", "mine", "--image", "mirror:1", "--fs-group", "0"],
            Schedule("here", "c", "@daily", "pvc://claim", "target", "mirror:1", "UTC", "mine", 0),
        ),
    ],
)
def test_the_objects_of_the_options_are_printed(options: list[str], expected: Schedule) -> None:
    result = invoke(*REQUIRED, *options)
    assert result.exit_code == 0, result.output
    assert [*yaml.safe_load_all(result.stdout)] == objects_of(expected)


def test_a_mistake_is_one_sentence() -> None:
    result = invoke(*REQUIRED, "--to", "claim")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: The target 'claim' must be s3://BUCKET/PREFIX, or pvc://CLAIM for a PersistentVolumeClaim.\n"
    )
