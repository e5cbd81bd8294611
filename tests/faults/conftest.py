"""Processes that a test kills as it likes, a mail server that hesitates, a runner and people."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from allauth.account.models import EmailAddress
from celery import current_app
from django.conf import settings
from django.utils import timezone

from governance.people.models import Role, Runner, User
from governance.people.services import create_runner, issue_key
from tests.e2e import conftest as e2e
from tests.e2e.conftest import HOST, ROOT, Mailbox, eventually, free_port
from tests.factories import PASSWORD, UserFactory

browser = e2e.browser
NO_SERVER = "unix:///nobody/listens/here.sock"


def account(name: str, *roles: Role, **fields: Any) -> User:
    """Somebody who can sign in with the password of all test people."""
    user: User = UserFactory(
        email=f"{name}@example.org", name=name.title(), roles=roles, password=PASSWORD, **fields
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@dataclass
class SlowMailbox(Mailbox):
    """Stops at the moment that a test names, until the test names another."""

    hold_at: str = ""
    held: int = 0

    async def _hold(self, moment: str) -> None:
        self.held += self.hold_at == moment
        while self.hold_at == moment:
            await asyncio.sleep(0.02)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._hold("before the data")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        reply = await super().handle_DATA(server, session, envelope)
        await self._hold("before the reply")
        return reply


@pytest.fixture
def slow_mailbox() -> Iterator[SlowMailbox]:
    box = SlowMailbox(free_port())
    controller = Controller(box, hostname=HOST, port=box.port)
    controller.start()
    yield box
    box.hold_at = ""
    controller.stop()


@dataclass
class Parts:
    """Web, worker and beat, as many as a test starts; each leads a process group of its own."""

    url: str
    env: dict[str, str]
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: int = 0

    @property
    def log(self) -> Path:
        """What all of them print."""
        return self.folder / "log"

    def start(
        self, kind: str, *options: str, app: str = "governance", **changes: str
    ) -> subprocess.Popen[bytes]:
        self.started += 1
        number = str(self.started)
        celery = ["celery", "-A", app, kind, "-l", "INFO"]
        port = self.url.rsplit(":", 1)[1]
        command = {
            "web": ["uvicorn", "governance.asgi:application", "--host", HOST, "--port", port],
            "worker": [*celery, "-c", "1", "-n", number, "--without-gossip", "--without-mingle"],
            "beat": [*celery, "-s", str(self.folder / f"beat{number}"), "--pidfile", ""],
        }[kind]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, *options],
                cwd=ROOT,
                env=self.env | changes,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """``kill -9`` of the process and its children."""
        self.running.remove(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_for_web(self) -> None:
        def answers() -> bool:
            with suppress(OSError):
                socket.create_connection((HOST, int(self.url.rsplit(":", 1)[1])), 1).close()
                return True
            return False

        eventually(answers, what="the web process answers")

    def stop(self) -> None:
        for process in list(self.running):
            self.kill(process)


def parts_for(folder: Path, mail_port: int, **changes: str) -> Parts:
    """Nothing runs yet. The tick is every second, the connection pool is on as in production."""
    url = f"http://{HOST}:{free_port()}"
    name = settings.DATABASES["default"]["NAME"]
    env = {
        **{key: value for key, value in os.environ.items() if key != "MAILBOX_PATH"},
        "DATABASE_URL": re.sub(r"/portal\?", f"/{name}?", os.environ["DATABASE_URL"]),
        "PORTAL_ENV": "development",
        "PORTAL_URL": url,
        "EMAIL_URL": f"smtp://{HOST}:{mail_port}",
        "TICK_SECONDS": "1",
        # The reminders of these tests come every few seconds.
        "MAILS_PER_HOUR": "1000",
        "PYTHONUNBUFFERED": "1",
        **changes,
    }
    return Parts(url, env, folder)


@pytest.fixture
def parts(transactional_db: None, slow_mailbox: SlowMailbox, tmp_path: Path) -> Iterator[Parts]:
    current_app.control.purge()
    whole = parts_for(tmp_path, slow_mailbox.port)
    try:
        yield whole
    finally:
        whole.stop()


@pytest.fixture(scope="package")
def web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """A web process for many tests; nothing sweeps or sends beside it."""
    # Nothing ticks here on purpose: the web process is not to miss it.
    whole = parts_for(tmp_path_factory.mktemp("web"), mail_port=9, TICK_SECONDS="3600")
    whole.start("web")
    try:
        whole.wait_for_web()
        yield whole
    finally:
        whole.stop()


@dataclass(frozen=True)
class KeyedRunner:
    runner: Runner
    key: str


@pytest.fixture
def runner(transactional_db: None) -> KeyedRunner:
    """Olivia's runner, with a key that escalates."""
    now, owner = timezone.now(), account("olivia", Role.OWNER)
    made = create_runner(name="Build", slug="build", owner=owner, agents=["*"], by=owner, at=now)
    _, key = issue_key(runner_id=made.pk, by=owner, at=now)
    return KeyedRunner(made, key)


@pytest.fixture
def people(transactional_db: None) -> list[User]:
    """Two approvers."""
    return [account("adam", Role.APPROVER), account("sofia", Role.APPROVER)]


@pytest.fixture
def stuck(parts: Parts, runner: KeyedRunner, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start the command line client."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "client"),
            "GOVERNANCE_URL": parts.url,
            "GOVERNANCE_KEY": runner.key,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "stuck", *arguments],
            env=env,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def owners_connection(transactional_db: None) -> Iterator["psycopg.Connection[Any]"]:
    """A database session beside Django's, to hold locks and to see who waits."""
    name = settings.DATABASES["default"]["NAME"]
    with psycopg.connect(os.environ["MIGRATION_DATABASE_URL"], dbname=name) as session:
        yield session
