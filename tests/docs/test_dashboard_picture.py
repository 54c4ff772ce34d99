"""The picture of the dashboard shows its present panels."""

from __future__ import annotations

from xml.etree import ElementTree

from cryostat_operator.packaging.dashboard import PANELS
from tests.docs.dashboard_picture import PICTURE, picture


def test_the_picture_is_up_to_date() -> None:
    assert PICTURE.read_text() == picture(), "run python -m tests.docs.dashboard_picture"


def test_every_panel_is_drawn() -> None:
    drawn = {element.text for element in ElementTree.fromstring(picture()).iter()}
    assert {panel.title for panel in PANELS} <= drawn
