from django.urls import path

from governance.audit import views

urlpatterns = [
    path(".well-known/jwks.json", views.keys, name="jwks"),
]
