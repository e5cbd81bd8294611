"""dev.py and devtools: which Python, which servers, where, and what they refuse."""

import importlib.util
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from devtools import checks, commands, environment, places, processes, programs, servers


@pytest.fixture(scope="module")
def dev():
    spec = importlib.util.spec_from_file_location("dev", places.ROOT / "dev.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["dev"] = module  # typing.NamedTuple looks its module up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["dev"]


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def python_that_prints(folder: Path, answer: str) -> str:
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return str(path)


# --- the interpreter -------------------------------------------------------------------------


def test_this_interpreter_fits(dev):
    assert dev.probe(sys.executable).version == sys.version_info[:2]


@pytest.mark.parametrize(
    "answer", ["3 10 1 1 1", "3 15 1 1 1", "2 7 1 1 1", "3 13 0 1 1", "pyenv: not selected", ""]
)
def test_an_interpreter_of_another_version_or_kind_does_not_fit(dev, tmp_path, answer):
    assert dev.probe(python_that_prints(tmp_path, answer)) is None


def test_an_interpreter_that_does_not_run_does_not_fit(dev, tmp_path):
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)

    assert dev.probe(str(shim)) is None
    assert dev.probe(str(tmp_path / "absent")) is None


def test_the_newest_fitting_interpreter_is_taken(dev, tmp_path, monkeypatch):
    answers = {"old": "3 10 1 1 1", "good": "3 11 1 1 1", "best": "3 14 1 0 0", "new": "3 15 1 1 1"}
    paths = {}
    for name, answer in answers.items():
        (tmp_path / name).mkdir()
        paths[name] = python_that_prints(tmp_path / name, answer)
    monkeypatch.setattr(dev, "candidates", lambda: iter(paths.values()))

    assert [one.path for one in dev.interpreters()] == [paths["best"], paths["good"]]


def test_no_fitting_interpreter_says_which_are(dev):
    with pytest.raises(SystemExit, match=r"3\.11 to 3\.14 is needed"):
        dev.no_interpreter()


def test_without_venv_an_ordinary_user_is_told_the_one_command(dev, monkeypatch):
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(dev.shutil, "which", lambda name: f"/usr/bin/{name}")

    with pytest.raises(SystemExit, match=r"sudo apt-get install .* python3\.11-venv"):
        dev.install_debian_venv(dev.Interpreter("/usr/bin/python3", (3, 11), False, False))


def test_musl_is_refused(dev, monkeypatch):
    monkeypatch.setattr(dev.sysconfig, "get_config_var", lambda name: "x86_64-alpine-linux-musl")

    with pytest.raises(SystemExit, match="musl"):
        dev.refuse_musl()


def test_the_bootstrap_parses_on_python_3_8(dev):
    source = Path(dev.__file__).read_text()

    compile(source, "dev.py", "exec", dont_inherit=True)
    assert not re.search(r"^\s*match |\w: \w+ \| |-> \w+ \| |\blist\[|\bdict\[", source, re.M)


# --- the virtual environment -----------------------------------------------------------------


def test_uv_is_installed_as_the_lock_pins_it(dev):
    lines = dev.pinned_uv().splitlines()

    assert lines[0].startswith("uv==")
    assert len(lines) > 5
    assert all("--hash=sha256:" in line for line in lines[1:])


def test_the_environment_is_ready_only_for_this_very_lock(dev, tmp_path, monkeypatch):
    monkeypatch.setattr(dev, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(dev, "LOCK", tmp_path / "lock")
    dev.LOCK.write_text("a==1\n")
    assert not dev.is_ready()

    dev.STAMP.write_text(dev.lock_digest())
    assert dev.is_ready()

    dev.LOCK.write_text("a==2\n")
    assert not dev.is_ready()


def test_uv_is_given_the_index_and_certificates_that_pip_is_configured_with(
    dev, tmp_path, monkeypatch
):
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://mirror.test/simple\ncert = /certs.pem\n")
    for name in ("PIP_INDEX_URL", "PIP_CERT", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))

    assert dev.uv_environment()["UV_DEFAULT_INDEX"] == "https://mirror.test/simple"
    assert dev.uv_environment()["SSL_CERT_FILE"] == "/certs.pem"

    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://own.test/simple")
    assert dev.uv_environment()["UV_DEFAULT_INDEX"] == "https://own.test/simple"


