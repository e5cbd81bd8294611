from django.urls import path

from agents.compliance import views

MATRIX = "agents/<slug:slug>/versions/<int:sequence>/matrix/"
WAIVER = "constitution/waivers/<int:waiver_id>/"

urlpatterns = [
    path(MATRIX, views.matrix, name="agent-version-matrix"),
    path(f"{MATRIX}judge/", views.judge, name="agent-version-judge"),
    path(f"{MATRIX}waivers/", views.ask_waiver, name="agent-version-waiver"),
    path("agents/stale/", views.stale, name="stale-approvals"),
    path("constitution/versions/<int:sequence>/impact/", views.impact, name="amendment-impact"),
    path("constitution/waivers/", views.waivers, name="waivers"),
    path(f"{WAIVER}grant/", views.grant_waiver, name="waiver-grant"),
    path(f"{WAIVER}end/", views.end_waiver, name="waiver-end"),
]
