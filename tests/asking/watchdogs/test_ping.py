"""The call to the outside."""

import pytest

from governance.asking.channels import outbound
from governance.asking.watchdogs.ping import call_outside
from tests.asking.channels.conftest import plain_server

__all__ = ["plain_server"]


@pytest.fixture(autouse=True)
def _nobody_rests():
    outbound._resting.clear()


def test_without_an_address_nobody_is_called(settings, monkeypatch):
    settings.HEALTH_PING_URL = ""
    monkeypatch.setattr("governance.asking.watchdogs.ping.post", pytest.fail)
    call_outside()


def test_the_outside_is_called_with_nothing_in_it(settings, plain_server):
    settings.PRIVATE_ENDPOINTS, settings.HEALTH_PING_URL = True, f"{plain_server.url}ping/abc"
    call_outside()
    [(path, _, body)] = plain_server.requests
    assert (path, body) == ("/ping/abc", b"")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/secret", "https://10.0.0.1/secret"])
def test_a_call_that_is_lost_does_no_harm(settings, address, monkeypatch):
    settings.PRIVATE_ENDPOINTS = address.startswith("http:")
    settings.HEALTH_PING_URL = address
    call_outside()
