"""requirements.lock fits pyproject.toml, and serves everywhere: no host, no path, all Pythons."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devtools.checks import LOCK, PYPROJECT, requirements_digest, stale_lock

PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)
HASHED = re.compile(
    r"^[a-z0-9][a-z0-9._-]*==[^\n]*\\\n(?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", re.MULTILINE
)


def lock() -> str:
    return LOCK.read_text()


def wanted() -> list[Requirement]:
    read = tomllib.loads(PYPROJECT.read_text())
    groups = read["dependency-groups"].values()
    return [
        Requirement(line)
        for line in [*read["project"]["dependencies"], *(one for group in groups for one in group)]
    ]


def test_the_lock_was_made_from_the_dependencies_as_they_are():
    assert stale_lock() == ""


@pytest.mark.parametrize("requirement", wanted(), ids=lambda one: one.name)
def test_every_dependency_is_pinned_within_its_range(requirement):
    pinned = {canonicalize_name(name): version for name, version in PINNED.findall(lock())}

    assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


def test_every_pin_has_hashes():
    assert len(HASHED.findall(lock())) == len(PINNED.findall(lock())) > 50


def test_the_lock_names_no_host_and_no_path():
    assert not re.findall(r"://|--index|--find-links|(?:^|\s)/\w+", lock())


def test_the_lock_serves_the_oldest_python_whichever_made_it():
    assert re.search(r"^async-timeout==\S+ ; python_full_version < '3\.11\.3'", lock(), re.M)


def test_the_digest_changes_with_a_dependency_and_with_nothing_else():
    before = PYPROJECT.read_text()

    assert requirements_digest(before.replace("line-length = 100", "line-length = 99")) == (
        requirements_digest(before)
    )
    assert requirements_digest(before.replace("django>=5.2.19", "django>=5.2.20")) != (
        requirements_digest(before)
    )
