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


def test_the_arguments_of_an_access_log_stay_apart():
    args = ("127.0.0.1:9", "GET", f"/r/{TOKEN}", "1.1", 302)
    record = logging.LogRecord("uvicorn.access", logging.INFO, "", 0, "%s %s %s %s %d", args, None)
    assert HideTokens().filter(record)
    assert record.args == ("127.0.0.1:9", "GET", "/r/…", "1.1", 302)


def test_every_handler_hides_tokens():
    handlers = settings.LOGGING["handlers"].values()
    assert all("tokens" in handler["filters"] for handler in handlers)
