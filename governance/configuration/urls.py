from django.urls import path

from governance.configuration import views

urlpatterns = [
    path("policies/changes/", views.changes, name="configuration-changes"),
    path(
        "policies/changes/<int:change_id>/confirm/",
        views.confirm,
        name="configuration-change-confirm",
    ),
    path(
        "policies/changes/<int:change_id>/simulate/",
        views.simulate,
        name="configuration-change-simulate",
    ),
    path(
        "policies/changes/<int:change_id>/refuse/",
        views.refuse,
        name="configuration-change-refuse",
    ),
]
