from django.urls import include, path

from governance.people import views

urlpatterns = [
    path("account/", include("allauth.urls")),
    path("runners/", views.runners, name="runners"),
    path("runners/keys/<int:key_id>/revoke/", views.revoke_key, name="runner-key-revoke"),
    path("runners/<slug:slug>/", views.runner, name="runner"),
    path("runners/<slug:slug>/keys/", views.issue_key, name="runner-key-issue"),
]
