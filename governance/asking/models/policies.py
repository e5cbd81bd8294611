"""Policies: who decides, in which order, how often reminded, and how many votes it takes."""

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.people.models import Role


class AskKind(models.TextChoices):
    CASE = "case", "Case"
    REVIEW = "review", "Review of a version"
    AMENDMENT = "amendment", "Amendment of the constitution"
    CONFIGURATION = "configuration", "Change of the configuration"


class Authentication(models.TextChoices):
    """What a person must prove to answer; each level holds the ones before it."""

    MAIL_WORD = "mail_word", "The short word of the mail is enough"
    SIGNED_IN = "signed_in", "Signed in"
    FRESH = "fresh", "Signed in anew a moment ago"
    PASSKEY = "passkey", "Passkey or security key, a moment ago"

    @property
    def strength(self) -> int:
        """For comparing: the stronger the proof, the higher."""
        return list(type(self)).index(self)


class PermitScope(models.TextChoices):
    """How far a decider may let an act reach; the exact act, once, is always possible."""

    ONCE = "once", "Exactly this act, once"
    USES = "uses", "Exactly this act, several times"
    UNTIL = "until", "Exactly this act, until a time"
    RUN = "run", "Exactly this act, during this run"
    PATTERN = "pattern", "Acts that fit a stated pattern"


def _strings(length: int, **options: Any) -> Any:
    return ArrayField(models.CharField(max_length=length), default=list, blank=True, **options)


class Policy(models.Model):
    """Who decides, in which order, how often they are reminded, and how many votes it takes.

    Copied into the ask when that is opened: later edits do not move a running question. The
    policies of a kind are tried by ``position``; the first whose conditions all hold is taken,
    else the default. An empty condition holds for everything.
    """

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    kind = models.CharField(max_length=20, choices=AskKind.choices)
    is_default = models.BooleanField(default=False)
    required_votes = models.PositiveSmallIntegerField(default=1)
    teams = models.ManyToManyField(
        "people.Team",
        related_name="policies",
        blank=True,
        help_text="Each of these teams gives one of the approvals.",
    )
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(
        default=100, help_text="The lowest number is tried first."
    )
    agents = _strings(120, help_text="Slugs of agents.")
    owner_teams = models.ManyToManyField(
        "people.Team",
        related_name="+",
        blank=True,
        help_text="Teams of the agent's owner.",
    )
    environments = _strings(40)
    triggers = _strings(120, help_text="Keys of triggers that fit the question.")
    principles = _strings(120, help_text="Keys of principles that the question touches.")
    risks = _strings(10, help_text="Risks as the portal computes them: low, medium, high.")
    authorities = _strings(80, help_text="Authorities that an option asks for.")
    action_kinds = _strings(80, help_text="Kinds of the act that is asked for.")
    blocking = models.BooleanField(
        null=True, blank=True, help_text="Only what stops the agent, or only what does not."
    )
    with_action = models.BooleanField(
        null=True, blank=True, help_text="Only with an act, or only without."
    )
    one_rejection_ends = models.BooleanField(
        default=True, help_text="Otherwise a rejection needs as many votes as an approval."
    )
    authentication = models.CharField(
        max_length=12, choices=Authentication.choices, default=Authentication.SIGNED_IN
    )
    reason_required = models.BooleanField(default=False)
    owner_may_answer = models.BooleanField(
        default=False,
        help_text="The owner may answer alone: low risk, without an act, marked as such.",
    )
    in_digest = models.BooleanField(
        default=False, help_text="Told in the daily digest until the second step; never dropped."
    )
    wakes_people = models.BooleanField(
        default=False, help_text="Quiet hours and the limit of mails an hour do not hold it back."
    )
    permit_scopes = _strings(10, help_text="Scopes of a permit besides the exact act, once.")
    standing_risks = _strings(10, help_text="Risks for which standing decisions are allowed.")
    standing_uses = models.PositiveSmallIntegerField(
        default=0, help_text="How often one standing decision may answer; 0 allows none."
    )
    standing_days = models.PositiveSmallIntegerField(
        default=0, help_text="For how many days one standing decision may answer."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["kind", "is_default", "position", "name"]
        verbose_name_plural = "policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(is_default=True),
                name="%(app_label)s_%(class)s_one_default_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(required_votes__gte=1), name="%(app_label)s_%(class)s_somebody_votes"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(is_active=True),
                name="%(app_label)s_%(class)s_the_default_is_active",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Audience(models.TextChoices):
    ROLE = "role", "Everybody with a role"
    TEAM = "team", "A team"
    PERSON = "person", "One person"
    OWNER = "owner", "The agent's owner"


class Rung(models.Model):
    """One step of the ladder: whom to tell, how long after the step before, how often again."""

    policy = models.ForeignKey(Policy, models.CASCADE, related_name="rungs")
    position = models.PositiveSmallIntegerField()
    audience = models.CharField(max_length=10, choices=Audience.choices)
    role = models.CharField(max_length=20, choices=Role.choices, blank=True)
    team = models.ForeignKey("people.Team", models.PROTECT, null=True, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    delay = models.DurationField(default=timedelta(0))
    repeat_every = models.DurationField(default=timedelta(hours=4))
    repeat_cap = models.DurationField(default=timedelta(hours=24))

    class Meta:
        ordering: ClassVar[list[str]] = ["policy", "position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["policy", "position"],
                # Checked at commit, so that two steps can change places in one save.
                deferrable=models.Deferrable.DEFERRED,
                name="%(app_label)s_%(class)s_one_per_position",
            ),
            models.CheckConstraint(
                condition=Q(audience="role", team=None, person=None) & ~Q(role="")
                | Q(audience="team", team__isnull=False, person=None, role="")
                | Q(audience="person", person__isnull=False, team=None, role="")
                | Q(audience="owner", person=None, team=None, role=""),
                name="%(app_label)s_%(class)s_names_its_audience",
            ),
            models.CheckConstraint(
                condition=Q(repeat_every__gt=timedelta(0)) & Q(repeat_cap__gte=F("repeat_every")),
                name="%(app_label)s_%(class)s_repeats_for_ever",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy}, step {self.position}"


class OptionAuthority(models.Model):
    """Who may choose which option: an option's key, or the authority that it asks for."""

    policy = models.ForeignKey(Policy, models.CASCADE, related_name="option_authorities")
    option = models.CharField(
        max_length=80, help_text="The key of an option, or the authority that it names."
    )
    role = models.CharField(max_length=20, choices=Role.choices, blank=True)
    team = models.ForeignKey("people.Team", models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering: ClassVar[list[str]] = ["policy", "option"]
        verbose_name_plural = "option authorities"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["policy", "option"], name="%(app_label)s_%(class)s_one_per_option"
            ),
            models.CheckConstraint(
                condition=~Q(role="") | Q(team__isnull=False),
                name="%(app_label)s_%(class)s_names_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy}: {self.option}"


class PolicyVersion(models.Model):
    """A policy as it was from a moment on. Never changed; asks name the one they copied."""

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    sha256 = models.CharField(max_length=64)
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    saved_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["policy", "number"], name="%(app_label)s_%(class)s_one_per_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy}, version {self.number}"
