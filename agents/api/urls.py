from django.urls import include, path, re_path

from agents.api import views

urlpatterns = [
    path("", include("agents.intake.api.urls")),
    path("", include("agents.editor.api.urls")),
    path("", include("agents.ledger.api.urls")),
    path("", include("agents.family.api.urls")),
    path("", include("agents.compliance.api.urls")),
    path("", include("agents.batches.api.urls")),
    path("", include("agents.releasing.api.urls")),
    path("", include("agents.reviewing.api.urls")),
    path("agents/", views.AgentList.as_view(), name="api-agents"),
    path("agents/check/", views.Check.as_view(), name="api-agents-check"),
    path("agents/<slug:slug>/", views.AgentDetail.as_view(), name="api-agent"),
    path("agents/<slug:slug>/versions/", views.VersionList.as_view(), name="api-agent-versions"),
    path(
        "agents/<slug:slug>/versions/<int:sequence>/diff/",
        views.VersionDiff.as_view(),
        name="api-agent-version-diff",
    ),
    re_path(
        r"^agents/(?P<slug>[-\w]+)/resolve/?$", views.Resolve.as_view(), name="api-agent-resolve"
    ),
]
