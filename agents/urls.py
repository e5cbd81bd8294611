from django.urls import include, path

from agents import views

VERSION = "agents/<slug:slug>/versions/<int:sequence>/"

urlpatterns = [
    # Before the agents themselves: a family, an import or a batch is no agent's name.
    path("", include("agents.intake.urls")),
    path("", include("agents.editor.urls")),
    path("", include("agents.ledger.urls")),
    path("", include("agents.family.urls")),
    path("", include("agents.compliance.urls")),
    path("", include("agents.batches.urls")),
    path("", include("agents.releasing.urls")),
    path("", include("agents.ownership.urls")),
    path("", include("agents.reviewing.urls")),
    path("agents/", views.agents, name="agents"),
    path("agents/<slug:slug>/", views.agent, name="agent"),
    path(VERSION, views.agent_version, name="agent-version"),
    path(f"{VERSION}diff/", views.diff, name="agent-version-diff"),
    path(f"{VERSION}raw/", views.raw, name="agent-version-raw"),
]
