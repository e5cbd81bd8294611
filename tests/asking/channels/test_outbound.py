"""Where the portal's own requests may go, and how long they may take."""

import socket
import threading

import pytest

from governance.asking.channels import outbound
from governance.asking.channels.outbound import Refused, Unreachable, is_public, post, target_of


def resolves_to(monkeypatch, *addresses):
    def answer(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(outbound.socket, "getaddrinfo", answer)


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.net/x",
        "ftp://push.example.net/x",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://user@push.example.net/x",
        "https://push.example.net:8443/x",
        "https://push.example.net:99999/x",
        "https://push.example.net/a b",
        "https://push.example.net/\r\nHost: evil",
        "https://push.example.net\\@10.0.0.1/",
        "https://localhost/x",
        "https://postgres.internal/x",
        "https://127.0.0.1/x",
        "https://10.1.2.3/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[64:ff9b::a00:1]/x",
        "https://[2002:a00:1::]/x",
        "https://[fe80::1%25eth0]/x",
        "",
    ],
)
def test_an_address_that_leads_inside_or_is_none_is_refused(url):
    with pytest.raises(Refused):
        target_of(url)


def test_an_address_in_the_world_is_taken_apart():
    target = target_of("https://push.example.net/send/abc?x=1")
    assert (target.host, target.port, target.path, target.is_tls) == (
        "push.example.net",
        443,
        "/send/abc?x=1",
        True,
    )


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - looked at, not bound
        ("fd00::1", False),
        ("ff0e::1", False),
        ("64:ff9b::5db8:d822", True),
    ],
)
def test_which_addresses_are_out_in_the_world(address, public):
    assert is_public(address) is public


def test_a_name_with_one_private_address_among_public_ones_is_not_called(monkeypatch):
    resolves_to(monkeypatch, "93.184.216.34", "127.0.0.1")
    with pytest.raises(Refused, match="private"):
        post("https://push.example.net/x", b"", {})


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    called = []

    def connect(address, timeout):
        called.append((address, timeout))
        raise ConnectionRefusedError

    resolves_to(monkeypatch, "93.184.216.34")
    monkeypatch.setattr(outbound.socket, "create_connection", connect)
    with pytest.raises(Unreachable):
        post("https://push.example.net/x", b"", {})
    assert called == [(("93.184.216.34", 443), outbound.SECONDS)]


def test_who_did_not_answer_is_left_alone_for_a_while(monkeypatch):
    called = []

    def connect(address, timeout):
        called.append(address)
        raise TimeoutError

    resolves_to(monkeypatch, "93.184.216.34")
    monkeypatch.setattr(outbound.socket, "create_connection", connect)
    for url in ("https://slow.example.net/x", "https://slow.example.net/y"):
        with pytest.raises(Unreachable):
            post(url, b"", {})
    assert len(called) == 1
    with pytest.raises(Unreachable):
        post("https://other.example.net/x", b"", {})
    assert len(called) == 2


def test_a_name_that_nobody_knows_may_be_known_later(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror

    monkeypatch.setattr(outbound.socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match=r"push\.example\.net"):
        post("https://push.example.net/x", b"", {})


def test_a_redirect_is_an_answer_and_not_followed(plain_server):
    plain_server.status, plain_server.headers = 302, {"Location": "http://127.0.0.1:9/"}
    answer = post(plain_server.url, b"x", {}, private=True)
    assert (answer.status, answer.is_good, len(plain_server.requests)) == (302, False, 1)


def test_a_long_answer_is_cut(plain_server):
    plain_server.body = b"a" * 100_000
    assert len(post(plain_server.url, b"", {}, private=True).text) == outbound.LONGEST_ANSWER


def test_a_server_that_sends_a_byte_now_and_then_is_cut_off(monkeypatch):
    monkeypatch.setattr(outbound, "SECONDS", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip():
        peer, _ = listener.accept()
        with peer:
            while not over.wait(0.1):
                try:
                    peer.sendall(b"H")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        with pytest.raises(Unreachable):
            post(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"", {}, private=True)
    finally:
        over.set()
        thread.join(5)
        listener.close()


def test_a_certificate_that_nobody_vouches_for_ends_it(tls_server):
    with pytest.raises(Unreachable, match="SSL"):
        post(tls_server.url, b"", {}, private=True)
