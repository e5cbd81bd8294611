"""To which family and agent each file of a run goes, as far as its run and its bytes tell."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from django.utils.text import slugify

from agents.importing import Reading, shortened, storable
from agents.intake.archives import Incoming
from agents.models import Agent, AgentVersion, newest_version
from governance.base.canonical import sha256_hex
from governance.base.errors import Conflict

HELD = (
    "agent__slug",
    "agent__name",
    "agent__family__slug",
    "filename",
    "sequence",
    "change_class",
    "findings",
)
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that the portal has already: the newest version of an agent."""

    slug: str
    name: str
    family: str
    filename: str
    sequence: int
    change_class: str
    findings: list[dict[str, Any]]


@dataclass(slots=True)
class Places:
    """What is known before and during a run; ``claimed`` tells which file was which agent."""

    held: dict[str, list[Held]]
    claimed: dict[str, str] = field(default_factory=dict)
    seen: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)

    def same_bytes(self, digest: str, *, slug: str) -> str:
        """The other agent that has these bytes, or empty."""
        others = sorted(one.slug for one in self.held.get(digest, ()) if one.slug != slug)
        in_run = self.seen.get(digest)
        if in_run and in_run[1] != slug:
            return in_run[1]
        return others[0] if others else ""

    def unchanged(self, file: Incoming, digest: str, family: str) -> Held | None:
        """The newest version that this very file is already, in this place."""
        name = stored(file.path)
        for one in self.held.get(digest, ()):
            is_its_own = bool(family) or one.slug == slugify(one.name)
            if one.filename == name and family in ("", one.family) and is_its_own:
                return one
        return None


def places_for(files: Iterable[Incoming]) -> Places:
    """What the portal holds of these bytes, in one query."""
    given = [file for file in files if file.raw]
    digests = {sha256_hex(file.raw) for file in given}
    found = AgentVersion.objects.filter(
        sha256__in=digests, sequence=newest_version("sequence", of="agent")
    )
    held: dict[str, list[Held]] = {}
    for *values, digest in found.order_by("agent__slug").values_list(*HELD, "sha256"):
        held.setdefault(digest, []).append(Held(*values))
    return Places(held, paths={stored(file.path) for file in given})


def stored(path: str) -> str:
    """A path as a version keeps it."""
    return str(storable(path))[-300:]


def family_of(path: str, *, root: str) -> str:
    """The family of a file where each folder is one: the path of its folder, below the root.

    Without the root, the folders ``agents`` of two projects would be one family.
    """
    folder = PurePosixPath(path).parent.as_posix()
    if folder == "." or not root:
        return root if folder == "." else folder
    return folder if f"{folder}/".startswith(f"{root}/") else f"{root}/{folder}"


def place(places: Places, reading: Reading, file: Incoming, *, family: str, apart: bool) -> str:
    """The slug to keep a file under; ``apart`` keeps namesakes apart instead of refusing them."""
    kin = _namesakes(reading, family)
    path = stored(file.path)
    for slug, filename in kin.items():
        if filename == path and slug not in places.claimed:
            return slug
    free = [slug for slug, filename in kin.items() if _is_free(slug, filename, places)]
    if free:
        return reading.named if reading.named in free else free[0]
    if not apart:
        return reading.named
    return _new_slug(places, reading, file, family)


def _namesakes(reading: Reading, family: str) -> dict[str, str]:
    """The agents of a family that have this name, with the file each came from last."""
    found = Agent.objects.filter(family__slug=family, name=reading.name) if family else None
    if found is None:
        return {}
    named = found.annotate(file=newest_version("filename", of="pk")).order_by("id")
    return {slug: file or "" for slug, file in named.values_list("slug", "file")}


def _is_free(slug: str, filename: str, places: Places) -> bool:
    """Whether no file of this run is, or came in as, this agent."""
    return slug not in places.claimed and filename not in places.paths


def _new_slug(places: Places, reading: Reading, file: Incoming, family: str) -> str:
    slugs = [slug for slug in _candidates(reading, file, family) if slug not in places.claimed]
    taken = set(Agent.objects.filter(slug__in=slugs).values_list("slug", flat=True))
    for slug in slugs:
        if slug not in taken:
            return slug
    raise twice(reading.named, places.claimed.get(reading.named, ""), file.path)


def _candidates(reading: Reading, file: Incoming, family: str) -> list[str]:
    stem = slugify(PurePosixPath(file.path).name.split(".")[0])
    mark = sha256_hex(file.path.encode("utf-8", "surrogatepass"))[:8]
    tails = (family, f"{family}-{stem}", f"{stem}-{mark}")
    joined = (f"{reading.named}-{tail}" for tail in tails)
    return [reading.named, *(shortened(whole, _LONGEST, of=whole) for whole in joined)]


def twice(slug: str, first: str, second: str) -> Conflict:
    where = f"{first} and {second} both name" if first else f"{second} names"
    return Conflict(
        f"{where} the agent {slug}. Give one of them another name.",
        code="same_agent_twice",
        slug=slug,
    )
