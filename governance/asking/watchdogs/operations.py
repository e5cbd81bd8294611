"""How the portal itself runs, for one page."""

from datetime import datetime
from typing import Any


def overview(*, at: datetime) -> dict[str, Any]:
    """Everything the page shows."""
    return {}
