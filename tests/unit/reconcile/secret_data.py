"""Values of Secrets as the API server stores them."""

from __future__ import annotations

import base64


def encoded(**values: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
