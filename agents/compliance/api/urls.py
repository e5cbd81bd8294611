from django.urls import path

from agents.compliance.api import views

urlpatterns = [
    path(
        "agents/<slug:slug>/versions/<int:sequence>/matrix/",
        views.MatrixView.as_view(),
        name="api-agent-version-matrix",
    ),
    path(
        "constitution/versions/<int:sequence>/impact/",
        views.ImpactView.as_view(),
        name="api-amendment-impact",
    ),
]
