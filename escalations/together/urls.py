from django.urls import URLPattern, path

from escalations.together import views

urlpatterns: list[URLPattern] = [
    path("cases/group/<slug:group_key>/", views.group, name="case-group"),
    path("cases/together/", views.together, name="case-together"),
]
