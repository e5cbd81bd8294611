"""How a case is named in an address; importing this makes ``CASE`` usable in paths."""

from django.urls import register_converter

CASE = "<case:escalation_id>/"


class CaseNumber:
    """``ESC-12`` or ``12``."""

    regex = r"(?:ESC-)?[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value.removeprefix("ESC-"))

    def to_url(self, value: int | str) -> str:
        return str(value)


register_converter(CaseNumber, "case")
