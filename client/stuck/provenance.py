"""Where a definition comes from: repository, branch, commit, pull request and who wrote it.

Whoever is named as author may not approve the version. Naming people can only take votes away,
so nothing is gained by saying something else here.
"""

import os
import re
import subprocess
from typing import Dict, List, Mapping
from urllib.parse import urlsplit

_SEPARATOR = "\x1f"
_ADDRESS = re.compile(r"[^\s<>,;]+@[^\s<>,;]+")
_PULL = re.compile(r"refs/pull/([0-9]+)/")
LONGEST = 300


def provenance_of(path: str, environment: Mapping[str, str] = os.environ) -> Dict[str, str]:
    """What git and the build's environment say about a file; empty outside a repository."""
    folder = os.path.dirname(os.path.abspath(path))
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    name, *addresses = _authors(folder, path, environment)
    told = {
        "repository": _without_secrets(_git(folder, "remote", "get-url", "origin")),
        "branch": _branch(folder, environment),
        "commit": commit,
        "pull_request": _pull_request(environment),
        "author_name": name,
        "author_email": ", ".join(addresses),
    }
    return {key: value[:LONGEST] for key, value in told.items() if value}


def _authors(folder: str, path: str, environment: Mapping[str, str]) -> List[str]:
    """The last author's name, then the address of everybody who wrote the change.

    What is not committed yet is by whoever has it in the working tree.
    """
    base = environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
    branch = environment.get("GITHUB_BASE_REF", "")
    since = base or (f"origin/{branch}" if branch else "")
    form = _SEPARATOR.join(["%an", "%ae", "%(trailers:key=Co-authored-by,valueonly)"])
    which = [f"{since}..HEAD"] if since else ["-1"]
    log = _git(folder, "log", *which, f"--format={form}", "--", os.path.abspath(path))
    log = log or _git(folder, "log", "-1", f"--format={form}", "--", os.path.abspath(path))
    addresses = _ADDRESS.findall(log)
    name = log.split(_SEPARATOR)[0]
    if not log or _git(folder, "status", "--porcelain", "--", os.path.abspath(path)):
        name = _git(folder, "config", "user.name")
        addresses.insert(0, _git(folder, "config", "user.email"))
    return [name, *dict.fromkeys(address.lower() for address in addresses if address)]


def _branch(folder: str, environment: Mapping[str, str]) -> str:
    told = environment.get("GITHUB_HEAD_REF") or environment.get("CI_COMMIT_REF_NAME")
    return told or _git(folder, "branch", "--show-current")


def _pull_request(environment: Mapping[str, str]) -> str:
    """The address of the pull or merge request that a build runs for."""
    found = _PULL.match(environment.get("GITHUB_REF", ""))
    if found:
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{environment.get('GITHUB_REPOSITORY', '')}/pull/{found.group(1)}"
    project, number = environment.get("CI_PROJECT_URL"), environment.get("CI_MERGE_REQUEST_IID")
    return f"{project}/-/merge_requests/{number}" if project and number else ""


def _without_secrets(url: str) -> str:
    """A remote's address without the name and password that it may hold."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https", "ssh"}:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _git(folder: str, *words: str) -> str:
    """What git prints; nothing where there is no git, or it has nothing to say."""
    try:
        done = subprocess.run(
            ["git", "-C", folder, *words], capture_output=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", errors="replace").strip()
