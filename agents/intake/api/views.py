"""Bring many definitions in by one call, and read what became of each."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.intake.api.serializers import ImportBodySerializer, ImportSerializer
from agents.intake.archives import Incoming, from_texts, from_uploads
from agents.intake.forms import MOST_FILES, named_by, paths_in
from agents.intake.permissions import run_for
from agents.intake.services import import_many
from governance.base.errors import InvalidInput, TooLarge
from governance.base.json_bodies import JSONParser
from governance.base.uploads import told_length
from governance.people.api.permissions import person_or_runner_with, principal_of
from governance.people.models import Scope

MAX_JSON = 4 * 1024 * 1024


class Imports(APIView):
    permission_classes = [person_or_runner_with(Scope.PROPOSE)]
    parser_classes = [MultiPartParser, JSONParser]

    @extend_schema(
        operation_id="imports_create",
        request={
            "multipart/form-data": {
                "type": "object",
                "properties": {
                    "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    "paths": {"type": "string", "description": "JSON list, one for each file."},
                    "family": {"type": "string"},
                    "family_per_folder": {"type": "boolean"},
                    "everything": {"type": "boolean"},
                },
            },
            "application/json": ImportBodySerializer,
        },
        responses={201: ImportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Bring in files or a zip. Each is on its own: `results` says what became of it."""
        _check_length(request)
        sent = ImportBodySerializer(data=_body(request))
        sent.is_valid(raise_exception=True)
        said = sent.validated_data
        run = import_many(
            files=_files(request, said),
            family=said["family"],
            by=principal_of(request),
            at=timezone.now(),
            source="api",
            name="API",
            family_per_folder=said["family_per_folder"],
        )
        return Response(ImportSerializer(run).data, status=201)


def _check_length(request: Request) -> None:
    is_json = (request.content_type or "").startswith("application/json")
    if is_json and told_length(request.META) > MAX_JSON:
        raise TooLarge("As JSON at most 4 MB; send more as multipart/form-data.", limit=MAX_JSON)


def _is_form(request: Request) -> bool:
    return (request.content_type or "").startswith("multipart/")


def _body(request: Request) -> Any:
    """The JSON body; of a form what stands beside its files."""
    if not _is_form(request):
        return request.data
    sent: Any = request.data
    beside = ("family", "family_per_folder", "everything")
    return {"files": [], **{name: sent[name] for name in beside if name in sent}}


def _files(request: Request, said: Any) -> list[Incoming]:
    if not _is_form(request):
        return from_texts((file["path"], file["text"]) for file in said["files"])
    uploads: Any = request.FILES.getlist("files")
    if len(uploads) > MOST_FILES:
        raise TooLarge(f"At most {MOST_FILES:,} files at once.", limit=MOST_FILES)
    return from_uploads(named_by(uploads, _paths(request)), everything=said["everything"])


def _paths(request: Request) -> list[str]:
    paths = paths_in(request.POST.get("paths", ""))
    if paths is None:
        raise InvalidInput("The paths are no JSON list of texts.")
    return paths


class ImportDetail(APIView):
    permission_classes = [person_or_runner_with(Scope.READ)]

    @extend_schema(operation_id="imports_read", responses=ImportSerializer)
    def get(self, request: Request, run_id: int) -> Response:
        """What became of each file of an import. A runner reads its own only."""
        return Response(ImportSerializer(run_for(request.user, run_id)).data)
