from django.urls import path

from agents.batches.api import views

urlpatterns = [
    path("batches/", views.BatchList.as_view(), name="api-batches"),
    path("batches/<int:batch_id>/", views.BatchDetail.as_view(), name="api-batch"),
    path("batches/<int:batch_id>/votes/", views.BatchVotes.as_view(), name="api-batch-votes"),
]
