from django.urls import URLPattern, path

from escalations.insights import views

urlpatterns: list[URLPattern] = [path("insights/", views.insights, name="insights")]
