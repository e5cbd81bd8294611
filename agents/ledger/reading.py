"""The ledger read: each rule of an agent with what people say it is, and how much is covered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta

from django.db import connection
from django.db.models import Case, QuerySet, When

from agents.ledger.matchers import in_words, read_matchers
from agents.ledger.suggesting import Suggestion, suggest
from agents.models import (
    Agent,
    AgentVersion,
    Release,
    Rule,
    RuleClass,
    RuleMode,
    RuleObservation,
    RuleStance,
)
from governance.base.canonical import sha256_hex

WINDOW = 14
BITING = frozenset({RuleClass.ENFORCED.value, RuleClass.GATED.value})
CLASS_TONES: dict[str, str] = {
    RuleClass.ENFORCED: "good",
    RuleClass.GATED: "info",
    RuleClass.REVIEWED: "neutral",
    RuleClass.ADVISORY: "neutral",
}
MODE_TONES: dict[str, str] = {RuleMode.OBSERVE: "waiting", RuleMode.ENFORCE: "good"}
# The newest release to production, else to anywhere, else the newest version.
_COVERAGE = """
WITH shown AS (
    SELECT a.id AS agent_id, COALESCE(
        (SELECT r.version_id FROM agents_release r
         JOIN agents_environment e ON e.id = r.environment_id
         WHERE r.agent_id = a.id ORDER BY (e.slug = 'production') DESC, r.id DESC LIMIT 1),
        (SELECT v.id FROM agents_agentversion v
         WHERE v.agent_id = a.id ORDER BY v.sequence DESC LIMIT 1)) AS version_id
    FROM agents_agent a WHERE a.id = ANY(%s)
)
SELECT shown.agent_id,
       CASE WHEN stance.rule_class IS NULL
                 OR stance.rule_sha256 <> encode(sha256(convert_to(rule.text, 'UTF8')), 'hex')
            THEN 'unjudged'
            WHEN stance.mode = 'observe' THEN 'observing'
            ELSE stance.rule_class END AS stands,
       count(*)
FROM shown JOIN agents_rule rule ON rule.version_id = shown.version_id
LEFT JOIN LATERAL (
    SELECT rule_class, mode, rule_sha256 FROM agents_rulestance s
    WHERE s.agent_id = shown.agent_id AND s.key = rule.key AND s.confirmed_at IS NOT NULL
    ORDER BY s.id DESC LIMIT 1
) stance ON true
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many rules are what; ``observing`` are enforced or gated ones that only count so far."""

    enforced: int = 0
    gated: int = 0
    reviewed: int = 0
    advisory: int = 0
    observing: int = 0
    unjudged: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, one.name) for one in fields(self))

    @property
    def sentence(self) -> str:
        """``11 of 34 rules are enforced, 3 need approval, 4 observe so far, 2 are not judged.``"""
        if not self.total:
            return "The definition states no rules."
        rules = "rule is" if self.total == 1 else "rules are"
        parts = [f"{self.enforced} of {self.total} {rules} enforced"]
        more = (
            (self.gated, "needs approval", "need approval"),
            (self.observing, "observes so far", "observe so far"),
            (self.unjudged, "is not judged", "are not judged"),
        )
        parts += [f"{n} {one if n == 1 else many}" for n, one, many in more if n]
        return f"{', '.join(parts)}."

    def __add__(self, other: "Coverage") -> "Coverage":
        sums = {
            one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)
        }
        return Coverage(**sums)


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What a rule said in the last days: per day, and in all by answer."""

    days: tuple[Day, ...] = ()
    by_answer: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_answer.values())


@dataclass(frozen=True, slots=True)
class Row:
    """A rule as the released version states it, and where it stands."""

    rule: Rule
    stance: RuleStance | None
    waiting: RuleStance | None
    suggestion: Suggestion
    counts: Counts = field(default_factory=Counts)

    @property
    def is_reworded(self) -> bool:
        """Judged once, under other words: it goes on biting, and needs a new look."""
        return self.stance is not None and self.stance.rule_sha256 != sha_of(self.rule)

    @property
    def is_judged(self) -> bool:
        return self.stance is not None and not self.is_reworded

    @property
    def stands(self) -> str:
        """The name of the field of :class:`Coverage` that counts it."""
        if self.stance is None or self.is_reworded:
            return "unjudged"
        return "observing" if self.stance.mode == RuleMode.OBSERVE else self.stance.rule_class

    @property
    def tone(self) -> str:
        return CLASS_TONES[self.stance.rule_class] if self.stance else "warn"

    @property
    def mode_tone(self) -> str:
        return MODE_TONES.get(self.stance.mode, "neutral") if self.stance else "neutral"

    @property
    def in_words(self) -> list[str]:
        return [in_words(one) for one in read_matchers(self.stance.matchers)] if self.stance else []

    @property
    def suggested_label(self) -> str:
        return str(RuleClass(self.suggestion.rule_class).label)

    @property
    def suggested_words(self) -> list[str]:
        return [in_words(one) for one in read_matchers(self.suggestion.matchers)]