# --- places ----------------------------------------------------------------------------------


def test_a_private_folder_is_for_its_owner_only(tmp_path):
    folder = places.private_folder(tmp_path / "a" / "b")

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_symlink_is_no_private_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SystemExit, match="belongs to somebody else"):
        places.private_folder(tmp_path / "link")


def test_sockets_go_beside_the_data_where_the_path_is_short(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "LONGEST_SOCKET_PATH", 1000)

    assert places.socket_folder(tmp_path, None) == tmp_path / "s"


def test_sockets_go_to_a_short_private_folder_where_the_path_is_long(tmp_path):
    deep = tmp_path / ("x" * 100)

    folder = places.socket_folder(deep, None)

    assert len(str(folder / places.LONGEST_SOCKET_NAME)) <= places.LONGEST_SOCKET_PATH
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder != places.socket_folder(tmp_path / ("y" * 100), None)
    folder.rmdir()
    places.socket_folder(tmp_path / ("y" * 100), None).rmdir()


def test_root_starts_servers_as_somebody_else(monkeypatch):
    monkeypatch.setattr(places.os, "geteuid", lambda: 0)

    account = places.server_account()

    assert account
    assert account.name in ("postgres", "nobody")
    assert account.uid != 0


def test_an_ordinary_user_starts_servers_as_oneself(monkeypatch):
    monkeypatch.setattr(places.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(places.pwd, "getpwuid", lambda uid: object())

    assert places.server_account() is None


def test_a_user_without_an_entry_is_told_so(monkeypatch):
    def no_entry(uid):
        raise KeyError(uid)

    monkeypatch.setattr(places.os, "geteuid", lambda: 12345)
    monkeypatch.setattr(places.pwd, "getpwuid", no_entry)

    with pytest.raises(SystemExit, match="user id 12345 has no entry"):
        places.server_account()


def test_a_folder_of_a_killed_test_run_is_abandoned_and_one_in_use_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "YOUNGEST_ABANDONED", -1)
    monkeypatch.setattr(places.tempfile, "gettempdir", lambda: str(tmp_path))
    killed = tmp_path / f"{places.THROW_AWAY}killed"
    killed.mkdir()
    (killed / "in-use").touch()

    with places.throw_away_home(None) as home:
        assert places.abandoned_homes(None) == [killed]
    assert not home.exists()


# --- servers ---------------------------------------------------------------------------------


def test_given_servers_are_used_and_nothing_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db.test/portal")
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://owner@db.test/portal")
    monkeypatch.setenv("REDIS_URL", "redis://redis.test/0")
    cluster = servers.Cluster(tmp_path, None, lasting=False)

    servers.start(cluster)

    assert list(tmp_path.iterdir()) == []
    assert servers.addresses(cluster) == {
        "DATABASE_URL": "postgresql://app@db.test/portal",
        "MIGRATION_DATABASE_URL": "postgresql://owner@db.test/portal",
        "REDIS_URL": "redis://redis.test/0",
    }


def test_embedded_servers_have_two_roles_and_no_port(tmp_path, monkeypatch):
    for name in ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(places, "LONGEST_SOCKET_PATH", 1000)

    told = servers.addresses(servers.Cluster(tmp_path, None, lasting=True))

    assert told["DATABASE_URL"] == f"postgresql://portal_app@/portal?host={tmp_path}/s"
    assert told["MIGRATION_DATABASE_URL"] == f"postgresql://portal_owner@/portal?host={tmp_path}/s"
    assert told["REDIS_URL"] == f"unix://{tmp_path}/s/valkey.sock"


def test_no_postgresql_says_what_to_install(monkeypatch):
    monkeypatch.delenv("POSTGRES_BIN", raising=False)
    monkeypatch.setattr(programs, "wheel_postgres", lambda: None)
    monkeypatch.setattr(programs, "system_postgres", lambda: None)

    with pytest.raises(SystemExit, match="apt-get install postgresql.* or set DATABASE_URL"):
        programs.find_postgres()


def test_a_postgresql_older_than_15_is_not_taken(tmp_path, monkeypatch):
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.2'\n")
    program.chmod(0o755)
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))

    with pytest.raises(SystemExit, match="no PostgreSQL 15 or newer"):
        programs.find_postgres()


