from django.urls import path

from governance.asking.channels import views

urlpatterns = [
    path("push-worker.js", views.worker, name="push-worker"),
    path("me/push/", views.page, name="push"),
    path("me/push/on/", views.subscribe, name="push-subscribe"),
    path("me/push/test/", views.test, name="push-test"),
    path("me/push/<int:subscription_id>/remove/", views.remove, name="push-remove"),
]
