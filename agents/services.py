"""Import: what brings agents and their versions in, and what locks them."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils.text import slugify

from agents.authorship import writers_in
from agents.comparing import compare_with_base
from agents.importing import Reading, family_slug, read_definition, storable, write_version
from agents.models import Agent, AgentVersion, Family
from agents.permissions import (
    check_may_propose,
    no_such_agent,
)
from governance.audit.services import append
from governance.base.canonical import sha256_hex
from governance.base.encoding import visible
from governance.base.errors import Conflict, InvalidInput, NotThere
from governance.people.models import Runner, User
from governance.people.services import actor_of


@transaction.atomic
def import_definition(
    *,
    raw: bytes,
    filename: str,
    family: str,
    by: User | Runner,
    at: datetime,
    owner: User | None = None,
    slug: str = "",
    provenance: Mapping[str, str] | None = None,
    reading: Reading | None = None,
    co_authors: Iterable[int] = (),
) -> tuple[AgentVersion, bool]:
    """Keep a definition as it came, with everything read from it, as the agent's next version.

    The same bytes as the newest version change nothing. ``slug`` is the agent the caller means;
    the file must then name the same. Of a new agent the importer (or ``owner``) is the owner.
    ``provenance`` says where the text came from; whoever it names as author counts as one, as do
    the ``co_authors`` and the writers of drafts of which it keeps something. ``reading`` is what
    the caller has read from the bytes already.
    """
    reading = reading or read_definition(raw, filename)
    parsed, named = reading.parsed, _named(slug, reading)
    check_may_propose(by, named)
    agent, is_new = _agent(named, reading.name, family=family, by=by, owner=owner, at=at)
    newest = None if is_new else _newest(agent)
    if newest and newest.sha256 == sha256_hex(raw):
        return _version(newest.pk), False
    version = write_version(
        agent=agent,
        sequence=newest.sequence + 1 if newest else 1,
        raw=raw,
        filename=filename,
        parsed=parsed,
        comparison=compare_with_base(parsed, agent if newest else None),
        provenance=provenance or {},
        co_authors={*co_authors, *(writers_in(parsed.text, agent) if newest else ())},
        by=by,
        at=at,
    )
    _tell_imported(version, by, at)
    return version, True


def _tell_imported(version: AgentVersion, by: User | Runner, at: datetime) -> None:
    append(
        stream=version.agent.subject,
        kind="agent_version.imported",
        by=actor_of(by),
        at=at,
        subject=version.subject,
        data={
            "version": version.pk,
            "sequence": version.sequence,
            "sha256": version.sha256,
            "repaired": version.repaired,
            "findings": len(version.findings),
            "change_class": version.change_class,
            "base": version.base_id,
        },
    )


def _named(slug: str, reading: Reading) -> str:
    """The agent that is meant: an agent kept apart from a namesake has another slug than name."""
    if not slug or slug == reading.slug:
        return reading.slug
    called = Agent.objects.filter(slug=slug).values_list("name", flat=True).first()
    if called and slugify(called) == reading.named:
        return slug
    raise InvalidInput(f"The file names itself {reading.named}, not {slug}.", code="other_name")


def _agent(
    slug: str,
    name: str,
    *,
    family: str,
    by: User | Runner,
    owner: User | None,
    at: datetime,
) -> tuple[Agent, bool]:
    """The agent with this slug under a lock; True where it was made now."""
    agent, is_new = Agent.objects.filter(slug=slug).first(), False
    if agent is None:
        agent, is_new = _create_agent(slug, name, family=family, by=by, owner=owner, at=at)
    if not is_new:
        agent = locked_agent(slug)
    if family and family_slug(family) != agent.family.slug:
        raise Conflict(
            f"{slug} is an agent of the family {agent.family}, not of {family[:120]}. "
            "Name that family, or none.",
            code="other_family",
            slug=slug,
        )
    return agent, is_new


def _create_agent(
    slug: str,
    name: str,
    *,
    family: str,
    by: User | Runner,
    owner: User | None,
    at: datetime,
) -> tuple[Agent, bool]:
    agent, created = Agent.objects.get_or_create(
        slug=slug,
        defaults={
            "family": _family(family),
            "name": name,
            "owner": owner or (by.owner if isinstance(by, Runner) else by),
            "created_at": at,
        },
    )
    if created:
        append(
            stream=agent.subject,
            kind="agent.created",
            by=actor_of(by),
            at=at,
            data={
                "slug": slug,
                "family": agent.family.slug,
                "owner": agent.owner.subject,
                "tier": agent.tier,
            },
        )
    return agent, created


def _family(name: str) -> Family:
    slug = family_slug(name)
    if not slug:
        raise InvalidInput("A new agent needs a family: name one.", code="no_family")
    shown = visible(storable(name.strip()))[:120]
    family, _ = Family.objects.get_or_create(slug=slug, defaults={"name": shown})
    return family


def locked_agent(slug: str) -> Agent:
    locked = Agent.objects.select_for_update(of=("self",)).select_related("family")
    agent = locked.filter(slug=slug).first()
    if agent is None:
        raise no_such_agent(slug)
    return agent


def _newest(agent: Agent) -> AgentVersion | None:
    return agent.versions.order_by("-sequence").only("id", "sha256", "sequence").first()


def _version(version_id: int) -> AgentVersion:
    found = AgentVersion.objects.select_related("agent", "author", "proposed_by")
    version = found.filter(pk=version_id).first()
    if version is None:
        raise NotThere("There is no such version.", code="unknown_version")
    return version


def locked_version(version_id: int) -> AgentVersion:
    """A version under its agent's lock: versions themselves never change."""
    version = _version(version_id)
    locked_agent(version.agent.slug)
    return version
