"""Every page as people see it: on a desk and on a phone, light and dark, by eye and by keyboard.

Screenshots of all of them are left in test-results/pages, to be looked at.
"""

from datetime import time, timedelta
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from agents import services
from agents.batches.services import open_batch
from agents.compliance import services as compliance
from agents.compliance.matrix import matrix_of
from agents.intake.archives import Incoming
from agents.intake.services import import_many
from agents.models import AgentVersion, Environment, Opened, ReviewRule
from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from escalations import acting, thread
from escalations.precedents.making import revoke_standing
from escalations.precedents.marking import mark_precedent
from governance.asking.channels.subscriptions import subscribe
from governance.asking.heartbeat import beat
from governance.asking.links import link_for, token_of
from governance.asking.models import Ask, Bounce, Policy, Repair
from governance.asking.together.claims import claim_ask
from governance.asking.together.comments import comment_on
from governance.asking.together.snoozing import snooze_ask
from governance.asking.together.watching import watch
from governance.configuration.services import refuse_change
from governance.constitution import services as law
from governance.constitution.standing import unacknowledged
from governance.people.away import enter_absence
from governance.people.models import Role, Runner, Team, User
from governance.people.own_hours import add_quiet_hours, set_time_zone
from governance.review.comments import comment
from governance.review.models import Review
from tests.agents import acts as agent_acts
from tests.asking.channels import test_webpush
from tests.configuration import acts as configuration_acts
from tests.e2e.conftest import ROOT, sign_in
from tests.escalations import acts
from tests.escalations.precedents import acts as precedent_acts
from tests.factories import PASSWORD, UserFactory

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]
SHOTS = ROOT / "test-results" / "pages"
LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
OVERFLOW = """() => {
  const page = document.documentElement;
  if (page.scrollWidth <= page.clientWidth) return [];
  const isWide = (one) => one.getBoundingClientRect().right > page.clientWidth + 1;
  return [...document.querySelectorAll('body *')].filter(isWide).slice(-3).map(
    (one) => `${one.tagName}.${one.className}`);
}"""
FOCUSED = """() => {
  const one = document.activeElement;
  return one.name || (one.getAttribute('aria-label') || one.innerText || '').trim();
}"""
IS_MARKED = """() => {
  const shown = (one) => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
  };
  const one = document.activeElement;
  return shown(one) || (one.parentElement && shown(one.parentElement));
}"""
# Django's own tables of rows name a field by the head of its column only, its search by a picture.
JUDGED = {"include": [["html"]], "exclude": [[".inline-group .tabular"], ["#changelist-search"]]}
ACT = {
    "kind": "shell",
    "target": "db-staging",
    "arguments": {"argv": ["psql", "-f", "add_index.sql"], "database": "orders", "retries": 0},
}


@pytest.fixture
def parts():
    return ("web",)


@pytest.fixture
def vera(transactional_db):
    """Somebody with every role, beside the sample and some cases."""
    call_command("load_sample", stdout=StringIO())
    user = UserFactory(email="vera@example.org", name="Vera Viewer", roles=list(Role.values))
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def cases(vera):
    """A case in every state, by name."""
    now, runner = timezone.now(), Runner.objects.get()
    asker = {"agent": "python-backend", "at": now}
    names = ("open", "act", "asked", "decided", "rejected")
    found = {
        name: acts.ask(
            runner,
            key=name,
            **asker,
            task=f"Implementing user login ({name})",
            **({"action": ACT, "risk": "high"} if name == "act" else {}),
        )
        for name in names
    }
    adam = User.objects.get(email="approver@example.org")
    thread.ask_runner(
        escalation_id=found["asked"].pk, text="Which database is it?", by=adam, at=now
    )
    said = {"constraints": ["Sessions end after an hour"], "next_steps": ["Write the tests"]}
    acts.approve(found["decided"], adam, at=now, **said)
    acting.report_outcome(
        escalation_id=found["decided"].pk,
        runner=runner,
        result="succeeded",
        summary="Done as decided.",
        constraints=[{"constraint": said["constraints"][0], "kept": True, "evidence": "A test."}],
        at=now,
    )
    acts.reject(found["rejected"], adam, at=now)
    return found


