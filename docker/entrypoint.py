#!/usr/bin/env python3
"""What a container of the portal does.

  web             pages and API
  wait            the same application, for the paths on which runners wait
  worker          sends mail and reminders
  beat            the clock of the reminders: run exactly one
  migrate         brings the database to this version, as its owner
  manage ...      any management command
  health [URL]    asks a health page; the status says whether it answered 200

WEB_PROCESSES and WORKER_PROCESSES (default 2), LISTEN_HOST (0.0.0.0) and LISTEN_PORT (8000)
shape the processes. DATABASE_WAIT_SECONDS (60) is how long the start waits for PostgreSQL.
A secret may come from a file: SECRET_KEY_FILE=/run/secrets/secret_key stands for SECRET_KEY.
"""

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import environ
import psycopg

SECRETS = (
    "SECRET_KEY",
    "SIGNING_KEY",
    "LINK_KEY",
    "VAPID_KEY",
    "CHAT_WEBHOOK_URL",
    "HEALTH_PING_URL",
    "DATABASE_URL",
    "MIGRATION_DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "OIDC_CLIENT_SECRET",
)
HEALTH_SECONDS = 4
# Open requests get this long to end; waiting runners are answered at once (governance.asgi).
GRACE_SECONDS = "20"


def read_secret_files() -> None:
    for name in SECRETS:
        path = os.environ.pop(f"{name}_FILE", None)
        if path:
            try:
                os.environ.setdefault(name, Path(path).read_text().strip())
            except OSError as error:
                sys.exit(f"entrypoint: {name}_FILE cannot be read: {error}")


def whole_number(name: str, default: int) -> int:
    text = os.environ.get(name, "") or str(default)
    if not text.isdecimal() or int(text) < 1:
        sys.exit(f"entrypoint: {name} must be a whole number above 0, not {text!r}.")
    return int(text)


def wait_for_database(name: str = "DATABASE_URL") -> None:
    """Until PostgreSQL lets this role in; an error that names the reason after the limit."""
    try:
        config = environ.Env().db(name)
    except environ.ImproperlyConfigured as error:
        sys.exit(f"entrypoint: {error}")
    wanted = {
        "dbname": config["NAME"],
        "user": config["USER"],
        "password": config["PASSWORD"],
        "host": config["HOST"],
        "port": config["PORT"],
        **config.get("OPTIONS", {}),
    }
    given = {key: value for key, value in wanted.items() if value}
    until = time.monotonic() + whole_number("DATABASE_WAIT_SECONDS", 60)
    while True:
        try:
            psycopg.connect(**given, connect_timeout=3).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                sys.exit(f"entrypoint: the database of {name} cannot be reached: {error}")
        time.sleep(0.5)


def become(*command: str) -> NoReturn:
    """Take this process over, so that signals reach the program itself."""
    sys.stdout.flush()
    os.execvp(command[0], command)  # noqa: S606  # no shell is wanted


def serve(processes: int) -> NoReturn:
    """ASGI without an access log: paths of review links hold their tokens."""
    wait_for_database()
    become(
        *("uvicorn", "governance.asgi:application"),
        *("--host", os.environ.get("LISTEN_HOST", "0.0.0.0")),  # noqa: S104  # a container's
        *("--port", str(whole_number("LISTEN_PORT", 8000))),
        *("--workers", str(processes), "--timeout-graceful-shutdown", GRACE_SECONDS),
        *("--no-access-log", "--no-server-header", "--no-proxy-headers"),
        # Longer than the proxy keeps an idle connection, so that it is not closed under it.
        *("--timeout-keep-alive", "75"),
        # A process that starts on a busy machine is slow to answer, and not to be killed for it.
        *("--timeout-worker-healthcheck", "60"),
    )


def web() -> NoReturn:
    serve(whole_number("WEB_PROCESSES", 2))


def wait() -> NoReturn:
    # One event loop holds thousands of waiting runners.
    serve(1)


def worker() -> NoReturn:
    wait_for_database()
    processes = str(whole_number("WORKER_PROCESSES", 2))
    become(
        *("celery", "-A", "governance", "worker", "--loglevel", "INFO"),
        *("--concurrency", processes, "--without-gossip", "--without-mingle"),
    )


def beat() -> NoReturn:
    wait_for_database()
    become(
        *("celery", "-A", "governance", "beat", "--loglevel", "INFO"),
        *("--schedule", "/tmp/beat-schedule", "--pidfile", ""),  # noqa: S108  # a tmpfs
    )


def migrate() -> NoReturn:
    wait_for_database(
        "MIGRATION_DATABASE_URL" if "MIGRATION_DATABASE_URL" in os.environ else "DATABASE_URL"
    )
    become("python", "manage.py", "migrate", "--noinput")


def manage(*arguments: str) -> NoReturn:
    wait_for_database()
    become("python", "manage.py", *arguments)


def health(url: str = "") -> NoReturn:
    """Ask under the portal's own name: the application refuses every other."""
    url = url or f"http://127.0.0.1:{whole_number('LISTEN_PORT', 8000)}/health/live"
    host = os.environ.get("PORTAL_URL", "").rstrip("/").rpartition("/")[2]
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=HEALTH_SECONDS) as answer:  # noqa: S310
            print(answer.read().decode())
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code}: {error.read().decode()}")
    except OSError as error:
        sys.exit(str(error))
    sys.exit(0)


# The argument counts that make sense: a word too much is a mistake worth an error.
COMMANDS: dict[str, tuple[Callable[..., NoReturn], int]] = {
    "web": (web, 0),
    "wait": (wait, 0),
    "worker": (worker, 0),
    "beat": (beat, 0),
    "migrate": (migrate, 0),
    "manage": (manage, 1000),
    "health": (health, 1),
}


def main(arguments: list[str]) -> NoReturn:
    name, *rest = arguments or [""]
    if name not in COMMANDS or len(rest) > COMMANDS[name][1]:
        print(f"entrypoint: {' '.join(arguments)!r} is no command.\n{__doc__}", file=sys.stderr)
        sys.exit(64)
    read_secret_files()
    COMMANDS[name][0](*rest)


if __name__ == "__main__":
    main(sys.argv[1:])
