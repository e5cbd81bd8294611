class CaseNumber:
    """``ESC-12`` or ``12`` in an address."""

    regex = r"(?:ESC-)?[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value.removeprefix("ESC-"))

    def to_url(self, value: int | str) -> str:
        return str(value)