def test_no_valkey_says_what_to_install(monkeypatch):
    monkeypatch.setattr(programs, "package_folder", lambda name: None)
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)

    with pytest.raises(SystemExit, match="apt-get install redis-server"):
        programs.find_valkey()


def test_data_of_another_major_version_stops_with_instructions(tmp_path):
    (tmp_path / "PG_VERSION").write_text("15\n")

    servers.check_version(tmp_path, 15)
    with pytest.raises(SystemExit, match="made by PostgreSQL 15, and this is 18"):
        servers.check_version(tmp_path, 18)


def test_a_pid_file_that_names_somebody_elses_process_is_no_server(tmp_path, sleeper):
    (tmp_path / "postmaster.pid").write_text(f"{sleeper.pid}\n{tmp_path}\n")

    assert servers.postgres_pid(tmp_path) is None

    servers.stop_postgres(servers.Cluster(tmp_path.parent, None, lasting=True))
    assert sleeper.poll() is None


# --- processes -------------------------------------------------------------------------------


def test_an_orphan_of_a_killed_run_is_ended(tmp_path):
    orphan = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    record = tmp_path / "processes.json"
    processes.remember(record, [orphan.pid])

    assert processes.stop_orphans(record) == 1
    assert orphan.wait(10) in (-signal.SIGTERM, -signal.SIGKILL)
    orphan.communicate()
    assert not record.exists()


def test_a_process_that_has_the_pid_of_an_orphan_by_now_is_left_alone(tmp_path, sleeper):
    record = tmp_path / "processes.json"
    record.write_text(json.dumps({str(sleeper.pid): "another time"}))

    assert processes.stop_orphans(record) == 0
    assert sleeper.poll() is None


def test_a_damaged_or_absent_record_names_no_orphan(tmp_path):
    assert processes.stop_orphans(tmp_path / "absent") == 0
    (tmp_path / "damaged").write_text("{")
    assert processes.stop_orphans(tmp_path / "damaged") == 0


def test_one_process_that_ends_ends_the_group_with_its_status(tmp_path):
    lines = []
    group = processes.Group(tmp_path / "record", lambda name, line: lines.append((name, line)))
    waiting = [sys.executable, "-c", "import time; time.sleep(60)"]
    group.start("web", waiting, dict(os.environ))
    group.start("beat", [sys.executable, "-c", "print('oh'); exit(3)"], dict(os.environ))

    assert group.wait() == ("beat", 3)
    group.stop()

    assert ("beat", "oh") in lines
    assert all(process.poll() is not None for process in group.processes.values())
    assert not group.record.exists()


# --- commands --------------------------------------------------------------------------------


@pytest.fixture
def local(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "LOCAL", tmp_path)
    monkeypatch.setattr(commands, "RUN_FILE", tmp_path / "run.json")
    return tmp_path


def test_a_second_run_is_refused_and_told_where_the_first_is(local):
    with commands.only_run(8123):
        assert commands.running() == {"pid": os.getpid(), "port": 8123}
        refusal = pytest.raises(SystemExit, match=rf"process {os.getpid()} on .*:8123")
        with refusal, commands.only_run(8124):
            pass


def test_a_run_that_ended_or_was_killed_does_not_block_the_next(local):
    with commands.only_run(8123):
        pass
    (local / "run.json").write_text('{"pid": 1, "port": 8123}')

    assert commands.running() is None
    with commands.only_run(8124):
        assert commands.running() == {"pid": os.getpid(), "port": 8124}


def test_a_port_in_use_is_refused_before_anything_starts():
    with socket.create_server((commands.HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SystemExit, match=f"port {port} cannot be used"):
            commands.check_port(port)
    commands.check_port(port)


def test_the_portal_listens_on_loopback_only():
    web = commands.portal_processes(8123)["web"]

    assert web[web.index("--host") + 1] == "127.0.0.1"
    assert web[web.index("--port") + 1] == "8123"


def test_the_demo_needs_a_running_portal(local):
    with pytest.raises(SystemExit, match="not running"):
        commands.demo([])


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit, match="no command 'rum'"):
        commands.main(["rum"])
    assert "run [--port N]" in capsys.readouterr().err


