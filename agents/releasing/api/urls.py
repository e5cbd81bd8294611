from django.urls import path

from agents.releasing.api import views

urlpatterns = [
    path("as-of/", views.AsOfView.as_view(), name="api-as-of"),
    path("bundle/", views.BundleView.as_view(), name="api-bundle"),
]
