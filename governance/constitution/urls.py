from django.urls import path

from governance.constitution import editing, views

VERSION = "constitution/versions/<int:sequence>/"

urlpatterns = [
    path("constitution/", views.constitution, name="constitution"),
    path("constitution/import/", views.bring_in, name="constitution-import"),
    path("constitution/edit/", editing.edit, name="constitution-edit"),
    path(VERSION, views.version, name="constitution-version"),
    path(f"{VERSION}raw/", views.raw, name="constitution-raw"),
    path(f"{VERSION}diff/", views.diff, name="constitution-diff"),
    path(f"{VERSION}report/", views.report, name="constitution-report"),
    path(f"{VERSION}submit/", views.submit, name="constitution-submit"),
    path(f"{VERSION}vote/", views.vote, name="constitution-vote"),
    path(
        f"{VERSION}findings/<slug:finding_key>/acknowledge/",
        views.acknowledge,
        name="constitution-acknowledge",
    ),
]
