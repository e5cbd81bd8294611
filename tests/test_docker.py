"""docker/ without a container engine: what its files promise, and what production refuses.

Building and running the image is `docker/prove.py`.
"""

import ast
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.environment import production_like
from devtools.places import ROOT
from escalations.waiting import handles

DOCKER = ROOT / "docker"
GUIDE = ROOT / "docs/operator-guide.md"
READERS = {"str", "bool", "int", "list", "db", "email", "secret", "key_bytes", "url", "endpoint"}
OWN = {"web", "wait", "worker", "beat", "migrate", "manage"}
ONE_SHOT = {"migrate", "manage"}


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DOCKER / "compose.yaml").read_text()))


def services() -> dict[str, dict[str, Any]]:
    return dict(compose()["services"])


def settings_read() -> dict[str, bool]:
    """Each environment variable that the settings read, and whether it may be left out."""
    tree = ast.parse((ROOT / "governance/settings.py").read_text())
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        first = node.args[0]
        if name in READERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            optional = any(keyword.arg == "default" for keyword in node.keywords)
            found[first.value] = found.get(first.value, False) or optional
    return {name: optional for name, optional in found.items() if name.isupper()}


def guide_table() -> set[str]:
    section = GUIDE.read_text().split("\n## Settings\n")[1].split("\nThe container adds")[0]
    return set(re.findall(r"^\| `([A-Z_]+)` \|", section, re.MULTILINE))


def manage(*arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    env = {**production_like(), **changes}
    given = {key: value for key, value in env.items() if value is not None}
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env=given, capture_output=True, text=True, cwd=ROOT, timeout=120)


def entrypoint(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DOCKER / "entrypoint.py"), *arguments],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


# --- the guide and the settings ---------------------------------------------------------------


def test_the_guide_describes_exactly_the_settings_that_are_read():
    assert guide_table() == set(settings_read())


def test_compose_gives_every_setting_that_production_requires():
    required = {name for name, optional in settings_read().items() if not optional}
    # The second of each pair is required once the first is given.
    required |= {"EMAIL_URL", "DEFAULT_FROM_EMAIL", "PORTAL_ENV", "BEHIND_PROXY"}

    for name in OWN:
        assert required <= set(services()[name]["environment"]), name


def test_compose_gives_only_settings_that_somebody_reads():
    read = set(settings_read()) | {"WEB_PROCESSES", "WORKER_PROCESSES", "DATABASE_WAIT_SECONDS"}

    for name in OWN:
        assert set(services()[name]["environment"]) <= read, name


def test_compose_passes_on_every_setting_that_fits_a_container():
    # Refused in production, or settled by the image and the proxy.
    left_out = {"DEBUG", "MAILBOX_PATH", "STATIC_ROOT", "SECURE_SSL_REDIRECT"}
    owners = {"MIGRATION_DATABASE_URL"}

    assert set(settings_read()) - left_out - owners <= set(services()["web"]["environment"])


def test_only_migrate_knows_the_owner_of_the_database():
    knowing = {
        name
        for name, service in services().items()
        if "OWNER_PASSWORD" in str(service) or "portal_owner" in str(service)
    }

    assert knowing == {"migrate", "postgres"}


# --- compose ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(services()))
def test_every_container_is_hardened(name):
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert "privileged" not in service


@pytest.mark.parametrize("name", sorted(set(services()) - ONE_SHOT))
def test_every_lasting_container_restarts_and_is_watched(name):
    service = services()[name]

    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]


def test_only_the_proxy_is_reached_from_outside_and_nothing_else_unless_on_loopback():
    published = {
        name: [str(port) for port in service["ports"]]
        for name, service in services().items()
        if "ports" in service
    }

    assert set(published) == {"proxy", "mailbox"}
    assert all(port.startswith("127.0.0.1:") for port in published["mailbox"])
    assert services()["mailbox"]["profiles"] == ["trial"]


def test_the_servers_are_in_a_network_without_an_outside():
    assert compose()["networks"]["inner"] == {"internal": True}
    assert services()["postgres"]["networks"] == services()["valkey"]["networks"] == ["inner"]


