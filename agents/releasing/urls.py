from django.urls import path

from agents.releasing import views

VERSION = "agents/<slug:slug>/versions/<int:sequence>/"

urlpatterns = [
    path("as-of/", views.past, name="as-of"),
    path("as-of/export.csv", views.past_csv, name="as-of-csv"),
    path("as-of/export.json", views.past_json, name="as-of-json"),
    path("families/<slug:slug>/suspend/", views.suspend_family, name="family-suspend"),
    path(
        "families/<slug:slug>/suspensions/<int:suspension_id>/lift/",
        views.lift_family,
        name="family-lift",
    ),
    path("agents/<slug:slug>/suspend/", views.suspend, name="agent-suspend"),
    path("agents/<slug:slug>/suspensions/<int:suspension_id>/lift/", views.lift, name="agent-lift"),
    path(
        "agents/<slug:slug>/releases/<int:release_id>/roll-back/",
        views.roll_back,
        name="agent-roll-back",
    ),
    path(f"{VERSION}release/", views.release, name="agent-version-release"),
    path(f"{VERSION}break-glass/", views.break_glass, name="agent-version-break-glass"),
]
