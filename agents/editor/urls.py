from django.urls import path

from agents.editor import views

urlpatterns = [
    path("agents/new/", views.new, name="agent-new"),
    path("agents/<slug:slug>/edit/", views.edit, name="agent-edit"),
    path(
        "agents/<slug:slug>/versions/<int:sequence>/opened/",
        views.opened,
        name="agent-version-opened",
    ),
]
