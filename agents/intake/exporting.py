"""The newest versions of a family, byte for byte, with the names their files came with."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from django.db.models import QuerySet

from agents.intake.archives import safe_path
from agents.models import AgentVersion, Family, newest_version
from governance.base.canonical import stamp
from governance.base.errors import NotThere, Refusal

MANIFEST = "manifest.json"
# The same versions give the same archive.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def export_family(slug: str, *, at: datetime) -> bytes:
    """A zip of a family; ``manifest.json`` in it names every file's sha256."""
    family = Family.objects.filter(slug=slug).first()
    if family is None:
        raise NotThere("There is no such family.", code="unknown_family")
    file = io.BytesIO()
    told = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for version, path in _named(newest_of(family)):
            archive.writestr(_entry(path), bytes(version.raw))
            told.append(_told(version, path))
        manifest = {"family": family.slug, "name": family.name, "at": stamp(at), "files": told}
        archive.writestr(_entry(MANIFEST), json.dumps(manifest, indent=2, ensure_ascii=False))
    return file.getvalue()


def newest_of(family: Family) -> QuerySet[AgentVersion]:
    versions = AgentVersion.objects.filter(
        agent__family=family, sequence=newest_version("sequence", of="agent")
    )
    return versions.select_related("agent").order_by("agent__slug")


def _named(versions: QuerySet[AgentVersion]) -> Iterator[tuple[AgentVersion, str]]:
    """Each version with a path of its own: that of its file, else one of its agent."""
    taken = {MANIFEST}
    fields = ("raw", "sha256", "sequence", "filename", "agent__slug")
    for version in versions.only(*fields).iterator(chunk_size=100):
        path = _path(version)
        if path.casefold() in taken:
            path = f"{version.agent.slug}/{PurePosixPath(path).name}"
        taken.add(path.casefold())
        yield version, path


def _path(version: AgentVersion) -> str:
    try:
        return safe_path(version.filename) or f"{version.agent.slug}.md"
    except Refusal:
        return f"{version.agent.slug}.md"


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, _LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _told(version: AgentVersion, path: str) -> dict[str, Any]:
    return {
        "path": path,
        "agent": version.agent.slug,
        "version": version.sequence,
        "came_as": version.filename,
        "bytes": len(version.raw),
        "sha256": version.sha256,
    }
