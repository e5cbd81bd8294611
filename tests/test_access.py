"""Who gets in where: every named address of the portal, against every kind of caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from agents.batches.services import open_batch
from agents.compliance.services import ask_waiver
from agents.intake.archives import Incoming
from agents.intake.services import import_many
from agents.models import Family
from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from governance.asking.channels.subscriptions import subscribe
from governance.asking.links import link_for, token_of
from governance.asking.models import Ask
from governance.people.away import enter_absence
from governance.people.models import Role
from governance.people.own_hours import add_quiet_hours
from governance.people.services import issue_key
from governance.review.comments import comment
from governance.review.models import Review
from tests.agents import acts as agent_acts
from tests.agents.ledger import acts as ledger_acts
from tests.asking.channels import test_webpush
from tests.configuration import acts as configuration_acts
from tests.constitution import acts as law_acts
from tests.escalations import acts as case_acts
from tests.escalations.precedents import acts as precedent_acts
from tests.factories import RunnerFactory, UserFactory

# A superuser without a role is nobody special. `L` is the way to the sign-in page.
ACTORS = ("anonymous", "stranger", *Role.values, "superuser", "runner")
PAGES = """
                                       anon strn ownr appr audi admi supr runr
GET  inbox                                L  403  200  200  200  200  403    L
GET  insights                             L  403  200  200  200  200  403    L
GET  inbox-rows                           L  403  200  200  200  200  403    L
GET  case                                 L  403  200  200  200  200  403    L
POST case-decide                          L  403  403  302  403  403  403    L
POST case-ask                             L  403  403  302  403  403  403    L
POST case-dismiss                           L  403  403  409  403  403  403    L
POST case-seen                            L  403  204  204  204  204  403    L
GET  case-group                           L  403  200  200  200  200  403    L
POST case-group                           L  403  400  400  400  400  403    L
GET  case-together                        L  403  200  200  200  200  403    L
POST case-together                        L  403  400  400  400  400  403    L
GET  case-by-mail                       404  404  404  404  404  404  404  404
POST case-by-mail                       404  404  404  404  404  404  404  404
POST case-opened                          L  403  204  204  204  204  403    L
GET  precedents                           L  403  200  200  200  200  403    L
GET  decisions-explained                  L  403  200  200  200  200  403    L
POST precedent-withdraw                   L  403  403  302  403  403  403    L
POST case-precedent                       L  403  403  302  403  403  403    L
GET  case-draft                           L  403  200  200  200  200  403    L
GET  case-standing                        L  403  403  200  403  403  403    L
POST case-standing                        L  403  403  302  403  403  403    L
GET  standing                             L  403  200  200  200  200  403    L
GET  standing-decision                    L  403  200  200  200  200  403    L
POST standing-revoke                      L  403  403  302  403  403  403    L
GET  proposals                            L  403  200  200  200  200  403    L
POST proposal-take                        L  403  302  403  403  403  403    L
POST proposal-decline                     L  403  302  403  403  403  403    L
POST case-revoke                          L  403  404  404  404  404  403    L
GET  agents                               L  403  200  200  200  200  403    L
GET  agents-import                        L  403  200  200  200  200  403    L
POST agents-import                        L  403  302  403  403  403  403    L
GET  import-runs                          L  403  200  200  200  200  403    L
GET  import-run                           L  403  200  200  200  200  403    L
GET  family-export                        L  403  200  200  200  200  403    L
POST agent-version-fix                    L  403  302  403  403  403  403    L
GET  agent                                L  403  200  200  200  200  403    L
GET  rules                                L  403  200  200  200  200  403    L
GET  agent-rules                          L  403  200  200  200  200  403    L
POST agent-rules-accept                   L  403  403  302  403  403  403    L
GET  agent-rule                           L  403  200  200  200  200  403    L
POST agent-rule                           L  403  403  302  403  403  403    L
POST agent-rule-try                       L  403  200  200  200  200  403    L
POST rule-loosening-confirm               L  403  403  302  403  403  403    L
POST rule-loosening-refuse                L  403  403  302  403  403  403    L
POST agent-suspend                        L  403  302  302  403  302  403    L
POST agent-lift                           L  403  302  302  403  302  403    L
GET  agent-new                            L  403  200  200  200  200  403    L
POST agent-new                              L  403  302  403  403  403  403    L
GET  agent-edit                           L  403  200  200  200  200  403    L
POST agent-edit                             L  403  302  403  403  403  403    L
POST agent-version-opened                   L  403  302  302  302  302  403    L
GET  agent-version                        L  403  200  200  200  200  403    L
GET  agent-version-raw                    L  403  200  200  200  200  403    L
POST agent-version-submit                 L  403  302  403  403  403  403    L
POST agent-version-vote                   L  403  403  302  403  403  403    L
POST agent-version-release                L  403  302  302  403  403  403    L
GET  agent-version-release                L  403  200  200  200  200  403    L
GET  agent-version-break-glass            L  403  302  302  302  302  403    L
POST agent-version-break-glass            L  403  302  302  302  302  403    L
GET  agent-roll-back                      L  403  200  200  200  200  403    L
POST agent-roll-back                      L  403  409  409  403  403  403    L
GET  family-suspend                       L  403  200  200  200  200  403    L
POST family-suspend                       L  403  302  302  403  302  403    L
POST family-lift                          L  403  302  302  403  302  403    L
GET  as-of                                L  403  200  200  200  200  403    L
GET  as-of-csv                            L  403  200  200  200  200  403    L
GET  as-of-json                           L  403  200  200  200  200  403    L
GET  agent-version-diff                   L  403  200  200  200  200  403    L
GET  batches                              L  403  200  200  200  200  403    L
GET  batch-new                            L  403  200  200  200  200  403    L
POST batch-new                            L  403  302  403  403  403  403    L
GET  batch                                L  403  200  200  200  200  403    L
POST batch-vote                           L  403  403  302  403  403  403    L
POST batch-release                        L  403  200  200  403  403  403    L
GET  families                             L  403  200  200  200  200  403    L
GET  family                               L  403  200  200  200  200  403    L
GET  family-csv                           L  403  200  200  200  200  403    L
GET  family-markdown                      L  403  200  200  200  200  403    L
GET  agent-version-matrix                 L  403  200  200  200  200  403    L
POST agent-version-judge                  L  403  403  302  403  403  403    L
POST agent-version-waiver                 L  403  302  403  403  403  403    L
GET  stale-approvals                      L  403  200  200  200  200  403    L
GET  amendment-impact                     L  403  200  200  200  200  403    L
GET  waivers                              L  403  200  200  200  200  403    L
POST waiver-grant                         L  403  403  302  403  403  403    L
POST waiver-end                           L  403  302  302  403  403  403    L
GET  review-policies                      L  403  200  200  200  200  403    L
GET  configuration-changes                L  403  403  403  200  200  403    L
POST configuration-change-confirm         L  403  403  403  403  302  403    L
POST configuration-change-refuse          L  403  403  403  403  302  403    L
POST configuration-change-simulate          L  403  403  403  200  200  403    L
GET  policy-simulate                      L  403  200  200  200  200  403    L
GET  agent-ownership                      L  403  200  200  200  200  403    L
POST agent-ownership                      L  403  302  403  403  302  403    L
POST agent-tier                           L  403  302  403  403  302  403    L
GET  constitution                         L  404  200  200  200  200  404    L
POST constitution-import                  L  404  302  403  403  403  404    L
GET  constitution-edit                    L  404  200  200  200  200  404    L
POST constitution-edit                      L  404  302  403  403  403  404    L
GET  constitution-version                 L  404  200  200  200  200  404    L
GET  constitution-raw                     L  404  200  200  200  200  404    L
GET  constitution-diff                    L  404  200  200  200  200  404    L
GET  constitution-report                  L  404  200  200  200  200  404    L
POST constitution-submit                  L  404  409  403  403  403  404    L
POST constitution-vote                    L  404  403  302  403  403  404    L
POST constitution-acknowledge             L  404  403  302  403  403  404    L
GET  review                               L  404  302  302  302  302  404    L
POST review-seen                          L  404  204  204  204  204  404    L
POST review-withdraw                      L  404  302  403  403  403  404    L
POST review-comment                       L  404  302  302  403  403  404    L
POST review-resolve                       L  403  302  302  403  403  403    L
POST ask-claim                            L  404  403  302  403  403  404    L
POST ask-release-claim                    L  404  302  302  302  302  404    L
POST ask-hand-over                          L  404  403  302  403  403  404    L
POST ask-snooze                             L  404  403  302  302  302  404    L
POST ask-snooze-end                         L  404  302  302  302  302  404    L
POST ask-watch                              L  404  302  302  302  302  404    L
POST ask-unwatch                            L  404  302  302  302  302  404    L
POST ask-nudge                              L  404  409  409  409  409  404    L
POST ask-comment                            L  404  302  302  403  302  404    L
GET  me                                   L  200  200  200  200  200  200    L
POST me-time-zone                           L  302  302  302  302  302  302    L
POST me-quiet-hours                         L  302  302  302  302  302  302    L
POST me-quiet-hours-remove                  L  404  404  302  404  404  404    L
POST me-away                                L  302  302  409  302  302  302    L
POST me-digest                              L  302  302  302  302  302  302    L
GET  absences                             L  403  200  200  200  200  403    L
POST absences                               L  403  403  403  403  302  403    L
POST absence-end                            L  404  404  302  404  302  404    L
GET  history                              L  403  403  403  200  200  403    L
GET  operations                           L  403  403  403  200  200  403    L
GET  push                                 L  403  200  200  200  200  403    L
POST push-subscribe                       L  403  204  204  204  204  403    L
POST push-test                            L  403  302  302  302  302  403    L
POST push-remove                          L  404  302  404  404  404  404    L
GET  runners                              L  403  200  403  403  200  403    L
POST runners                              L  403  302  403  403  302  403    L
GET  runner                               L  403  200  403  403  200  403    L
POST runner-key-issue                     L  404  200  404  404  200  404    L
POST runner-key-revoke                    L  404  302  404  404  302  404    L
GET  styleguide                           L  404  200  200  200  200  200    L
GET  api-docs                             L  403  200  200  200  200  403    L
"""
API = """
                                       anon strn ownr appr audi admi supr runr
