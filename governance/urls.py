"""Every address of the portal. Apps are named by string: nothing here imports them."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.utils.module_loading import import_string
from django.views.generic import RedirectView

# The admin signs in where everybody does: passwords, codes, passkeys and their limits hold.
admin.site.login = import_string("allauth.account.decorators.secure_admin_login")(admin.site.login)  # type: ignore[method-assign]  # as allauth documents
admin.site.site_header = admin.site.site_title = "Agent governance"
admin.site.index_title = "Administration"

api: list[URLPattern | URLResolver] = [
    path("", include("governance.people.api.urls")),
    path("", include("governance.history.api.urls")),
    path("", include("governance.constitution.api.urls")),
    path("", include("agents.api.urls")),
    path("", include("escalations.api.urls")),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("escalations.urls")),
    path("", include("agents.urls")),
    path("", include("governance.constitution.urls")),
    path("", include("governance.review.urls")),
    path("", include("governance.configuration.urls")),
    path("", include("governance.asking.urls")),
    path("", include("governance.history.urls")),
    path("", include("governance.people.urls")),
    path("", include("governance.audit.urls")),
    path("", include("governance.base.urls")),
    path("api/v1/", include(api)),
    # The account page tells the owner by mail, and ends other sessions.
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
]
