from django.urls import path

from agents.reviewing.api import views

urlpatterns = [
    path(
        "agents/<slug:slug>/versions/<int:sequence>/reviews/",
        views.Reviews.as_view(),
        name="api-agent-version-reviews",
    ),
]
