from django.urls import path

from agents.reviewing import views

urlpatterns = [path("policies/reviews/", views.policies, name="review-policies")]
