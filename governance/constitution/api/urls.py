from django.urls import path

from governance.constitution.api import views

VERSION = "constitution/versions/<int:sequence>/"

urlpatterns = [
    path("constitution/", views.Law.as_view(), name="api-constitution"),
    path(VERSION, views.Version.as_view(), name="api-constitution-version"),
    path(f"{VERSION}submit/", views.Submissions.as_view(), name="api-constitution-submit"),
    path(f"{VERSION}votes/", views.Votes.as_view(), name="api-constitution-votes"),
]
