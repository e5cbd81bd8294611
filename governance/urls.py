from django.urls import include, path

urlpatterns = [
    path("", include("governance.audit.urls")),
    path("", include("governance.people.urls")),
]
