"""Smart triggers that the agent ignores: they are in the format of another release, or the agent reads no files.

The agent reports that only in its log, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..image_releases import Release, release_of, release_text

FILES_SINCE: Release = (0, 6)
JSON_SINCE: Release = (0, 8)
# A JSON array is empty or begins with an object. The former format begins with an expression in brackets.
_JSON = re.compile(r"\s*\[\s*[{\]]")
_EARLIER = re.compile(r"\s*\[")
_FORMAT = {
    True: "a JSON array of objects with condition, duration and recordingTemplate",
    False: '[EXPRESSION;TargetDuration>duration("30s")]~TEMPLATE',
}


def ignored_triggers(namespace: str, config_maps: Mapping[str, Mapping[str, str]], image: str) -> list[str]:
    """Return a warning for each ConfigMap with smart triggers that the agent ignores.

    Nothing is returned for an agent whose release is not known.

    Args:
        namespace: the namespace of the ConfigMaps.
        config_maps: their content by name.
        image: the image with the agent. Its tag names the release.
    """
    release = release_of(image)
    if release is None:
        return []
    if release < FILES_SINCE:
        return [
            f"agent {release_text(release)} ignores smart triggers of ConfigMap {namespace}/{name}; only agents "
            f"{release_text(FILES_SINCE)} and later read them"
            for name in config_maps
        ]
    json = release >= JSON_SINCE
    others = "before 0.8" if json else "0.8 and later"
    return [
        f"agent {release_text(release)} ignores smart triggers of ConfigMap {namespace}/{name}, "
        f"because they are in the format of agents {others}; write {_FORMAT[json]}"
        for name, content in config_maps.items()
        if any(_is_json(text) is (not json) for text in content.values())
    ]


def _is_json(text: str) -> bool | None:
    """Whether a file is in the newer format; None if it is in neither."""
    if _JSON.match(text):
        return True
    return False if _EARLIER.match(text) else None
