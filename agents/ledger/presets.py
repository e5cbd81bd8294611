"""Ready-made matchers, as people could write them themselves; they stand in a JSON file."""

import json
from pathlib import Path
from typing import Any

_WHOLE: dict[str, Any] = json.loads(
    Path(__file__).with_name("presets.json").read_text(encoding="utf-8")
)
PRESETS: dict[str, list[dict[str, Any]]] = {
    name: preset["matchers"] for name, preset in _WHOLE.items()
}
TITLES: dict[str, str] = {name: preset["title"] for name, preset in _WHOLE.items()}