@dataclass(frozen=True, slots=True)
class Ledger:
    agent: Agent
    version: AgentVersion | None
    rows: tuple[Row, ...]

    @property
    def coverage(self) -> Coverage:
        found: dict[str, int] = {}
        for row in self.rows:
            found[row.stands] = found.get(row.stands, 0) + 1
        return Coverage(**found)

    def row(self, key: str) -> Row | None:
        return next((row for row in self.rows if row.rule.key == key), None)


def sha_of(rule: Rule) -> str:
    """The fingerprint of a rule's sentence."""
    return sha256_hex(rule.text.encode())


def version_of(agent: Agent) -> AgentVersion | None:
    """The version whose rules count: in production, else released anywhere, else the newest."""
    in_production = Case(When(environment__slug="production", then=1), default=0)
    released = (
        Release.objects.filter(agent=agent)
        .order_by(in_production.desc(), "-id")
        .values_list("version_id", flat=True)
        .first()
    )
    versions = AgentVersion.objects.filter(agent=agent).select_related("proposed_by")
    found = versions.filter(pk=released) if released else versions.order_by("-sequence")
    return found.defer("raw", "text", "contract", "findings").first()


def stances_of(agent_id: int) -> QuerySet[RuleStance]:
    """The confirmed stances that count: the newest of each key."""
    confirmed = RuleStance.objects.filter(agent_id=agent_id, confirmed_at__isnull=False)
    return confirmed.order_by("key", "-id").distinct("key").select_related(
        "asked_by", "confirmed_by"
    )  # fmt: skip


def waiting_for(agent: Agent) -> QuerySet[RuleStance]:
    return RuleStance.objects.filter(
        agent=agent, confirmed_at=None, closed_at=None
    ).select_related("asked_by", "agent")  # fmt: skip


def ledger_of(
    agent: Agent, version: AgentVersion | None = None, *, today: date | None = None
) -> Ledger:
    """All rules of a version with their stances; with ``today`` also what they said of late."""
    version = version or version_of(agent)
    rules = list(version.rules.all()) if version else []
    stances = {stance.key: stance for stance in stances_of(agent.pk)}
    waiting = {stance.key: stance for stance in waiting_for(agent)}
    counts = counts_of(agent, today=today) if today else {}
    rows = tuple(
        Row(
            rule,
            stances.get(rule.key),
            waiting.get(rule.key),
            suggest(rule.text),
            counts.get(rule.key, _empty(today) if today else Counts()),
        )
        for rule in rules
    )
    return Ledger(agent, version, rows)


def counts_of(agent: Agent, *, today: date) -> dict[str, Counts]:
    """What each rule said in the last fourteen days."""
    first = today - timedelta(days=WINDOW - 1)
    found: dict[str, dict[tuple[date, str], int]] = {}
    rows = RuleObservation.objects.filter(agent=agent, day__gte=first, day__lte=today)
    for row in rows.exclude(key=""):
        found.setdefault(row.key, {})[row.day, row.answer] = row.count
    return {key: _counted(said, first) for key, said in found.items()}


def _counted(said: Mapping[tuple[date, str], int], first: date) -> Counts:
    days, answers = dict.fromkeys(_days(first), 0), dict[str, int]()
    for (day, answer), count in said.items():
        days[day] += count
        answers[answer] = answers.get(answer, 0) + count
    return Counts(tuple(Day(day, count) for day, count in days.items()), answers)


def _empty(today: date) -> Counts:
    return _counted({}, today - timedelta(days=WINDOW - 1))


def _days(first: date) -> list[date]:
    return [first + timedelta(days=number) for number in range(WINDOW)]


def coverage_of(agent_ids: Iterable[int]) -> dict[int, Coverage]:
    """The coverage of many agents in one query; those without rules are left out."""
    wanted = list(agent_ids)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_COVERAGE, [wanted])
        rows = cursor.fetchall()
    found: dict[int, dict[str, int]] = {}
    for agent_id, stands, count in rows:
        found.setdefault(agent_id, {})[stands] = count
    return {agent_id: Coverage(**counts) for agent_id, counts in found.items()}
