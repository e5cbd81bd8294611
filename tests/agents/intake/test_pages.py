"""The pages and calls that bring files in and take families out."""

import hashlib
import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.intake.archives import Incoming
from agents.intake.services import import_many
from agents.models import AgentVersion, Family, ImportRun
from governance.audit.models import AuditEvent
from governance.people.models import Role, Scope
from governance.people.services import issue_key
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
PAGE, CALL = "/agents/import/", "/api/v1/imports/"


@pytest.fixture
def olga(client):
    user = UserFactory(roles=[Role.OWNER])
    client.force_login(user)
    return user


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


def upload(name: str, raw: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, raw, content_type="text/markdown")


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, raw in files.items():
            archive.writestr(name.replace("__", "/") + ".md", raw)
    return file.getvalue()


def test_files_and_a_zip_come_in_and_lead_to_a_table_of_results(client, olga):
    same = acts.definition("same")
    client.post(PAGE, {"family": "Shop", "uploads": [upload("same.md", same)]})
    files = [
        upload("same.md", same),
        upload("more.zip", zipped(deep__fresh=acts.definition("fresh"))),
        upload("empty.md", b" "),
        upload("picture.png", b"x"),
    ]
    answer = client.post(PAGE, {"family": "Shop", "uploads": files}, follow=True)
    run = ImportRun.objects.first()
    assert answer.redirect_chain == [(f"/imports/{run.pk}/", 302)]
    shown = [(row["file"], row["result"]) for row in answer.context["rows"]]
    assert shown == [
        ("empty.md", "refused"),
        ("deep/fresh.md", "new"),
        ("same.md", "unchanged"),
        ("picture.png", "skipped"),
    ]
    page = text_of(answer)
    assert "The file is empty." in page
    assert "It is no Markdown file." in page
    assert '<a href="/agents/fresh/versions/1/">' in page
    only = client.get(f"/imports/{run.pk}/?result=new").context["rows"]
    assert [row["agent"] for row in only] == ["fresh"]


def test_a_folder_keeps_its_paths_where_a_script_tells_them(client, olga):
    files = [upload("one.md", acts.definition("one")), upload("two.md", acts.definition("two"))]
    paths = ["team/a/one.md", "team/b/two.md"]
    sent = {"folder": files, "paths": json.dumps(paths), "family_per_folder": "on"}
    client.post(PAGE, sent)
    assert set(AgentVersion.objects.values_list("filename", flat=True)) == set(paths)
    assert set(Family.objects.values_list("name", flat=True)) == {"team/a", "team/b"}


def test_everything_takes_what_looks_like_no_agent(client, olga):
    names = "README.md", "commands/go.md", "agents/one.md"
    beside = {"paths": json.dumps(names), "family": "Shop"}
    for page, field in ((PAGE, "folder"), (CALL, "files")):
        for more, left_out in (({}, 2), ({"everything": "true"}, 0)):
            files = [upload(name, f"# {name}\n".encode()) for name in names]
            client.post(page, {field: files, **beside, **more})
            assert ImportRun.objects.first().counts["skipped"] == left_out


def test_a_refused_archive_says_why_to_machines_too(client, olga):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../one.md", b"x")
    answer = client.post(CALL, {"files": upload("a.zip", packed.getvalue()), "family": "Shop"})
    assert [row["code"] for row in answer.json()["results"]] == ["unsafe_archive"]


def test_a_pasted_text_comes_in_with_plain_line_ends(client, olga):
    pasted = acts.definition().decode().replace("\n", "\r\n")
    client.post(PAGE, {"family": "Shop", "text": pasted})
    assert bytes(AgentVersion.objects.get().raw) == acts.definition()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Choose at least one file, or paste a definition."),
        ({"text": "x", "paths": "{"}, "The paths of the files cannot be read."),
        ({"text": "x", "paths": "[" * 100_000}, "The paths of the files cannot be read."),
    ],
)
def test_a_form_that_cannot_be_read_is_shown_again(client, olga, sent, said):
    answer = client.post(PAGE, {"family": "Shop", **sent})
    assert answer.status_code == 400
    assert said in text_of(answer) or "paths" in answer.context["form"].errors