def test_the_portal_starts_after_its_migrations():
    for name in ("web", "wait", "worker", "beat"):
        condition = services()[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully", name


def test_every_variable_that_compose_demands_is_made_by_up(tmp_path):
    demanded = set(re.findall(r"\$\{([A-Z_]+):\?", (DOCKER / "compose.yaml").read_text()))

    assert demanded <= set(made_by_up(tmp_path))


def test_no_image_is_without_a_version():
    images = [service["image"] for service in services().values()]

    assert all(re.search(r":(?!latest)[^:/}]+\}$", image) for image in images), images


# --- docker/up --------------------------------------------------------------------------------


def up(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = folder / "up"
    if not script.exists():
        script.write_text((DOCKER / "up").read_text())
    command = ["sh", str(script), "--no-start", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def made_by_up(folder: Path, *arguments: str) -> dict[str, str]:
    done = up(folder, *arguments)
    assert done.returncode == 0, done.stderr
    lines = (folder / ".env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: value.strip("'") for name, value in pairs}


def test_up_makes_settings_that_production_accepts(tmp_path):
    made = made_by_up(tmp_path, "--domain", "portal.example.org", "--mail", "smtp://mail:25")
    read = settings_read()
    given = {name: value for name, value in made.items() if name in read}

    checked = manage("check", "--deploy", "--fail-level", "WARNING", **given)

    assert checked.returncode == 0, checked.stderr
    assert made["PORTAL_URL"] == "https://portal.example.org"


def test_up_makes_secrets_that_only_their_owner_reads_and_never_twice(tmp_path):
    first = made_by_up(tmp_path)
    mode = stat.S_IMODE((tmp_path / ".env").stat().st_mode)

    assert mode == 0o600
    assert made_by_up(tmp_path) == first
    assert up(tmp_path, "--domain", "elsewhere.example.org").returncode != 0
    secrets = [value for name, value in first.items() if name.endswith(("_KEY", "_PASSWORD"))]
    assert len(set(secrets)) == len(secrets) == 8


def test_a_trial_stays_on_this_machine(tmp_path):
    made = made_by_up(tmp_path)

    assert made["PORTAL_BIND"] == "127.0.0.1"
    assert made["COMPOSE_PROFILES"] == "trial"
    assert made["SECURE_HSTS_SECONDS"] == "0"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--domain", "portal.example.org"),
        ("--mail",),
        ("--mail", "smtp://u:$(id)@m"),
        ("--from", "it's"),
        ("--unknown",),
    ],
)
def test_up_refuses_what_it_cannot_write_safely(tmp_path, arguments):
    assert up(tmp_path, *arguments).returncode != 0
    assert not (tmp_path / ".env").exists()


# --- the image --------------------------------------------------------------------------------


def instructions() -> list[str]:
    text = re.sub(r"^\s*#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def test_everything_installed_is_pinned_with_hashes():
    installing = [line for line in instructions() if re.search(r"\binstall\b", line)]

    assert len(installing) == 2
    for line in installing:
        assert line.count(" install ") == line.count("--require-hashes") == 1
        assert "requirements.lock" in line


def test_the_image_runs_without_root_and_watches_itself():
    names = [line.split()[0] for line in instructions()]

    assert [line for line in instructions() if line.startswith("USER")] == ["USER 10001:10001"]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "HEALTHCHECK" in names


def test_the_builder_sees_all_that_is_copied_and_nothing_else():
    copied = {
        part
        for line in instructions()
        if line.startswith("COPY") and "--from" not in line
        for part in line.split()[1:-1]
    }
    lines = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()

    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert all((ROOT / path).exists() for path in copied)


# --- the entrypoint ---------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("serve",), ("web", "now"), ("health", "a", "b")])
def test_an_unknown_command_is_refused_with_the_list(arguments):
    done = entrypoint(*arguments)

    assert done.returncode == 64
    assert "is no command" in done.stderr
    assert "migrate" in done.stderr


def test_a_start_without_a_database_ends_with_the_reason():
    done = entrypoint(
        "web",
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/portal",
        DATABASE_WAIT_SECONDS="1",
    )

    assert done.returncode == 1
    assert "the database of DATABASE_URL cannot be reached" in done.stderr


def test_a_secret_is_read_from_its_file(tmp_path):
    (tmp_path / "url").write_text("postgresql://from-file@127.0.0.1:1/portal\n")

    done = entrypoint("web", DATABASE_URL_FILE=str(tmp_path / "url"), DATABASE_WAIT_SECONDS="1")

    assert "cannot be reached" in done.stderr
    missing = entrypoint("web", DATABASE_URL_FILE=str(tmp_path / "none"))
    assert "DATABASE_URL_FILE cannot be read" in missing.stderr


def test_health_fails_where_nothing_answers():
    assert entrypoint("health", "http://127.0.0.1:1/health/live").returncode != 0


# --- the proxy --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/escalations/ESC-12/wait/",
        "/api/v1/escalations/12/wait/",
        "/api/v1/escalations/ESC-12/events/",
        "/api/v1/escalations/ESC-12/",
        "/api/v1/escalations/ESC-12/wait/more/",
        "/api/v1/escalations/",
        "/escalations/ESC-12/",
        "/account/login/",
    ],
)
@pytest.mark.parametrize("source", ["docker/Caddyfile", "docs/operator-guide.md"])
def test_the_proxy_sends_to_wait_what_wait_serves(path, source):
    found = re.search(r"(?:path_regexp|location ~) (\S+)", (ROOT / source).read_text())

    assert found
    assert bool(re.search(found.group(1), path)) == handles(path)


# --- production -------------------------------------------------------------------------------


def test_production_starts_with_sound_values():
    checked = manage("check", "--deploy", "--fail-level", "WARNING")

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"DEBUG": "true"}, "DEBUG=true is refused in production"),
        ({"PORTAL_URL": "http://portal.example.org"}, "PORTAL_URL must be https in production"),
        ({"PORTAL_ENV": "prod"}, "PORTAL_ENV must be development, test or production"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short"),
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"SIGNING_KEY": "AAAA"}, "SIGNING_KEY must hold 32 bytes"),
        ({"LINK_KEY": None}, "LINK_KEY"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS must not hold *"),
        ({"DATABASE_URL": "sqlite:///portal.db"}, "DATABASE_URL must name a PostgreSQL database"),
        ({"MAILBOX_PATH": "mail"}, "MAILBOX_PATH is refused in production"),
        ({"EMAIL_URL": "consolemail://"}, "EMAIL_URL must name an SMTP server"),
        ({"EMAIL_URL": None}, "EMAIL_URL must name an SMTP server"),
        ({"VAPID_KEY": "AAAA"}, "VAPID_KEY must hold 32 bytes"),
        ({"VAPID_KEY": "A" * 43}, "VAPID_KEY is no P-256 key"),
        ({"CHAT_WEBHOOK_URL": "http://chat.example.org/"}, "CHAT_WEBHOOK_URL must start with"),
        ({"HEALTH_PING_URL": "hc.example.org/ping"}, "HEALTH_PING_URL must start with https://"),
        ({"AUDIT_SECONDS": "1"}, "AUDIT_SECONDS must be at least 5"),
    ],
    ids=str,
)
def test_production_refuses_an_insecure_value(changes, sentence):
    checked = manage("check", "--deploy", **changes)

    assert checked.returncode != 0
    assert sentence in checked.stderr