# --- environment -----------------------------------------------------------------------------


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path):
    path = tmp_path / "local" / "secrets.json"

    made = environment.kept_secrets(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert environment.kept_secrets(path) == made
    assert environment.new_secrets() != made


def test_a_secret_that_an_older_checkout_did_not_need_is_added_to_the_others(tmp_path):
    path = tmp_path / "secrets.json"
    path.write_text('{"LINK_KEY": "kept"}')

    whole = environment.kept_secrets(path)

    assert whole["LINK_KEY"] == "kept"
    assert set(whole) == set(environment.new_secrets())
    assert environment.kept_secrets(path) == whole


def test_damaged_secrets_are_named(tmp_path):
    (tmp_path / "secrets.json").write_text("{")

    with pytest.raises(SystemExit, match=r"secrets\.json is damaged"):
        environment.kept_secrets(tmp_path / "secrets.json")


def test_tests_get_fresh_secrets_and_no_mailbox_of_the_checkout(tmp_path):
    first, second = (environment.testing({}, tmp_path) for _ in range(2))

    assert first["PORTAL_ENV"] == "test"
    assert first["SECRET_KEY"] != second["SECRET_KEY"]
    assert first["MAILBOX_PATH"].startswith(str(tmp_path))


def test_the_deployment_check_sees_a_production_environment():
    env = environment.production_like()

    assert env["PORTAL_ENV"] == "production"
    assert env["PORTAL_URL"].startswith("https://")
    assert "MAILBOX_PATH" not in env


# --- checks ----------------------------------------------------------------------------------


def test_an_api_document_that_differs_is_shown_with_the_remedy(tmp_path, monkeypatch):
    (tmp_path / "kept.yaml").write_text("a: 1\nb: 2\n")
    (tmp_path / "fresh.yaml").write_text("a: 1\nb: 3\n")
    monkeypatch.setattr(checks, "OPENAPI", tmp_path / "kept.yaml")

    complaint = checks.stale_document(tmp_path / "fresh.yaml")

    assert "-b: 2\n+b: 3" in complaint
    assert "manage spectacular" in complaint
    assert checks.stale_document(tmp_path / "kept.yaml") == ""
    assert checks.stale_document(tmp_path / "absent.yaml") != ""


def test_every_check_runs_and_one_that_fails_fails_all(tmp_path, monkeypatch, capfd):
    ran = [
        checks.Step(name, [sys.executable, "-c", f"print('{name} ran'); exit({status})"], {})
        for name, status in (("first", 1), ("second", 0))
    ]
    monkeypatch.setattr(checks, "steps", lambda env, folder: iter(ran))
    monkeypatch.setattr(checks, "stale_document", lambda fresh: "")
    monkeypatch.setattr(checks, "stale_lock", lambda: "")

    assert checks.run_all({}, tmp_path) == 1
    shown = capfd.readouterr().out
    assert "second ran" in shown
    assert "check: failed: first\n" in shown


# --- the suite -------------------------------------------------------------------------------


@pytest.fixture
def runs(monkeypatch):
    """The calls of pytest that a test run makes, and what each of them answers."""
    made, answers = [], {}

    @contextmanager
    def no_cluster():
        yield SimpleNamespace(home=Path("/nowhere"))

    def call(command, env):
        made.append(command[3:])
        return answers.get("alone" if "alone" in command else "together", 0)

    monkeypatch.setattr(commands, "throw_away_cluster", no_cluster)
    monkeypatch.setattr(commands, "addresses", lambda *_, **__: {})
    monkeypatch.setattr(commands.environment, "testing", lambda *_: {})
    monkeypatch.setattr(commands, "call", call)
    monkeypatch.setattr(commands.os, "cpu_count", lambda: 2)
    return made, answers


def test_the_whole_suite_runs_on_every_processor_after_what_must_run_alone(runs):
    made, _ = runs
    assert commands.test(["-q"]) == 0
    assert made[0] == ["-q", "-m", "alone"]
    assert made[1] == ["-q", "-m", "not alone", "-n", "2", "--dist", "worksteal"]


@pytest.mark.parametrize("failing", ["alone", "together"])
def test_a_failure_in_either_part_is_a_failure(runs, failing):
    _, answers = runs
    answers[failing] = 1
    assert commands.test([]) == 1


@pytest.mark.parametrize("arguments", [["tests/base"], ["-k", "seed"], ["-n", "2"], ["-m", "e2e"]])
def test_anything_else_is_one_run_as_it_was_said(runs, arguments):
    made, _ = runs
    commands.test(arguments)
    assert made == [arguments]
