"""The whole portal as separate processes, a mail server and a browser."""

import email
import email.policy
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
LINK = re.compile(r"http://\S+/r/\S+")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def eventually(act: Callable[[], object], *, seconds: float = 30, what: str = "it") -> object:
    """The first true answer of ``act``; fails when none comes in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := act():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s")


@dataclass
class Mailbox:
    """A real SMTP server; what it accepted, in order."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.content
        message = email.message_from_bytes(
            raw if isinstance(raw, bytes) else raw.encode(), policy=email.policy.default
        )
        self.messages.append(message)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.messages if address in str(message["To"])]

    def wait_for(self, address: str, *, count: int = 1, about: str = "") -> EmailMessage:
        """The newest of at least ``count`` mails to somebody about something.

        It stands in the subject, or in the text of a mail that brings many notices.
        """

        def found() -> list[EmailMessage]:
            mails = [mail for mail in self.to(address) if about in _topics_of(mail)]
            return mails if len(mails) >= count else []

        mails = eventually(found, what=f"{count} mails to {address} about {about!r}")
        return mails[-1]  # type: ignore[index]


def _topics_of(message: EmailMessage) -> str:
    subject = str(message["Subject"])
    return text_of(message) if "questions wait for you" in subject else subject


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_in(message: EmailMessage) -> str:
    """The one Review link of a mail."""
    links = set(LINK.findall(text_of(message)))
    assert len(links) == 1, links
    return links.pop()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox(free_port())
    controller = Controller(box, hostname=HOST, port=box.port)
    controller.start()
    yield box
    controller.stop()


@dataclass
class Stack:
    """Web, worker and beat, each a process of its own."""

    url: str
    env: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        port = self.url.rsplit(":", 1)[1]
        celery = ["celery", "-A", "governance"]
        schedule = Path(self.env["STACK_HOME"]) / "beat"
        commands = {
            "web": ["uvicorn", "governance.asgi:application", "--host", HOST, "--port", port],
            "worker": [*celery, "worker", "-c", "2", "-l", "WARNING"],
            "beat": [*celery, "beat", "-s", str(schedule), "--pidfile", "", "-l", "WARNING"],
        }
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", *commands[name]], cwd=ROOT, env=self.env
        )

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_until_ready(self) -> None:
        def answers() -> bool:
            with suppress(OSError):
                socket.create_connection((HOST, int(self.url.rsplit(":", 1)[1])), 1).close()
                return True
            return False

        eventually(answers, what="the web process answers")


@pytest.fixture
def host() -> str:
    """What people call the portal; a module that needs another name overrides this."""
    return HOST


@pytest.fixture
def parts() -> tuple[str, ...]:
    """The processes that a module's tests need."""
    return ("web", "worker", "beat")


@pytest.fixture
def more_env() -> dict[str, str]:
    return {}


@pytest.fixture
def stack(
    transactional_db: None,
    mailbox: Mailbox,
    tmp_path: Path,
    host: str,
    parts: tuple[str, ...],
    more_env: dict[str, str],
) -> Iterator[Stack]:
    """The portal on the test database, with a tick every second."""
    port = free_port()
    name = settings.DATABASES["default"]["NAME"]
    env = {
        **{key: value for key, value in os.environ.items() if key != "MAILBOX_PATH"},
        "DATABASE_URL": re.sub(r"/portal\?", f"/{name}?", os.environ["DATABASE_URL"]),
        "PORTAL_URL": f"http://{host}:{port}",
        "EMAIL_URL": f"smtp://{HOST}:{mailbox.port}",
        # Where nothing ticks on purpose, the web process is not to miss it.
        "TICK_SECONDS": "1" if "beat" in parts else "3600",
        # Many mails in a few seconds are what these tests are about.
        "MAILS_PER_HOUR": "1000",
        "STACK_HOME": str(tmp_path),
        **more_env,
    }
    running = Stack(f"http://{host}:{port}", env)
    for part in parts:
        running.start(part)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM")
    if not path:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("REQUIRE_BROWSER is set, but there is no Chromium")
        pytest.skip("there is no Chromium on this machine")
    # Playwright keeps an event loop in this thread; the tests' own ORM calls are meant.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@contextmanager
def watched_page(
    browser: Browser, url: str, *, refusals: bool = False, **options: object
) -> Iterator[Page]:
    """A page of a browser profile of its own; any console error or foreign request fails.

    Chromium writes each answer above 399 to the console; ``refusals`` says they are meant.
    """
    context = browser.new_context(base_url=url, **options)  # type: ignore[arg-type]
    page = context.new_page()
    wrong: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        meant = refusals and message.text.startswith("Failed to load resource")
        if message.type == "error" and not meant:
            wrong.append(f"console: {message.text} at {page.url}")

    def on_request(request: Request) -> None:
        if not request.url.startswith((url, "data:")):
            wrong.append(f"request to {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("request", on_request)
    page.set_default_timeout(10_000)
    try:
        yield page
    finally:
        context.close()
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Callable[..., "contextmanager[Page]"]:
    """``with visitor() as page``: somebody with a browser of their own."""

    def open_page(**options: Any) -> "contextmanager[Page]":
        return watched_page(browser, stack.url, **options)  # type: ignore[return-value]

    return open_page


def sign_in(page: Page, address: str, password: str) -> None:
    """Fill the sign-in form that is open, and wait until it is gone."""
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/account/login" not in url)
