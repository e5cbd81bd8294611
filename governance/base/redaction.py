"""Keeps secrets that travel in addresses out of the logs."""

import logging
import re

_REVIEW_LINK = re.compile(r"(/r/)[0-9A-Za-z%=<>._-]{16,}")


class HideTokens(logging.Filter):
    """Replaces the token in the path of a mailed link by an ellipsis."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            # One by one: uvicorn's formatter takes the arguments apart.
            record.args = tuple(map(_hidden, record.args))
        written = record.getMessage()
        if (hidden := _hidden(written)) != written:
            record.msg, record.args = hidden, ()
        return True


def _hidden(value: object) -> object:
    return _REVIEW_LINK.sub(r"\1…", value) if isinstance(value, str) else value
