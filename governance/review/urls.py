from django.urls import path

from governance.review import views

urlpatterns = [
    path("reviews/<int:review_id>/", views.review, name="review"),
    path("reviews/<int:review_id>/seen/", views.seen, name="review-seen"),
    path("reviews/<int:review_id>/withdraw/", views.withdraw, name="review-withdraw"),
    path("reviews/<int:review_id>/comments/", views.comment, name="review-comment"),
    path("reviews/comments/<int:comment_id>/resolve/", views.resolve, name="review-resolve"),
]
