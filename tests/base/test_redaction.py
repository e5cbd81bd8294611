import logging

import pytest
from django.conf import settings

from governance.base.redaction import HideTokens

TOKEN = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("args", "written"),
    [
        ((f"/r/{TOKEN}",), "Not Found: /r/…"),
        ((f"/r/{TOKEN}.",), "Not Found: /r/…"),
        (("/cases/ESC-1/",), "Not Found: /cases/ESC-1/"),
    ],
)
def test_the_token_of_a_mailed_link_is_not_logged(args, written):
    record = logging.LogRecord("django", logging.WARNING, "", 0, "Not Found: %s", args, None)
    assert HideTokens().filter(record)
    assert record.getMessage() == written


def test_every_handler_hides_tokens():
    handlers = settings.LOGGING["handlers"].values()
    assert all("tokens" in handler["filters"] for handler in handlers)
