"""Every page as people see it: on a desk and on a phone, light and dark, by eye and by keyboard.

Screenshots of all of them are left in test-results/pages, to be looked at.
"""

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
from agents.models import AgentVersion
from escalations import acting, thread
from governance.asking.links import link_for, token_of
from governance.asking.models import Ask
from governance.people.models import Role, Runner, User
from tests.e2e.conftest import ROOT, sign_in
from tests.escalations import acts
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


def looked_at(page, name, address, looks=LOOKS):
    """Open a page once and look at it in every way; what is wrong with it, in words."""
    answer = page.goto(address)
    wrong = [f"{name}: status {answer.status}"] if answer.status >= 500 else []
    for width, scheme in looks:
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


def seen(page, pages, looks=LOOKS):
    return [line for name, at in pages.items() for line in looked_at(page, name, at, looks)]


def none(wrong):
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_pages_of_the_portal(vera, cases, visitor, stack):
    version = AgentVersion.objects.get(agent__slug="python-backend")
    in_review = AgentVersion.objects.get(agent__slug="security-auditor")
    pages = {f"case-{name}": f"/cases/{case.ref}/" for name, case in cases.items()} | {
        "inbox": "/",
        "inbox-not-found": "/?q=ESC-999",
        "agents": "/agents/",
        "agent": version.agent.get_absolute_url(),
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
    services.submit_version(version_id=newer.pk, by=vera, at=timezone.now())
    pages = {
        "version-changed": newer.get_absolute_url(),
        "change": f"{newer.get_absolute_url()}diff/",
        "change-inline": f"{newer.get_absolute_url()}diff/?view=inline",
    }
    with visitor() as page:
        entered(page, stack, vera)
        none(seen(page, pages))


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
        none(seen(page, pages, looks=[(1280, "light"), (390, "dark")]))


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


def test_the_focus_is_always_seen(vera, cases, visitor, stack):
    with visitor() as page:
        entered(page, stack, vera)
        page.goto(f"/cases/{cases['open'].ref}/")
        for _ in range(25):
            page.keyboard.press("Tab")
            assert page.evaluate(IS_MARKED), page.evaluate(FOCUSED)