GET  api-schema                         401  403  200  200  200  200  403  200
GET  api-me                             401  403  403  403  403  403  403  200
GET  api-audit-events                   401  403  403  403  200  200  403  403
GET  api-constitution                   401  403  200  200  200  200  403  200
GET  api-constitution-version           401  403  200  200  200  200  403  404
POST api-constitution-submit            401  403  409  403  403  403  403  403
POST api-constitution-votes             401  403  403  200  403  403  403  403
GET  api-agents                         401  403  200  200  200  200  403  200
POST api-imports                        401  403  201  403  403  403  403  201
GET  api-import                         401  403  200  200  200  200  403  404
GET  api-families                       401  403  200  200  200  200  403  200
GET  api-family-report                  401  403  200  200  200  200  403  200
POST api-agents-check                   401  403  200  200  200  200  403  200
GET  api-agent                          401  403  200  200  200  200  403  200
GET  api-agent-versions                 401  403  200  200  200  200  403  200
POST api-agent-versions                 401  403  201  403  403  403  403  201
GET  api-agent-version-diff             401  403  200  200  200  200  403  200
GET  api-as-of                          401  403  200  200  200  200  403  200
GET  api-bundle                         401  403  200  200  200  200  403  200
GET  api-agent-version-matrix           401  403  200  200  200  200  403  200
GET  api-amendment-impact               401  403  200  200  200  200  403  403
POST api-agent-version-reviews          401  403  201  403  403  403  403  403
GET  api-agent-resolve                  401  403  200  200  200  200  403  200
GET  api-batches                        401  403  200  200  200  200  403  403
POST api-batches                        401  403  201  403  403  403  403  403
GET  api-batch                          401  403  200  200  200  200  403  403
POST api-batch-votes                    401  403  403  200  403  403  403  403
POST api-guard                          401  403  403  403  403  403  403  200
GET  api-cases                          401  403  200  200  200  200  403  200
POST api-cases                          401  403  403  403  403  403  403  201
GET  api-cases-kept                     401  403  403  403  403  403  403  200
GET  api-case                           401  403  200  200  200  200  403  200
GET  api-case-wait                      401  403  200  200  200  200  403  200
GET  api-case-events                    401  403  200  200  200  200  403  200
POST api-case-messages                  401  403  403  403  403  403  403  409
POST api-case-withdraw                  401  403  403  403  403  403  403  200
POST api-case-fetched                   401  403  403  403  403  403  403  409
POST api-case-consume                   401  403  403  403  403  403  403  409
POST api-case-outcome                   401  403  403  403  403  403  403  409
POST api-case-ballots                   401  403  403  201  403  403  403  403
"""
OPEN = """
                                       anon strn ownr appr audi admi supr runr
