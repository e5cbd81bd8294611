"""What the portal's processes read from their environment in development and in tests."""

import base64
import json
import os
import secrets
import shutil
from pathlib import Path

from devtools.places import LOCAL, fail, private_folder

SECRETS = LOCAL / "secrets.json"
RUNNER_KEY = LOCAL / "runner-key"
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def _random_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def new_secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(64),
        "SIGNING_KEY": _random_key(),
        "LINK_KEY": _random_key(),
        "VAPID_KEY": _random_key(),
    }


def kept_secrets(path: Path = SECRETS) -> dict[str, str]:
    """The secrets of this checkout, made at the first start, readable by their owner only.

    What an older checkout did not need yet is made and kept beside them.
    """
    private_folder(path.parent)
    kept: dict[str, str] = {}
    if path.exists():
        try:
            kept = {str(key): str(value) for key, value in json.loads(path.read_text()).items()}
        except ValueError:
            fail(f"{path} is damaged. Remove it: sessions and links made with it end.")
    whole = new_secrets() | kept
    if whole != kept:
        _keep(whole, path)
    return whole


def _keep(whole: dict[str, str], path: Path) -> None:
    fresh = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(whole, file)
    fresh.rename(path)


def browser() -> dict[str, str]:
    found = (shutil.which(name) for name in BROWSERS)
    path = os.environ.get("CHROMIUM") or next(filter(None, found), None)
    return {"CHROMIUM": path} if path else {}


def development(addresses: dict[str, str], port: int) -> dict[str, str]:
    return {
        **os.environ,
        **kept_secrets(),
        **addresses,
        "PORTAL_ENV": "development",
        # The name for people and their passkeys; runners may use the address as well.
        "PORTAL_URL": f"http://localhost:{port}",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "MAILBOX_PATH": str(private_folder(LOCAL / "mail")),
        "SAMPLE_KEY_PATH": str(RUNNER_KEY),
        # Who tries the portal out asks more in an hour than a team does.
        "MAILS_PER_HOUR": os.environ.get("MAILS_PER_HOUR", "60"),
        "PYTHONUNBUFFERED": "1",
    }


def testing(addresses: dict[str, str], home: Path) -> dict[str, str]:
    return {
        **os.environ,
        **new_secrets(),
        **addresses,
        **browser(),
        "PORTAL_ENV": "test",
        "PORTAL_URL": "http://127.0.0.1:8000",
        "MAILBOX_PATH": str(home / "mail"),
    }


def production_like() -> dict[str, str]:
    """A sound production environment, made for `check --deploy`; nothing connects with it."""
    return {
        **{key: value for key, value in os.environ.items() if key != "MAILBOX_PATH"},
        **new_secrets(),
        "PORTAL_ENV": "production",
        "PORTAL_URL": "https://portal.example.org",
        "DATABASE_URL": "postgresql://portal_app:unused@db.example.org/portal",
        "MIGRATION_DATABASE_URL": "postgresql://portal_owner:unused@db.example.org/portal",
        "REDIS_URL": "redis://redis.example.org:6379/0",
        "EMAIL_URL": "smtp+tls://portal:unused@mail.example.org:587",
        "DEFAULT_FROM_EMAIL": "portal@example.org",
    }
