from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand

HEAD = """# States

Made from the tables beside the models: `python3 dev.py manage print_states > docs/states.md`.
A transition that is not drawn here is refused.
"""


class Command(BaseCommand):
    help = "Prints every state machine of the portal as a diagram in Markdown."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(document(), ending="")


def document() -> str:
    """The diagrams of all tables whose name ends with ``TRANSITIONS``."""
    return HEAD + "".join(_diagram(name, table) for name, table in _tables())


def _tables() -> Iterator[tuple[str, Mapping[str, Collection[str]]]]:
    for config in apps.get_app_configs():
        for name, value in vars(config.models_module).items() if config.models_module else ():
            if name.endswith("TRANSITIONS"):
                yield f"{config.label} {name.removesuffix('TRANSITIONS').strip('_')}", value


def _diagram(name: str, table: Mapping[str, Collection[str]]) -> str:
    first = str(next(iter(table)))
    lines = [f"[*] --> {first}"]
    for now, following in table.items():
        lines += [f"{now} --> {to}" for to in sorted(map(str, following))]
        lines += [f"{now} --> [*]"] if not following else []
    drawn = "\n".join(f"    {line}" for line in lines)
    title = name.replace("_", " ").strip().capitalize()
    return f"\n## {title}\n\n```mermaid\nstateDiagram-v2\n{drawn}\n```\n"