def entered(page, stack, user):
    """Sign in without the form: the form is tested elsewhere."""
    client = Client()
    client.force_login(user)
    session = {"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key}
    page.context.add_cookies([session | {"url": stack.url}])


def looked_at(page, name, address, ways=LOOKS):
    """Open a page once and look at it in every way; what is wrong with it, in words."""
    answer = page.goto(address)
    wrong = [f"{name}: status {answer.status}"] if answer.status >= 500 else []
    return wrong + looks(page, name, ways)


def looks(page, name, ways=LOOKS):
    """Look at the open page in every way."""
    wrong = []
    for width, scheme in ways:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
        look = f"{name} at {width}, {scheme}"
        wrong += [f"{look}: wider than the screen: {one}" for one in page.evaluate(OVERFLOW)]
        wrong += [f"{look}: {one}" for one in violations(page)]
    return wrong


def violations(page):
    # Its preload would write style sheets into the page, which the page's policy refuses.
    found_by_axe = Axe().run(page, context=JUDGED, options={"preload": False})
    for found in found_by_axe.response["violations"]:
        nodes = [node["html"][:160] for node in found["nodes"][:3]]
        yield f"{found['id']} ({found['help']}): {nodes}"


def seen(page, pages, ways=LOOKS):
    return [line for name, at in pages.items() for line in looked_at(page, name, at, ways)]


def none(wrong):
    assert not wrong, "\n" + "\n".join(wrong)


def imported(by):
    """An import with every kind of result."""
    files = [
        Incoming("agents/a-folder-with-a-long-name/reader.md", b"---\nname: reader\n---\n# Read\n"),
        Incoming("agents/empty.md", b" "),
        Incoming("agents/LICENSE", skipped="It is no Markdown file."),
        Incoming(
            "agents/broken.md", b"\xef\xbb\xbf---\nname: broken\ndescription: a: b\n---\nGo.\n"
        ),
    ]
    return import_many(
        files=files, family="Readers", by=by, at=timezone.now(), source="page", name="4 files"
    )


def test_the_pages_of_the_portal(vera, cases, visitor, stack):
    version = AgentVersion.objects.get(agent__slug="python-backend")
    in_review = AgentVersion.objects.get(agent__slug="security-auditor")
    grave = Policy.objects.get(slug="cases-high-risk")
    pages = {f"case-{name}": f"/cases/{case.ref}/" for name, case in cases.items()} | {
        "inbox": "/",
        "insights": "/insights/?days=90",
        "policy-simulate": "/policies/simulate/",
        "policy-simulated": f"/policies/simulate/?case={cases['act'].ref}",
        "admin-policy": f"/admin/asking/policy/{grave.pk}/change/",
        "inbox-not-found": "/?q=ESC-999",
        "cases-equal": f"/cases/group/{cases['open'].group_key}/",
        "cases-together": f"/cases/together/?case={cases['open'].pk}&case={cases['act'].pk}",
        "agents": "/agents/",
        "agents-import": "/agents/import/",
        "imports": "/imports/",
        "import": f"/imports/{imported(vera).pk}/",
        "agent": version.agent.get_absolute_url(),
        "rules": "/rules/",
        "agent-rules": f"{version.agent.get_absolute_url()}rules/",
        "agent-rule": f"{version.agent.get_absolute_url()}rules/{version.rules.first().key}/",
        "families": "/families/",
        "family": f"/families/{version.agent.family.slug}/",
        "version": version.get_absolute_url(),
        "version-in-review": in_review.get_absolute_url(),
        "constitution": "/constitution/",
        "constitution-version": "/constitution/versions/1/",
        "history": "/history/",
        "history-of-a-case": f"/history/?subject=escalation:{cases['decided'].ref}",
        "runners": "/runners/",
        "runner": "/runners/sample-runner/",
        "styleguide": "/styleguide/",
    }
    with visitor() as page:
        entered(page, stack, vera)
        none(seen(page, pages))


def test_the_pages_about_past_decisions(vera, cases, visitor, stack):
    now, adam = timezone.now(), User.objects.get(email="approver@example.org")
    olivia = User.objects.get(email="owner@example.org")
    kept = precedent_acts.kept_up(Runner.objects.get(), owner=olivia, by=adam, at=now)
    mine = precedent_acts.kept_up(
        acts.RunnerFactory(slug="second"), owner=vera, by=adam, at=now, slug="order-keeper"
    )
    article = law.current().principles.first()
    mark_precedent(
        escalation_id=kept.case.pk,
        subject=f"principle:{article.key}",
        note="How we read this article.",
        by=adam,
        at=now,
    )
    revoke_standing(standing_id=mine.standing.pk, by=adam, reason="It was too wide.", at=now)
    pages = {
        "precedents": "/precedents/",
        "precedents-nothing": "/precedents/?q=kumquat&marked=on",
        "decisions-explained": "/precedents/explained/",
        "case-made-of-it": kept.case.get_absolute_url(),
        "case-standing": kept.later.get_absolute_url(),
        "case-draft": f"{kept.case.get_absolute_url()}draft/rule/",
        "standing": "/standing/",
        "standing-decision": kept.standing.get_absolute_url(),
        "standing-revoked": mine.standing.get_absolute_url(),
        "proposals": "/proposals/",
        "constitution-precedent": "/constitution/",
    }
    form = {"standing-new": f"{kept.case.get_absolute_url()}standing/"}
    with visitor() as page:
        entered(page, stack, vera)
        wrong = seen(page, pages)
        page.goto(f"{kept.case.get_absolute_url()}draft/rule/")
        page.get_by_role("button", name="Open in the editor").press("Enter")
        page.locator("#result h2").first.wait_for()
        assert kept.case.ref in page.locator("textarea[name=text]").input_value()
        entered(page, stack, adam)
        none(wrong + seen(page, form))


def test_the_page_of_operations_and_notices(vera, cases, visitor, stack):
    now, ask = timezone.now(), Ask.objects.open().first()
    made = {"recipient": vera, "reason": "asked", "step": 0, "created_at": now, "due_at": now}
    for number, error in enumerate(("SMTPRecipientsRefused: 550 5.1.1", "SMTPDataError: 554")):
        ask.notifications.create(
            **made,
            dedupe_key=f"failed:{number}",
            state="failed",
            settled_at=now,
            last_error=error,
        )
    for mended in (True, False):
        Repair.objects.create(
            what="question asleep" if mended else "question not moved",
            subject=ask.subject,
            sentence="The next action was planned for 2030-01-01, later than the policy says.",
            mended=mended,
            at=now,
        )
    Bounce.objects.create(
        user=vera, address=vera.email, is_permanent=True, text="5.1.1 no such user", at=now
    )
    beat(at=now, handled=3)
    subscribe(
        user=vera,
        endpoint="https://push.example.net/one",
        p256dh=test_webpush.BROWSER,
        auth=test_webpush.AUTH,
        label="Firefox on Linux",
        at=now,
    )
    with visitor() as page:
        entered(page, stack, vera)
        none(seen(page, {"operations": "/operations/", "push": "/me/push/"}))


def test_the_pages_about_a_change(vera, visitor, stack):
    version = AgentVersion.objects.get(agent__slug="python-backend")
    rule = b"- **NEVER** add external dependencies without approval\n"
    changed = bytes(version.raw).replace(b"type: backend", b"tools: Read, Bash\ntype: backend")
    assert rule in changed
    newer, _ = services.import_definition(
        raw=changed.replace(rule, b""),
        filename="python-backend.md",
        family="",
        by=vera,
        at=timezone.now(),
    )
    reviewing.submit_version(version_id=newer.pk, by=vera, at=timezone.now())
    pages = {
        "version-changed": newer.get_absolute_url(),
        "change": f"{newer.get_absolute_url()}diff/",
        "change-inline": f"{newer.get_absolute_url()}diff/?view=inline",
    }
    with visitor() as page:
        entered(page, stack, vera)
        none(seen(page, pages))


def test_the_pages_in_which_one_writes(vera, visitor, stack):
    pages = {
        "agent-start": "/agents/new/",
        "agent-new": "/agents/new/?template=blank&name=order-keeper",
        "agent-edit": "/agents/python-backend/edit/",
        "constitution-edit": "/constitution/edit/",
    }
    with visitor() as page:
        entered(page, stack, vera)
        wrong = seen(page, pages)
        for name, address in pages.items():
            if name != "agent-start":
                page.goto(address)
                page.get_by_role("button", name="Preview").click()
                page.locator("#result h2").first.wait_for()
                wrong += looks(page, f"{name}-preview")
    none(wrong)


def amended(by):
    """The sample's law with one more sentence in its first principle, ratified by Adam."""
    now, adam = timezone.now(), User.objects.get(email="approver@example.org")
    raw = bytes(law.current().raw)
    first = law.current().principles.filter(non_negotiable=True).first()
    more = raw.replace(first.text.strip().encode(), b"Every change MUST be shown first.", 1)
    version = law.import_constitution(raw=more, by=by, at=now)
    law.submit_version(
        version_id=version.pk, by=by, at=now, override_reason="The number comes later."
    )
    for key in unacknowledged(version):
        law.acknowledge(version_id=version.pk, finding_key=key, by=adam, at=now)
    law.vote(
        version_id=version.pk,
        by=adam,
        verdict="approve",
        comment="",
        seen_sha256=version.sha256,
        method="session",
        at=now,
    )
    return version


def test_the_pages_about_compliance(vera, visitor, stack):
    now, adam = timezone.now(), User.objects.get(email="approver@example.org")
    olivia = User.objects.get(email="owner@example.org")
    version = AgentVersion.objects.get(agent__slug="python-backend")
    draft = AgentVersion.objects.get(agent__slug="security-auditor")
    newer = amended(olivia)
    rows = matrix_of(version, law.current(), at=now).rows
    known = [row for row in rows if row.principle]
    for row, verdict in zip(known, ("fail", "pass"), strict=False):
        compliance.judge(
            version_id=version.pk,
            principle=row.key,
            verdict=verdict,
            evidence="The workflow names no test before step 4.",
            line=row.claim.line if row.claim else 1,
            by=adam,
            at=now,
        )
    waivers = [
        compliance.ask_waiver(
            version_id=one.pk,
            principle=known[0].key,
            reason="The tests follow with the next release of the harness.",
            expires_at=now + timedelta(days=20),
            by=olivia,
            at=now,
        )
        for one in (version, draft)
    ]
    compliance.grant_waiver(waiver_id=waivers[0].pk, by=adam, at=now)
    matrix = f"{version.get_absolute_url()}matrix/"
    pages = {
        "agents-stopping": "/agents/",
        "agent-stopping": version.agent.get_absolute_url(),
        "stale": "/agents/stale/",
        "matrix": matrix,
        "waivers": "/constitution/waivers/",
        "impact": f"/constitution/versions/{newer.sequence}/impact/",
    }
    with visitor() as page:
        entered(page, stack, vera)
        wrong = seen(page, pages)
        page.goto(version.get_absolute_url())
        page.locator("#matrix summary").click()
        none(wrong + looks(page, "version-matrix"))


def test_the_parts_of_a_version_opened_one_by_one(vera, visitor, stack):
    version = AgentVersion.objects.get(agent__slug="security-auditor")
    with visitor() as page:
        entered(page, stack, vera)
        page.goto(version.get_absolute_url())
        for part in page.locator("details[data-part]").all():
            part.locator("summary").first.click()
        page.get_by_text("opened the text, the findings").first.wait_for()
        none(looks(page, "version-opened"))
    assert {"text", "findings", "contract"} <= set(
        Opened.objects.filter(version=version, user=vera).values_list("part", flat=True)
    )


def test_what_was_typed_is_still_there_after_a_preview_without_a_session(vera, visitor, stack):
    with visitor() as page:
        entered(page, stack, vera)
        page.goto("/agents/new/?template=blank")
        page.get_by_label("Text", exact=True).fill("Mine alone.")
        cookies = page.context.cookies()
        page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
        page.get_by_role("button", name="Preview").click()
        page.get_by_text("The portal did not answer with a preview").wait_for()
        assert page.get_by_label("Text", exact=True).input_value() == "Mine alone."
        page.context.add_cookies(cookies)
        page.goto("/agents/new/?template=blank")
        page.get_by_role("button", name="Bring it back").click()
        assert page.get_by_label("Text", exact=True).input_value() == "Mine alone."


def test_the_pages_of_releases(vera, visitor, stack):
    """Confirm, go back, break the glass, stop a family, and what ran when."""
    version = AgentVersion.objects.get(agent__slug="python-backend")
    agent, at = version.agent, timezone.now()
    newer, _ = services.import_definition(
        raw=bytes(version.raw) + b"\nBe brief.\n",
        filename="python-backend.md",
        family="",
        by=User.objects.get(email="owner@example.org"),
        at=at,
    )
    releasing.break_glass(
        version_id=newer.pk,
        environment="production",
        reason="Production is down and this version mends it.",
        hours=4,
        by=vera,
        at=at,
    )
    releasing.suspend(
        family=agent.family.slug, reason="They contradict each other.", by=vera, at=at
    )
    pages = {
        "agent-releases": agent.get_absolute_url(),
        "agents-emergency": "/agents/",
        "history-emergency": "/history/?kind=agent.glass_broken",
        "release-confirm": f"{version.get_absolute_url()}release/?environment=staging",
        "release-confirm-change": f"{version.get_absolute_url()}release/?environment=production",
        "roll-back": f"/agents/{agent.slug}/releases/{agent.releases.last().pk}/roll-back/",
        "family-suspend": f"/families/{agent.family.slug}/suspend/",
        "as-of": "/as-of/",
    }
    glass = f"{newer.get_absolute_url()}break-glass/"
    vera.set_password(PASSWORD)
    vera.save()
    with visitor() as page:
        page.goto("/")
        sign_in(page, vera.email, PASSWORD)
        wrong = seen(page, pages)
        page.goto(f"/account/reauthenticate/?next={glass}")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_url("**/break-glass/")
        none(wrong + seen(page, {"break-glass": glass}))


def test_the_pages_of_reviews_and_lists(vera, visitor, stack):
    now, wider = timezone.now(), AgentVersion.objects.get(agent__slug="python-backend")
    team = Team.objects.create(name="Security", slug="security")
    ReviewRule.objects.get(change_class="privilege").policy.teams.add(team)
    raw = bytes(wider.raw).replace(b"type: backend", b"tools: Read, Bash\ntype: backend")
    news = [agent_acts.bring_in(raw=agent_acts.definition(name)) for name in ("reader", "writer")]
    newer = agent_acts.bring_in(raw=raw, family="")
    ids = [version.pk for version in (newer, *news)]
    batch = open_batch(
        kind="baseline", version_ids=ids, title="The whole family", by=news[0].author, at=now
    )
    whole = Review.objects.get(subject=batch.subject)
    claim_ask(ask_id=Ask.objects.get(subject=whole.stream).pk, by=vera, at=now)
    in_review = AgentVersion.objects.get(agent__slug="security-auditor")
    review = Review.objects.get(subject=in_review.subject)
    rule = f"rule:{in_review.rules.first().key}"
    comment(review_id=review.pk, by=vera, text="Why so soft?", part=rule, at=now)
    comment(review_id=review.pk, by=vera, text="What does it mean?", line=3, at=now)
    pages = {
        "lists": "/batches/",
        "list-new": "/batches/new/",
        "list-again": "/batches/new/?kind=reaffirmation",
        "list": batch.get_absolute_url(),
        "list-grave": f"{batch.get_absolute_url()}?only=grave",
        "version-in-a-list": newer.get_absolute_url(),
        "version-commented": f"{in_review.get_absolute_url()}?line=4",
        "review-policies": "/policies/reviews/",
        "agent-ownership": "/agents/reader/ownership/",
        "inbox-claimed": "/",
    }
    with visitor() as page:
        entered(page, stack, vera)
        none(seen(page, pages))


def test_the_pages_of_a_configuration_that_is_loosened(vera, visitor, stack):
    other = UserFactory(roles=[Role.ADMINISTRATOR], name="Anton Administrator")
    refused = configuration_acts.ask_for_one_vote(other)
    refuse_change(change_id=refused.pk, reason="Two is right.", by=vera, at=timezone.now())
    configuration_acts.ask_for_one_vote(other)
    production = Environment.objects.get(slug="production")
    Environment.objects.filter(pk=production.pk).update(protected=True)
    with visitor() as page:
        entered(page, stack, vera)
        page.goto(f"/admin/agents/environment/{production.pk}/change/")
        page.get_by_label("Protected").uncheck()
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("another administrator has to confirm it").wait_for()
        wrong = looks(page, "admin-loosened")
        page.goto("/policies/changes/")
        page.locator("main details summary").first.click()
        none(wrong + looks(page, "configuration-changes"))


def test_the_pages_of_an_account(vera, visitor):
    pages = {
        "account-mfa": "/account/2fa/",
        "account-passkeys": "/account/2fa/webauthn/",
        "account-reauthenticate": "/account/reauthenticate/",
        "account-password": "/account/password/change/",
        "account-email": "/account/email/",
        "account-sessions": "/account/sessions/",
        "account-connections": "/account/3rdparty/",
        "account-logout": "/account/logout/",
    }
    vera.set_password(PASSWORD)
    vera.save()
    with visitor() as page:
        page.goto("/")
        sign_in(page, vera.email, PASSWORD)
        wrong = seen(page, pages)
        page.goto("/account/reauthenticate/?next=/account/2fa/")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_url("**/2fa/")
        confirmed = {
            "account-totp": "/account/2fa/totp/activate/",
            "account-add-passkey": "/account/2fa/webauthn/add/",
        }
        none(wrong + seen(page, confirmed))


def test_the_pages_of_a_person_and_of_colleagues(vera, cases, visitor, stack):
    """Away, asleep, busy: with something in every part."""
    now, adam = timezone.now(), User.objects.get(email="approver@example.org")
    set_time_zone(by=vera, name="Europe/Berlin", at=now)
    for hours in ((22, 7), (12, 13)):
        add_quiet_hours(
            by=vera, weekdays=range(5), starts=time(hours[0]), ends=time(hours[1]), at=now
        )
    days = {"starts_at": now, "ends_at": now + timedelta(days=3), "at": now}
    enter_absence(person_id=adam.pk, delegate_id=vera.pk, by=vera, **days)
    enter_absence(person_id=vera.pk, delegate_id=adam.pk, by=vera, reason="Holiday", **days)
    ask = Ask.objects.get(subject=cases["open"].subject)
    watch(ask_id=ask.pk, by=vera, at=now)
    claim_ask(ask_id=ask.pk, by=adam, at=now)
    text = "@Vera Viewer, is it the one of last week?\u202e"
    comment_on(ask_id=ask.pk, by=adam, text=text, at=now)
    until = now + timedelta(hours=2)
    snooze_ask(ask_id=ask.pk, by=adam, until=until, reason="In a meeting.", at=now)
    pages = {"me": "/me/", "absences": "/absences/", "case-colleagues": ask.path}
    with visitor() as page:
        entered(page, stack, vera)
        wrong = seen(page, pages)
        for name in ("me", "case-colleagues"):
            page.goto(pages[name])
            for summary in page.locator("main details.more > summary").all():
                summary.click()
            wrong += looks(page, f"{name}-opened")
        none(wrong)


def test_one_goes_to_sleep_without_a_mouse(vera, visitor, stack):
    with visitor() as page:
        entered(page, stack, vera)
        page.goto("/me/#hours")
        page.get_by_text("Add quiet hours").focus()
        page.keyboard.press("Enter")
        tabs_to(page, "starts")
        tabs_to(page, "Add these hours")
        page.keyboard.press("Enter")
        page.get_by_text("Mails are held from 22:00 to 07:00").first.wait_for()
    assert vera.quiet_hours.get().weekdays == list(range(7))


def test_the_pages_before_one_is_signed_in(vera, cases, visitor):
    ask = Ask.objects.get(subject=cases["open"].subject)
    token = token_of(link_for(ask, vera, at=timezone.now()))
    pages = {
        "login": "/account/login/",
        "password-forgotten": "/account/password/reset/",
        "password-mailed": "/account/password/reset/done/",
        "password-link-used": "/account/password/reset/key/1-x/",
        "signup-closed": "/account/signup/",
        "inactive": "/account/inactive/",
        "link": f"/r/{token}/",
    }
    with visitor() as page:
        none(seen(page, pages))


def test_the_pages_of_refusals(cases, visitor, stack):
    nobody, owner = UserFactory(), UserFactory(roles=[Role.OWNER])
    ask = Ask.objects.get(subject=cases["open"].subject)
    token = token_of(link_for(ask, nobody, at=timezone.now()))
    with visitor(refusals=True) as page:
        entered(page, stack, nobody)
        wrong = seen(page, {"refused": "/"})
        entered(page, stack, owner)
        pages = {"not-there": "/nowhere/", "link-gone": "/review/", "refused-history": "/history/"}
        wrong += seen(page, pages)
        wrong += seen(page, {"link-of-another": f"/r/{token}/"})
    none(wrong)


def test_the_pages_of_the_admin(vera, cases, visitor, stack):
    pages = {"admin": "/admin/", "admin-app": "/admin/people/"}
    for model in admin.site._registry:
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        pages[f"admin-{model._meta.model_name}-list"] = f"/admin/{name}/"
        row = model._default_manager.first()
        if row is not None:
            pages[f"admin-{model._meta.model_name}"] = f"/admin/{name}/{row.pk}/change/"
    case = cases["open"].pk
    pages["admin-decide"] = f"/admin/escalations/escalation/{case}/decide/"
    pages["admin-person-add"] = "/admin/people/user/add/"
    with visitor() as page:
        entered(page, stack, vera)
        none(seen(page, pages, ways=[(1280, "light"), (390, "dark")]))


def test_the_description_of_the_api_opens_offline_under_its_policy(vera, visitor, stack):
    with visitor() as page:
        entered(page, stack, vera)
        page.goto("/api/docs/")
        page.get_by_text("/api/v1/escalations/", exact=True).first.wait_for()
        page.screenshot(path=SHOTS / "api-docs-1280-light.png")


# --- by keyboard ----------------------------------------------------------------------------


def tabs_to(page, name, most=60):
    """How often Tab is pressed until the control with this name has the focus."""
    for count in range(1, most):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == name:
            return count
    raise AssertionError(f"Tab does not reach {name}")


def test_the_first_tab_skips_to_the_content(vera, cases, visitor, stack):
    with visitor() as page:
        entered(page, stack, vera)
        for address in ("/", f"/cases/{cases['open'].ref}/", "/agents/"):
            page.goto(address)
            assert tabs_to(page, "Skip to the content") == 1
            page.keyboard.press("Enter")
            assert page.evaluate("() => document.activeElement.id") == "main"


def test_a_case_is_decided_without_a_mouse(vera, cases, visitor, stack):
    with visitor() as page:
        entered(page, stack, vera)
        page.goto(f"/cases/{cases['open'].ref}/")
        tabs_to(page, "choice")
        page.keyboard.press("Space")
        tabs_to(page, "Record my decision")
        page.keyboard.press("Enter")
        page.get_by_text("Decided").first.wait_for()
    cases["open"].refresh_from_db()
    assert cases["open"].decision.decided_by == vera


def test_one_signs_in_without_a_mouse(vera, visitor):
    with visitor() as page:
        page.goto("/account/login/")
        assert tabs_to(page, "login") <= 4
        assert tabs_to(page, "password") == 1
        assert tabs_to(page, "Sign in") <= 3


def test_tab_leaves_the_text_field(vera, visitor, stack):
    with visitor() as page:
        entered(page, stack, vera)
        page.goto("/agents/new/?template=blank")
        page.get_by_label("Text", exact=True).focus()
        assert tabs_to(page, "act") == 1
        assert page.evaluate("() => document.activeElement.innerText").strip() == "Preview"


def test_the_focus_is_always_seen(vera, cases, visitor, stack):
    with visitor() as page:
        entered(page, stack, vera)
        page.goto(f"/cases/{cases['open'].ref}/")
        for _ in range(25):
            page.keyboard.press("Tab")
            assert page.evaluate(IS_MARKED), page.evaluate(FOCUSED)


def test_the_pages_of_an_amendment(vera, visitor, stack):
    now, second = timezone.now(), amended(vera)
    weaker = bytes(second.raw).replace(b"MUST answer within 200 ms", b"SHOULD answer within 900 ms")
    more = b"- **Quorum**: an amendment needs nine approvals.\n- **Versioning**"
    third = law.import_constitution(raw=weaker.replace(b"- **Versioning**", more), by=vera, at=now)
    law.submit_version(
        version_id=third.pk, by=vera, at=now, level="patch", override_reason="Nobody kept it."
    )
    fourth = law.import_constitution(raw=weaker.replace(b"VII. Rev", b"VIII. Rev"), by=vera, at=now)
    pages = {
        "constitution-amended": "/constitution/",
        "amendment-lowered": third.get_absolute_url(),
        "amendment-draft": fourth.get_absolute_url(),
        "constitution-again": "/constitution/versions/1/",
        "constitution-diff": f"{third.get_absolute_url()}diff/?from=1",
        "constitution-diff-inline": f"{third.get_absolute_url()}diff/?from=1&view=inline",
    }
    with visitor() as page:
        entered(page, stack, vera)
        none(seen(page, pages))
