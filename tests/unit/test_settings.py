"""Settings are read once; everybody may share them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from cryostat_operator.settings import IMAGES, Settings


def test_settings_never_change() -> None:
    settings = Settings.from_env({})
    for field in fields(settings):
        with pytest.raises(FrozenInstanceError):
            setattr(settings, field.name, None)
    image = settings.images[next(iter(IMAGES))]
    with pytest.raises(FrozenInstanceError):
        image.reference = "another"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.images["core"] = image  # type: ignore[index]
