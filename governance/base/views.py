from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@login_required
@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component of the design system in every state."""
    return render(request, "styleguide.html")
