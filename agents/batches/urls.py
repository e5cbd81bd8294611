from django.urls import path

from agents.batches import views

urlpatterns = [
    path("batches/", views.batches, name="batches"),
    path("batches/new/", views.batch_new, name="batch-new"),
    path("batches/<int:batch_id>/", views.batch, name="batch"),
    path("batches/<int:batch_id>/vote/", views.vote, name="batch-vote"),
    path("batches/<int:batch_id>/release/", views.release_all, name="batch-release"),
]