GET  review-link                        302  302  302  302  302  302  302  302
GET  review-landing                     404  404  404  404  404  404  404  404
POST review-switch                        L    L    L    L    L    L    L    L
GET  push-worker                        200  200  200  200  200  200  200  200
GET  health-live                        200  200  200  200  200  200  200  200
GET  health-ready                       200  200  200  200  200  200  200  200
GET  health-scheduler                   503  503  503  503  503  503  503  503
GET  mailbox                            404  404  404  404  404  404  404  404
GET  mailbox-message                    404  404  404  404  404  404  404  404
GET  jwks                               200  200  200  200  200  200  200  200
"""
ACCOUNT = """
                                       anon strn ownr appr audi admi supr runr
GET  account_login                      200  302  302  302  302  302  302  200
GET  account_logout                     302  200  200  200  200  200  200  302
GET  account_inactive                   200  200  200  200  200  200  200  200
GET  account_signup                     200  302  302  302  302  302  302  200
GET  account_reauthenticate               L  200  200  200  200  200  200    L
GET  account_email                        L  200  200  200  200  200  200    L
GET  account_email_verification_sent    200  200  200  200  200  200  200  200
GET  account_confirm_email              200  200  200  200  200  200  200  200
GET  account_change_password                L  200  200  200  200  200  200    L
GET  account_set_password                   L  302  302  302  302  302  302    L
GET  account_reset_password             200  200  200  200  200  200  200  200
GET  account_reset_password_done        200  200  200  200  200  200  200  200
GET  account_reset_password_from_key    200  200  200  200  200  200  200  200
GET  account_reset_password_from_key_done 200 200 200 200 200 200 200 200
GET  account_confirm_login_code           L  302  302  302  302  302  302    L
GET  mfa_index                            L  200  200  200  200  200  200    L
GET  mfa_authenticate                     L  302  302  302  302  302  302    L
GET  mfa_reauthenticate                   L  302  302  302  302  302  302    L
GET  mfa_activate_totp                    L  302  302  302  302  302  302    L
GET  mfa_deactivate_totp                  L  404  404  404  404  404  404    L
GET  mfa_view_recovery_codes              L  404  404  404  404  404  404    L
GET  mfa_generate_recovery_codes          L  302  302  302  302  302  302    L
GET  mfa_download_recovery_codes          L  404  404  404  404  404  404    L
GET  mfa_list_webauthn                    L  200  200  200  200  200  200    L
GET  mfa_add_webauthn                     L  302  302  302  302  302  302    L
GET  mfa_edit_webauthn                      L  302  302  302  302  302  302    L
GET  mfa_remove_webauthn                    L  302  302  302  302  302  302    L
GET  mfa_reauthenticate_webauthn          L  302  302  302  302  302  302    L
GET  mfa_login_webauthn                   L  302  302  302  302  302  302    L
GET  socialaccount_connections            L  200  200  200  200  200  200    L
GET  socialaccount_login_cancelled      200  200  200  200  200  200  200  200
GET  socialaccount_login_error          401  401  401  401  401  401  401  401
GET  socialaccount_signup                 L    L    L    L    L    L    L    L
GET  openid_connect_login               404  404  404  404  404  404  404  404
GET  openid_connect_callback            404  404  404  404  404  404  404  404
GET  usersessions_list                    L  200  200  200  200  200  200    L
GET  admin:index                            L    L  200  200  200  200  200    L
GET  admin:app_list                       L    L  200  200  200  200  404    L
GET  admin:escalations_escalation_decide  L    L  403  200  403  403  403    L
GET  admin:login                          L  403  302  302  302  302  302    L
POST admin:logout                         302  302  200  200  200  200  200  302
GET  admin:password_change                302  302  302  302  302  302  302  302
GET  admin:password_change_done             L    L  200  200  200  200  200    L
GET  admin:autocomplete                     L    L  403  403  403  403  403    L
GET  admin:jsi18n                           L    L  200  200  200  200  200    L
GET  admin:view_on_site                     L    L  404  404  404  404  404    L
"""
# Models in the admin whose rows are configured there; everything else is read there.
CONFIGURED = {
    "people.Team",
    "people.User",
    "asking.Policy",
    "agents.Family",
    "agents.Environment",
    "agents.ReviewRule",
}
# Of these, rows may go: what that loosens waits for a second administrator.
DELETED = {"agents.ReviewRule"}
LISTED = "L L 200 200 200 200 403 L"
CLOSED = "L L 403 403 403 403 403 L"
CONFIGURING = "L L 403 403 403 200 403 L"

# What is asked for; names in braces come from the world.
ARGUMENTS = {
    "account_confirm_email": {"key": "x"},
    "account_reset_password_from_key": {"uidb36": "1", "key": "x"},
    "admin:app_list": {"app_label": "people"},
    "admin:escalations_escalation_decide": {"pk": "{case_id}"},
    "admin:view_on_site": {"content_type_id": 1, "object_id": 1},
    "agent": {"slug": "worker"},
    "agent-edit": {"slug": "worker"},
    "agent-lift": {"slug": "halted", "suspension_id": "{suspension}"},
    "agent-roll-back": {"slug": "worker", "release_id": "{release}"},
    "agent-ownership": {"slug": "halted"},
    "agent-tier": {"slug": "halted"},
    "agent-rule": {"slug": "worker", "key": "{rule}"},
    "agent-rule-try": {"slug": "worker", "key": "{rule}"},
    "agent-rules": {"slug": "worker"},
    "agent-rules-accept": {"slug": "worker"},
    "agent-suspend": {"slug": "worker"},
    "agent-version": {"slug": "worker", "sequence": 1},
    "agent-version-break-glass": {"slug": "worker", "sequence": 1},
    "agent-version-diff": {"slug": "worker", "sequence": 1},
    "agent-version-fix": {"slug": "broken", "sequence": 1},
    "agent-version-judge": {"slug": "worker", "sequence": 1},
    "agent-version-matrix": {"slug": "worker", "sequence": 1},
    "agent-version-waiver": {"slug": "worker", "sequence": 1},
    "amendment-impact": {"sequence": "{law}"},
    "case-draft": {"escalation_id": "{kept_case}", "kind": "rule"},
    "case-precedent": {"escalation_id": "{kept_case}"},
    "case-standing": {"escalation_id": "{kept_case}"},
    "precedent-withdraw": {"precedent_id": "{precedent}"},
    "proposal-decline": {"proposal_id": "{proposal}"},
    "proposal-take": {"proposal_id": "{proposal}"},
    "standing-decision": {"standing_id": "{standing}"},
    "standing-revoke": {"standing_id": "{standing}"},
    "api-agent-version-matrix": {"slug": "worker", "sequence": 1},
    "api-amendment-impact": {"sequence": "{law}"},
    "waiver-end": {"waiver_id": "{waiver}"},
    "waiver-grant": {"waiver_id": "{waiver}"},
    "agent-version-opened": {"slug": "worker", "sequence": 1},
    "agent-version-raw": {"slug": "worker", "sequence": 1},
    "agent-version-release": {"slug": "approved", "sequence": 1},
    "agent-version-submit": {"slug": "halted", "sequence": 1},
    "agent-version-vote": {"slug": "reviewed", "sequence": 1},
    "api-agent": {"slug": "worker"},
    "api-agent-resolve": {"slug": "worker"},
    "api-agent-version-diff": {"slug": "worker", "sequence": 1},
    "api-agent-version-reviews": {"slug": "halted", "sequence": 1},
    "api-agent-versions": {"slug": "worker"},
    "api-batch": {"batch_id": "{batch}"},
    "api-batch-votes": {"batch_id": "{batch}"},
    "api-import": {"run_id": "{run}"},
    "api-family-report": {"slug": "sample"},
    "api-constitution-submit": {"sequence": "{law}"},
    "api-constitution-version": {"sequence": "{law}"},
    "api-constitution-votes": {"sequence": "{plain_law}"},
    "batch": {"batch_id": "{batch}"},
    "batch-release": {"batch_id": "{batch}"},
    "batch-vote": {"batch_id": "{batch}"},
    "case-group": {"group_key": "{case_group}"},
    "case-together": {},
    "configuration-change-confirm": {"change_id": "{loosening}"},
    "configuration-change-refuse": {"change_id": "{loosening}"},
    "configuration-change-simulate": {"change_id": "{loosening}"},
    "constitution-acknowledge": {"sequence": "{law}", "finding_key": "{finding}"},
    "constitution-diff": {"sequence": "{law}"},
    "constitution-raw": {"sequence": "{law}"},
    "constitution-report": {"sequence": "{law}"},
    "constitution-submit": {"sequence": "{law}"},
    "constitution-version": {"sequence": "{law}"},
    "constitution-vote": {"sequence": "{plain_law}"},
    "family-lift": {"slug": "idle", "suspension_id": "{family_suspension}"},
    "family-suspend": {"slug": "sample"},
    "family-export": {"slug": "sample"},
    "import-run": {"run_id": "{run}"},
    "family": {"slug": "sample"},
    "family-csv": {"slug": "sample"},
    "family-markdown": {"slug": "sample"},
    "mailbox-message": {"key": "x"},
    "mfa_edit_webauthn": {"pk": 1},
    "mfa_remove_webauthn": {"pk": 1},
    "openid_connect_callback": {"provider_id": "sso"},
    "openid_connect_login": {"provider_id": "sso"},
    "review": {"review_id": "{review}"},
    "review-comment": {"review_id": "{review}"},
    "review-resolve": {"comment_id": "{comment}"},
    "ask-claim": {"ask_id": "{ask}"},
    "ask-release-claim": {"ask_id": "{ask}"},
    "ask-hand-over": {"ask_id": "{ask}"},
    "ask-snooze": {"ask_id": "{ask}"},
    "ask-snooze-end": {"ask_id": "{ask}"},
    "ask-watch": {"ask_id": "{ask}"},
    "ask-unwatch": {"ask_id": "{ask}"},
    "ask-nudge": {"ask_id": "{ask}"},
    "ask-comment": {"ask_id": "{ask}"},
    "me-quiet-hours-remove": {"window_id": "{quiet_hours}"},
    "absence-end": {"absence_id": "{absence}"},
    "push-remove": {"subscription_id": "{browser}"},
    "review-link": {"token": "{token}"},
    "review-seen": {"review_id": "{review}"},
    "review-withdraw": {"review_id": "{review}"},
    "rule-loosening-confirm": {"stance_id": "{stance}"},
    "rule-loosening-refuse": {"stance_id": "{stance}"},
    "runner": {"slug": "build"},
    "runner-key-issue": {"slug": "build"},
    "runner-key-revoke": {"key_id": "{key_id}"},
}
VOTE = {"verdict": "approve"}
SENT: dict[str, dict[str, Any]] = {
    "agent-ownership": {"owner": "{owner}"},
    "agent-tier": {"tier": "high"},
    "agent-edit": {"act": "save", "newest": 1, "text": "{definition_of_worker}"},
    "agent-new": {
        "act": "save",
        "filename": "fresh.md",
        "family": "sample",
        "text": "{definition}",
    },
    "agent-roll-back": {"reason": "Wrong answers."},
    "agent-rule": {"rule_class": "advisory"},
    "agent-rule-try": {"rule_class": "gated", "presets": ["secrets"], "try_command": "ls"},
    "agent-rules-accept": {"key": "{rule}"},
    "agent-suspend": {"reason": "Wrong answers."},
    "family-suspend": {"reason": "Wrong answers."},
    "agent-version-judge": {"test-first-verdict": "pass", "test-first-evidence": "Line 15."},
    "agent-version-opened": {"part": "text"},
    "agent-version-waiver": {
        "principle": "test-first",
        "reason": "The tests come later.",
        "last_day": "{waiver_day}",
    },
    "agent-version-release": {"environment": "production"},
    "agent-version-vote": VOTE | {"seen_sha256": "{reviewed_sha256}"},
    "agent-version-fix": {"finding": "all"},
    "agents-import": {"family": "sample", "text": "{definition}"},
    "api-imports": {"files": "{files}", "family": "sample"},
    "api-agent-versions": {"text": "{definition_of_worker}"},
    "api-agents-check": {"text": "{definition}"},
    "api-batch-votes": VOTE | {"seen_sha256": "{batch_sha256}"},
    "api-batches": {"kind": "baseline", "version_ids": ["{draft}"]},
    "batch-new": {"kind": "baseline", "version": "{draft}"},
    "batch-release": {"environment": "production"},
    "batch-vote": VOTE | {"seen_sha256": "{batch_sha256}"},
    "api-case-ballots": {
        "verdict": "approved_option",
        "option": "jwt",
        "seen_sha256": "{case_sha256}",
    },
    "api-case-consume": {"request_sha256": "{case_sha256}"},
    "api-case-messages": {"text": "Nobody asked."},
    "api-case-outcome": {"result": "succeeded", "summary": "Done."},
    "api-cases": case_acts.BODY,
    "api-guard": {"agent": "worker", "action": {"kind": "read"}},
    "api-constitution-votes": VOTE | {"seen_sha256": "{plain_sha256}"},
    "ask-hand-over": {"to": "{colleague}"},
    "ask-snooze": {"span": "2", "reason": "In a meeting."},
    "ask-comment": {"text": "Who knows this?"},
    "me-time-zone": {"time_zone": "Europe/Berlin"},
    "me-quiet-hours": {"weekdays": [0, 1], "starts": "22:00", "ends": "07:00"},
    "me-away": {"starts_at": "{tomorrow}", "ends_at": "{next_week}"},
    "me-digest": {"digest_at": "08:00"},
    "absences": {"who": "{owner}", "starts_at": "{tomorrow}", "ends_at": "{next_week}"},
    "case-ask": {"text": "Which database?"},
    "case-decide": {"choice": "option:jwt", "seen_sha256": "{case_sha256}"},
    "case-dismiss": {"reason": "Asked twice."},
    "case-precedent": {"subject": "trigger:logout"},
    "case-standing": precedent_acts.FORM,
    "proposal-decline": {"note": "It depends."},
    "standing-revoke": {"reason": "Things changed."},
    "configuration-change-refuse": {"reason": "It is right."},
    "constitution-edit": {"act": "save", "newest": "{newest_law}", "text": "{constitution}"},
    "constitution-import": {"text": "{constitution}"},
    "constitution-vote": VOTE | {"seen_sha256": "{plain_sha256}"},
    "push-subscribe": {
        "endpoint": "https://push.example.net/new",
        "p256dh": test_webpush.BROWSER,
        "auth": test_webpush.AUTH,
        "label": "Firefox",
    },
    "review-comment": {"text": "Why?", "line": 1},
    "rule-loosening-refuse": {"reason": "It is right."},
    "runner-key-issue": {"scopes": ["read"], "days": 30},
    "runners": {"name": "New", "slug": "new", "agents": "*"},
}


def built() -> SimpleNamespace:
    """One of everything, as one owner would have it."""
    now = timezone.now()
    people = {role.value: UserFactory(roles=[role]) for role in Role}
    people |= {"stranger": UserFactory(), "superuser": UserFactory(is_superuser=True)}
    owner = people["owner"]
    runner = RunnerFactory(owner=owner, slug="build")
    key, plain = issue_key(runner_id=runner.pk, by=owner, at=now)
    released = agent_acts.put_into_production(at=now)
    Family.objects.create(slug="idle", name="Idle")
    halted, reviewed, approved = (
        agent_acts.bring_in(owner, raw=agent_acts.definition(name), at=now)
        for name in ("halted", "reviewed", "approved")
    )
    run = import_many(
        files=[Incoming("broken.md", b"\xef\xbb\xbf" + agent_acts.definition("broken"))],
        family="sample",
        by=owner,
        at=now,
        source="command",
        name="broken.md",
    )
    suspension = releasing.suspend(slug="halted", reason="Wrong answers.", by=owner, at=now)
    idle = releasing.suspend(family="idle", reason="Wrong answers.", by=owner, at=now)
    reviewing.submit_version(version_id=reviewed.pk, by=owner, at=now)
    waiver = ask_waiver(
        version_id=approved.pk,
        principle="test-first",
        reason="The tests come later.",
        expires_at=now + timedelta(days=20),
        by=owner,
        at=now,
    )
    agent_acts.approve(approved, at=now)
    listed = agent_acts.bring_in(owner, raw=agent_acts.definition("listed"), at=now)
    batch = open_batch(kind="baseline", version_ids=[listed.pk], title="One", by=owner, at=now)
    vague, plain_law = law_acts.submitted(law_acts.VAGUE), law_acts.submitted(by=owner)
    in_review = Review.objects.get(subject=reviewed.subject)
    remark = comment(review_id=in_review.pk, by=owner, text="Why?", at=now)
    case = case_acts.ask(runner, at=now, agent="worker")
    kept = precedent_acts.kept_up(runner, owner=owner, by=people["approver"], at=now)
    stance = ledger_acts.asked_to_loosen(at=now)
    loosening = configuration_acts.ask_for_one_vote(configuration_acts.administrator())
    ask = Ask.objects.get(subject=case.subject)
    approver, week = people["approver"], now + timedelta(days=7)
    absence = enter_absence(person_id=approver.pk, starts_at=now, ends_at=week, by=approver, at=now)
    quiet_hours = add_quiet_hours(by=approver, weekdays=[0], starts=time(22), ends=time(7), at=now)
    return SimpleNamespace(
        absence=absence.pk,
        quiet_hours=quiet_hours.pk,
        colleague=UserFactory(roles=[Role.APPROVER]).pk,
        tomorrow=f"{now + timedelta(days=1):%Y-%m-%dT%H:%M}",
        next_week=f"{week:%Y-%m-%dT%H:%M}",
        people=people,
        key=plain,
        key_id=key.pk,
        suspension=suspension.pk,
        family_suspension=idle.pk,
        release=released.pk,
        reviewed_sha256=reviewed.sha256,
        run=run.pk,
        waiver=waiver.pk,
        waiver_day=waiver.expires_at.date().isoformat(),
        files=[{"path": "worker.md", "text": agent_acts.definition().decode()}],
        draft=halted.pk,
        owner=owner.pk,
        batch=batch.pk,
        batch_sha256=batch.sha256,
        definition=agent_acts.definition("fresh").decode(),
        definition_of_worker=agent_acts.definition("worker", "More.\n").decode(),
        constitution=law_acts.raw("More.").decode(),
        law=vague.sequence,
        newest_law=plain_law.sequence,
        finding=vague.findings[0]["key"],
        plain_law=plain_law.sequence,
        plain_sha256=plain_law.sha256,
        review=Review.objects.get(version_sha256=reviewed.sha256).pk,
        comment=remark.pk,
        ask=Ask.objects.get(subject=in_review.stream).pk,
        stance=stance.pk,
        loosening=loosening.pk,
        rule=ledger_acts.ESCALATE,
        case=case.ref,
        kept_case=kept.case.ref,
        precedent=kept.precedent.pk,
        standing=kept.standing.pk,
        proposal=kept.proposal.pk,
        case_id=case.pk,
        case_group=case.group_key,
        case_sha256=case.request_sha256,
        token=token_of(link_for(ask, people["approver"], at=now)),
        browser=subscribe(
            user=owner,
            endpoint="https://push.example.net/owner",
            p256dh=test_webpush.BROWSER,
            auth=test_webpush.AUTH,
            label="Firefox",
            at=now,
        ).pk,
    )


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[SimpleNamespace]:
    """Built once; every call is undone after it."""
    with django_db_blocker.unblock(), undone():
        cache.clear()
        made = built()
        made.clients = {actor: Client() for actor in ACTORS}
        for actor, person in made.people.items():
            made.clients[actor].force_login(person)
        yield made


@contextmanager
def undone() -> Iterator[None]:
    """A transaction that is rolled back; like that of a test case, it lets services open theirs."""
    whole = transaction.atomic()
    whole._from_testcase = True
    with whole:
        yield
        transaction.set_rollback(True)


def rows(table: str) -> list[Any]:
    found = []
    for line in table.strip().splitlines()[1:]:
        method, name, *expected = line.split()
        found.append(pytest.param(method, name, expected, id=f"{method} {name}"))
    return found


def filled(value: Any, world: SimpleNamespace) -> Any:
    if isinstance(value, dict):
        return {name: filled(one, world) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, world) for one in value]
    if isinstance(value, str) and value.startswith("{"):
        return getattr(world, value[1:-1])
    return value


def called(world: SimpleNamespace, method: str, name: str) -> list[str]:
    """What each of the actors is answered; an answer leaves nothing behind."""
    arguments = ARGUMENTS.get(name, {"escalation_id": "{case}"} if "case-" in f"{name}-" else {})
    address = reverse(name, kwargs=filled(arguments, world))
    kind = {"content_type": "application/json"} if name.startswith("api-") else {}
    sent = filled(SENT.get(name, {}), world) if method == "POST" else {}
    return [told(world, actor, method, address, sent, kind) for actor in ACTORS]


def told(world, actor, method, address, sent, kind) -> str:
    headers = {"Authorization": f"Bearer {world.key}"} if actor == "runner" else {}
    cookies = world.clients[actor].cookies.copy()
    with undone():
        act = getattr(world.clients[actor], method.lower())
        answer = act(address, sent, headers=headers, **(kind if method == "POST" else {}))
    world.clients[actor].cookies = cookies
    if address.startswith("/api/v1/") and answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
    to_sign_in = answer.headers.get("Location", "").startswith(("/account/login/", "/admin/login/"))
    return "L" if to_sign_in else str(answer.status_code)


@pytest.mark.parametrize(("method", "name", "expected"), rows(PAGES))
def test_who_gets_into_a_page_or_its_act(world, method, name, expected):
    assert called(world, method, name) == expected


@pytest.mark.parametrize(("method", "name", "expected"), rows(API))
def test_who_gets_into_the_api(world, method, name, expected):
    assert called(world, method, name) == expected


@pytest.mark.parametrize(("method", "name", "expected"), rows(OPEN))
def test_what_is_open_to_everybody(world, settings, method, name, expected):
    settings.MAILBOX_PATH = ""
    assert called(world, method, name) == expected


@pytest.mark.parametrize(("method", "name", "expected"), rows(ACCOUNT))
def test_who_gets_to_the_account_pages_and_the_frame_of_the_admin(world, method, name, expected):
    assert called(world, method, name) == expected


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model._meta.label)
def test_who_gets_to_a_model_in_the_admin(world, model: type[Model]):
    place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    configured = model._meta.label in CONFIGURED
    assert " ".join(called(world, "GET", f"{place}_changelist")) == LISTED
    adding = CONFIGURING if configured else CLOSED
    assert " ".join(called(world, "GET", f"{place}_add")) == adding
    row = model._default_manager.first()
    if row is not None:
        going = CONFIGURING if model._meta.label in DELETED else CLOSED
        for act, expected in (("change", LISTED), ("history", LISTED), ("delete", going)):
            ARGUMENTS[f"{place}_{act}"] = {"object_id": row.pk}
            assert " ".join(called(world, "GET", f"{place}_{act}")) == expected, act


def named(resolver: URLResolver, space: str = "") -> Iterator[str]:
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from named(one, f"{one.namespace}:" if one.namespace else space)
        elif isinstance(one, URLPattern) and one.name:
            yield space + one.name


def test_every_named_address_stands_in_a_table():
    listed = {row.values[1] for table in (PAGES, API, OPEN, ACCOUNT) for row in rows(table)}
    of_models = {
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{act}"
        for model in admin.site._registry
        for act in ("changelist", "add", "change", "history", "delete")
    }
    assert set(named(get_resolver())) - of_models == listed


def test_every_act_of_a_page_takes_a_post_and_every_page_a_get(world):
    """What a link, a scanner or a prefetching browser opens changes nothing."""
    acts = {row.values[1] for row in rows(PAGES) if row.values[0] == "POST"}
    shown = {row.values[1] for row in rows(PAGES) if row.values[0] == "GET"}
    for name in sorted(acts - shown):
        assert called(world, "GET", name)[4:6] == ["405", "405"], name


def test_a_mutating_page_refuses_a_request_without_its_token(world):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.people["approver"])
    with undone():
        assert strict.post(reverse("case-dismiss", args=[world.case])).status_code == 403
        vote = filled(SENT["api-case-ballots"], world)
        place = reverse("api-case-ballots", args=[world.case])
        assert strict.post(place, vote, content_type="application/json").status_code == 403
