from django.urls import URLPattern, path

from governance.people.api import views

urlpatterns: list[URLPattern] = [path("me/", views.Me.as_view(), name="api-me")]