def test_an_upload_beyond_the_limits_is_refused_with_a_sentence(client, olga, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    files = [upload(f"{number}.md", acts.definition(f"a{number}")) for number in range(3)]
    answer = client.post(PAGE, {"family": "Shop", "uploads": files})
    assert answer.status_code == 413
    assert "At most 2 files at once" in text_of(answer)
    settings.UPLOAD_MAX_SIZE = 100
    answer = client.post(PAGE, {"family": "Shop", "uploads": files[:1]})
    assert (answer.status_code, "at once. Send a zip" in text_of(answer)) == (413, True)
    call = client.post(CALL, {"family": "Shop", "files": files[:1]})
    assert (call.status_code, call.json()["code"]) == (413, "too_large")
    assert not AgentVersion.objects.exists()


def test_who_may_not_import_reads_why_and_is_refused(client):
    client.force_login(UserFactory(roles=[Role.APPROVER]))
    assert "you need the role owner" in text_of(client.get(PAGE))
    sent = {"family": "Shop", "uploads": [upload("a.md", acts.definition())]}
    assert client.post(PAGE, sent).status_code == 403
    assert not AgentVersion.objects.exists()
    assert AuditEvent.objects.filter(kind="refused").count() == 1


def many(count: int, by) -> ImportRun:
    files = [
        Incoming(f"{number}.txt", skipped="It is no Markdown file.") for number in range(count)
    ]
    return import_many(files=files, family="x", by=by, at=NOW, source="command", name="many")


def test_the_page_of_a_large_import_is_shown_in_parts(client, olga):
    run = many(450, olga)
    first = client.get(f"/imports/{run.pk}/")
    assert len(first.context["rows"]) == 200
    assert "1 to 200 of 450" in text_of(first)
    last = client.get(f"/imports/{run.pk}/?page=3")
    assert len(last.context["rows"]) == 50


def test_the_list_of_imports_costs_the_same_for_few_and_for_many(client, olga):
    costs = []
    for more in (1, 60):
        for _ in range(more):
            many(1, olga)
        client.get("/imports/")
        with CaptureQueriesContext(connection) as queries:
            page = client.get("/imports/")
        costs.append(len(queries))
    assert costs[0] == costs[1]
    assert len(page.context["runs"]) == 50
    rest = client.get(f"/imports/{page.context['next']}")
    assert len(rest.context["runs"]) == 11
    assert client.get("/imports/?before=x").status_code == 404


def test_a_finding_is_fixed_by_its_button(client, olga):
    raw = b"\xef\xbb\xbf" + acts.definition().replace(b"Works for", b"Use when: it works for")
    version = acts.bring_in(olga, raw=raw)
    page = client.get(version.get_absolute_url())
    assert "Fix all 2 that are safe" in text_of(page)
    key = next(f["key"] for f in version.findings if f["code"] == "UNQUOTED_VALUE")
    place = f"{version.get_absolute_url()}fix/"
    answer = client.post(place, {"finding": key})
    assert answer["Location"] == "/agents/worker/versions/2/"
    mended = raw.replace(
        b"Use when: it works for the tests.", b'"Use when: it works for the tests."'
    )
    assert bytes(AgentVersion.objects.get(sequence=2).raw) == mended
    client.post("/agents/worker/versions/2/fix/", {"finding": "all"})
    assert bytes(AgentVersion.objects.get(sequence=3).raw) == mended[3:]
    assert "that are safe" not in text_of(client.get("/agents/worker/versions/3/"))
    assert client.post(place, {"finding": key}).status_code == 409


# Export


def exported(client, slug: str) -> tuple[dict[str, bytes], dict]:
    answer = client.get(f"/families/{slug}/export.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return files, json.loads(files.pop("manifest.json"))


def test_a_family_goes_out_as_it_came_in(client, olga):
    odd = "\ufeff---\r\nname: odd\r\n---\r\nText\r".encode("utf-16")
    files = [
        Incoming("a/one.md", acts.definition("one")),
        Incoming("a/odd.md", odd),
        Incoming("", acts.definition("pasted")),
        Incoming("manifest.json", acts.definition("sly")),
    ]
    import_many(files=files, family="Shop", by=olga, at=NOW, source="page", name="x")
    acts.bring_in(olga, raw=acts.definition("two"), family="Shop")
    newest = acts.bring_in(olga, raw=acts.definition("two", "Newer.\n"), family="Shop")
    got, manifest = exported(client, "shop")
    assert got == {
        "a/one.md": acts.definition("one"),
        "a/odd.md": odd,
        "pasted.md": acts.definition("pasted"),
        "sly/manifest.json": acts.definition("sly"),
        newest.filename: bytes(newest.raw),
    }
    told = {file["path"]: file["sha256"] for file in manifest["files"]}
    assert told == {name: hashlib.sha256(raw).hexdigest() for name, raw in got.items()}
    assert client.get("/families/none/export.zip").status_code == 404


# API


def called(client, body, **more):
    return client.post(CALL, json.dumps(body), content_type="application/json", **more)


def test_a_runner_brings_in_files_and_reads_what_became_of_them(client):
    runner = RunnerFactory(agents=["one"])
    _, plain = issue_key(
        runner_id=runner.pk, by=runner.owner, at=timezone.now(), scopes=[Scope.PROPOSE, Scope.READ]
    )
    headers = {"Authorization": f"Bearer {plain}"}
    files = [upload("one.md", acts.definition("one")), upload("two.md", acts.definition("two"))]
    sent = {"files": files, "paths": json.dumps(["a/one.md", "a/two.md"]), "family": "Shop"}
    answer = client.post(CALL, sent, headers=headers)
    assert answer.status_code == 201
    body = answer.json()
    assert [(row["file"], row["result"]) for row in body["results"]] == [
        ("a/one.md", "new"),
        ("a/two.md", "refused"),
    ]
    assert body["counts"]["refused"] == 1
    assert client.get(f"{CALL}{body['id']}/", headers=headers).json() == body
    others = RunnerFactory()
    _, key = issue_key(runner_id=others.pk, by=others.owner, at=timezone.now(), scopes=[Scope.READ])
    reader = {"Authorization": f"Bearer {key}"}
    assert client.get(f"{CALL}{body['id']}/", headers=reader).status_code == 404
    assert called(client, {"files": []}, headers=reader).status_code == 403


@pytest.mark.parametrize("paths", ["{", "{}", "[1]", "[" * 100_000])
def test_paths_that_are_no_json_list_are_refused_by_the_api(client, olga, paths):
    answer = client.post(CALL, {"files": upload("one.md", b"x"), "paths": paths, "family": "Shop"})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The paths are no JSON list of texts."


def test_paths_that_come_as_a_file_count_as_none(client, olga):
    sent = {"files": upload("one.md", acts.definition("one")), "paths": upload("paths", b"[")}
    answer = client.post(CALL, {**sent, "family": "Shop"})
    assert [row["file"] for row in answer.json()["results"]] == ["one.md"]


def test_half_a_character_in_an_unsafe_path_costs_the_other_files_nothing(client, olga):
    files = [upload(f"{name}.md", acts.definition(name)) for name in ("one", "two")]
    paths = json.dumps(["../\ud800.md", "two.md"])
    answer = client.post(CALL, {"files": files, "paths": paths, "family": "Shop"})
    assert [row["result"] for row in answer.json()["results"]] == ["refused", "new"]
    alone = client.post(CALL, {"files": files[0], "paths": '["../\\ud800.md"]', "family": "Shop"})
    assert alone.status_code == 400


def test_json_brings_texts_in(client, olga):
    files = [
        {"path": "one.md", "text": acts.definition("one").decode()},
        {"path": "../x", "text": ""},
    ]
    answer = called(client, {"files": files, "family": "Shop"})
    assert [row["result"] for row in answer.json()["results"]] == ["new", "refused"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"files": []}, 400), ({"files": "x"}, 400), ([], 400), ({"files": [1]}, 400)],
)
def test_a_body_that_says_nothing_is_refused(client, olga, body, status):
    answer = called(client, body)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert not ImportRun.objects.exists()
