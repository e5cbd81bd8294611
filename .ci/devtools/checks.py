"""`check` and `lock`: everything that can be judged without running the tests."""

import difflib
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from devtools.environment import production_like
from devtools.places import ROOT

LOCK = ROOT / "requirements.lock"
PYPROJECT = ROOT / "pyproject.toml"
OPENAPI = ROOT / "docs" / "openapi.yaml"
MADE_FROM = re.compile(r"^# made from: ([0-9a-f]{64})$", re.MULTILINE)
OLDEST_PYTHON = "3.11"
PYTHON = sys.executable
MANAGE = [PYTHON, str(ROOT / "manage.py")]


class Step(NamedTuple):
    name: str
    command: list[str]
    env: dict[str, str]


def steps(env: dict[str, str], folder: Path) -> Iterator[Step]:
    yield Step("lint", [PYTHON, "-m", "ruff", "check", "."], env)
    yield Step("format", [PYTHON, "-m", "ruff", "format", "--check", "."], env)
    yield Step("types", [PYTHON, "-m", "mypy"], env)
    yield Step("layers", [str(Path(PYTHON).with_name("lint-imports"))], env)
    yield Step("migrations", [*MANAGE, "makemigrations", "--check", "--dry-run"], env)
    schema = ["spectacular", "--validate", "--fail-on-warn", "--file", str(folder / OPENAPI.name)]
    yield Step("API schema", [*MANAGE, *schema], env)
    deploy = ["check", "--deploy", "--fail-level", "WARNING"]
    yield Step("deployment", [*MANAGE, *deploy], production_like())


def run_all(env: dict[str, str], folder: Path) -> int:
    """Every step, whatever the others say. Prints what failed at the end; 1 where any did."""
    failed = []
    for step in steps(env, folder):
        print(f"--- {step.name}", flush=True)
        if subprocess.run(step.command, cwd=ROOT, env=step.env, check=False).returncode:
            failed.append(step.name)
    for name, complaint in (
        ("API document", stale_document(folder / OPENAPI.name)),
        ("lock", stale_lock()),
    ):
        print(f"--- {name}", flush=True)
        if complaint:
            print(complaint)
            failed.append(name)
    print(f"check: failed: {', '.join(failed)}" if failed else "check: everything holds")
    return 1 if failed else 0


def stale_document(fresh: Path) -> str:
    """What differs between the API as it is and docs/openapi.yaml, or nothing."""
    if not fresh.exists():
        return "no schema was made (see above)"
    kept = OPENAPI.read_text().splitlines() if OPENAPI.exists() else []
    changes = difflib.unified_diff(
        kept, fresh.read_text().splitlines(), "kept", "now", n=1, lineterm=""
    )
    lines = [line for _, line in zip(range(60), changes, strict=False)]
    remedy = "python3 dev.py manage spectacular --validate --file docs/openapi.yaml"
    return "\n".join(
        [*lines, f"docs/openapi.yaml is not current. Make it anew: {remedy}"] * bool(lines)
    )


def requirements_digest(pyproject: str) -> str:
    """A digest of what the lock is made from: other changes of pyproject.toml do not matter."""
    read = tomllib.loads(pyproject)
    project = read["project"]
    wanted = [project["requires-python"], project["dependencies"], read["dependency-groups"]]
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def stale_lock() -> str:
    found = MADE_FROM.search(LOCK.read_text())
    if found and found.group(1) == requirements_digest(PYPROJECT.read_text()):
        return ""
    return "requirements.lock does not fit pyproject.toml. Make it anew: python3 dev.py lock"


def make_lock(arguments: list[str]) -> int:
    """Resolve for every Python and platform at once; name hashes, but no index and no path."""
    command = [str(Path(PYTHON).with_name("uv")), "pip", "compile", "-q", "--universal"]
    # without it, what older Pythons than this one need would be left out
    command += ["--python-version", OLDEST_PYTHON]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"]
    command += ["--group", "dev", "--group", "embedded", "pyproject.toml", *arguments]
    status = subprocess.run(
        [*command, "-o", LOCK.name], cwd=ROOT, env=os.environ, check=False
    ).returncode
    if status == 0:
        head = "# Made by: python3 dev.py lock\n# made from: "
        LOCK.write_text(f"{head}{requirements_digest(PYPROJECT.read_text())}\n{LOCK.read_text()}")
    return status
