"""Settings, read from the environment; a missing or insecure value stops the start."""

import base64
import sys
from datetime import timedelta
from pathlib import Path

import django_stubs_ext
import environ
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

# ModelAdmin[X] and ModelForm[X] name their model for the type checker.
django_stubs_ext.monkeypatch()

# How many numbers the curve of Web Push has (FIPS 186-5).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

PORTAL_ENV = env.str("PORTAL_ENV", default="production")
if PORTAL_ENV not in {"development", "test", "production"}:
    raise ImproperlyConfigured("PORTAL_ENV must be development, test or production.")
PRODUCTION = PORTAL_ENV == "production"
DEBUG = env.bool("DEBUG", default=False)
if DEBUG and PRODUCTION:
    raise ImproperlyConfigured("DEBUG=true is refused in production: it shows secrets.")


def secret(name: str, *, length: int) -> str:
    """A secret of at least ``length`` characters; nothing shorter is accepted anywhere."""
    value: str = env.str(name)
    if len(value) < length:
        raise ImproperlyConfigured(f"{name} is too short: at least {length} characters.")
    return value


def key_bytes(name: str) -> bytes:
    """32 random bytes, given as base64url."""
    value = env.str(name)
    try:
        raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not base64url.") from error
    if len(raw) != 32:
        raise ImproperlyConfigured(f"{name} must hold 32 bytes, base64url.")
    return raw


def url(name: str, **kwargs: str) -> str:
    """An http or https address without a path, from the environment."""
    value: str = env.str(name, **kwargs).rstrip("/")
    if not value.startswith(("https://", "http://")):
        raise ImproperlyConfigured(f"{name} must start with https:// (or http:// on loopback).")
    if PRODUCTION and not value.startswith("https://"):
        raise ImproperlyConfigured(f"{name} must be https in production.")
    return value


def endpoint(name: str, *, default: str = "", private: bool = False) -> str:
    """A whole address that the portal calls; plain http only where ``private`` allows it."""
    value: str = env.str(name, default=default).strip()
    allowed = ("https://", "http://") if private else ("https://",)
    if value and not value.startswith(allowed):
        raise ImproperlyConfigured(
            f"{name} must start with https:// (http:// only with PRIVATE_ENDPOINTS=true)."
        )
    return value


SECRET_KEY = secret("SECRET_KEY", length=50)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
SIGNING_KEY = key_bytes("SIGNING_KEY")
# Public keys (base64url, 32 bytes) of signing keys used before: their receipts stay verifiable.
RETIRED_SIGNING_KEYS = env.list("RETIRED_SIGNING_KEYS", default=[])
LINK_KEY = key_bytes("LINK_KEY")

PORTAL_URL = url("PORTAL_URL")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[PORTAL_URL.split("/")[2].rsplit(":", 1)[0]])
if PRODUCTION and "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must not hold * in production.")
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "governance.base",
    "governance.audit",
    "governance.people",
    "governance.history",
    "governance.asking",
    "governance.configuration",
    "governance.review",
    "governance.constitution",
    "agents",
    "escalations",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "governance.base.middleware.RequestContextMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "governance.base.uploads.UploadLimitMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "governance.base.queries.PlainQueryMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "governance.people.refusals.RefusalMiddleware",
]

ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
ASGI_APPLICATION = "governance.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "governance.base.context.portal",
                "governance.asking.context.navigation",
            ],
            "builtins": ["governance.base.templatetags.portal"],
        },
    }
]

# Two roles: the application's own, and the owner's for migrations (governance.base.roles).
DATABASES = {"default": env.db("DATABASE_URL")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database.")
DATABASES["default"]["CONN_MAX_AGE"] = 0
# A pooled connection that a restarted database has closed is replaced, not handed out.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {})
# Tests switch roles on one connection, so they use none.
if env.bool("DATABASE_POOL", default=PORTAL_ENV != "test"):
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": env.int("DATABASE_POOL_SIZE", default=20),
        "timeout": 10,
    }
APPLICATION_ROLE = DATABASES["default"]["USER"]
MIGRATION_DATABASE = env.db("MIGRATION_DATABASE_URL", default=env.str("DATABASE_URL"))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 1.0},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

CELERY_BROKER_URL = (
    "redis+socket://" + REDIS_URL.removeprefix("unix://").replace("?db=", "?virtual_host=")
    if REDIS_URL.startswith("unix://")
    else REDIS_URL
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 0.2}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SOFT_TIME_LIMIT = 60
CELERY_TASK_TIME_LIMIT = 90
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
TICK_SECONDS = env.int("TICK_SECONDS", default=5)
CELERY_BEAT_SCHEDULE = {
    "tick": {
        "task": "asking.tick",
        "schedule": timedelta(seconds=TICK_SECONDS),
        "options": {"expires": TICK_SECONDS},
    },
    "stale-approvals": {
        "task": "agents.remind_stale",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "permits": {
        "task": "escalations.reconcile",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
}

# How often the auditor looks for what must never be.
AUDIT_SECONDS = env.int("AUDIT_SECONDS", default=60)
if AUDIT_SECONDS < 5:
    raise ImproperlyConfigured("AUDIT_SECONDS must be at least 5.")
CELERY_BEAT_SCHEDULE["audit"] = {
    "task": "asking.audit",
    "schedule": timedelta(seconds=AUDIT_SECONDS),
    "options": {"expires": AUDIT_SECONDS},
}

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "governance.people.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "governance.people.adapters.SocialAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
# Whoever finds an open browser adds no address, passkey or sign-in service to the account.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# A proof of who somebody is counts as fresh for so long.
FRESH_SECONDS = env.int("FRESH_SECONDS", default=300)
if FRESH_SECONDS < 30:
    raise ImproperlyConfigured("FRESH_SECONDS must be at least 30.")
ACCOUNT_REAUTHENTICATION_TIMEOUT = FRESH_SECONDS
# A session lasts half a day (SESSION_COOKIE_AGE), the browser closed or not: nobody is asked.
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# A changed password, passkey or connection is told to its owner, who may not have made it.
ACCOUNT_EMAIL_NOTIFICATIONS = True
# No mail to addresses without an account: nobody signs up here.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = PORTAL_URL.split(":", 1)[0]
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {"add_webauthn": "governance.people.forms.AddPasskeyForm"}
# Browsers allow passkeys on plain http only for localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
# A write on every page view would be the price of "last seen" on the sessions page.
USERSESSIONS_TRACK_ACTIVITY = False
SOCIALACCOUNT_ONLY = False
# Single sign-on by OpenID Connect. It leads to accounts that exist: by the connection that a
# person made, or by a verified address where OIDC_TRUST_EMAIL says that the provider is trusted.
OIDC_ISSUER = url("OIDC_ISSUER") if env.str("OIDC_ISSUER", default="") else ""
# Where the provider's own sign-in pages are, if not at the issuer's address.
OIDC_ORIGINS = env.list("OIDC_ORIGINS", default=["/".join(OIDC_ISSUER.split("/")[:3])])
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS = {}
if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": env.str("OIDC_NAME", default="Single sign-on"),
                "client_id": env.str("OIDC_CLIENT_ID"),
                "secret": env.str("OIDC_CLIENT_SECRET"),
                "settings": {
                    "server_url": OIDC_ISSUER,
                    "email_authentication": env.bool("OIDC_TRUST_EMAIL", default=False),
                },
            }
        ],
    }

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PORTAL_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 60 * 60 * 12
# no-referrer would make browsers send `Origin: null`, which the CSRF check refuses.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = [r"^health/"]
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # Browsers apply this to where a form is redirected as well: to the sign-in service.
        "form-action": [SELF, *filter(None, OIDC_ORIGINS)],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}

EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", default="Agent governance portal <portal@localhost>"
)
# Development only: sent mail is written there and shown on the mailbox page.
MAILBOX_PATH = env.str("MAILBOX_PATH", default="")
if MAILBOX_PATH:
    if PRODUCTION:
        raise ImproperlyConfigured("MAILBOX_PATH is refused in production: it shows all mail.")
    if "EMAIL_URL" not in env.ENVIRON:
        EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        EMAIL_FILE_PATH = MAILBOX_PATH
if PRODUCTION and "smtp" not in EMAIL_CONFIG.get("EMAIL_BACKEND", ""):
    raise ImproperlyConfigured("EMAIL_URL must name an SMTP server in production.")

# Web Push: the portal's key; without it no browser shows notices.
VAPID_KEY = key_bytes("VAPID_KEY") if env.str("VAPID_KEY", default="") else b""
if VAPID_KEY and not 0 < int.from_bytes(VAPID_KEY) < P256_ORDER:
    raise ImproperlyConfigured("VAPID_KEY is no P-256 key: make another one.")
# Push services on the own network, by host. Whoever signs in may name an address on them.
PUSH_PRIVATE_HOSTS = env.list("PUSH_PRIVATE_HOSTS", default=[])
# Lets the two addresses below be plain http, on any port and on the own network.
PRIVATE_ENDPOINTS = env.bool("PRIVATE_ENDPOINTS", default=False)
# One chat room that is told of each step of a ladder; the address is a secret.
CHAT_WEBHOOK_URL = endpoint("CHAT_WEBHOOK_URL", private=PRIVATE_ENDPOINTS)
# Called after each audit that passed: whoever watches from outside alerts when the calls stop.
HEALTH_PING_URL = endpoint("HEALTH_PING_URL", private=PRIVATE_ENDPOINTS)

LANGUAGE_CODE = "en-gb"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
# Collected files are served in production only; elsewhere they come from where they lie.
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")) if PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False
# Fields and JSON together; files beside them count apart, and so does the whole of a form.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 2000
UPLOAD_MAX_SIZE = 64 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "governance.people.api.authentication.RunnerKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["governance.people.api.permissions.DenyByDefault"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["governance.base.json_bodies.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "governance.base.pagination.KeysetPagination",
    "EXCEPTION_HANDLER": "governance.people.refusals.problem_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Agent governance portal",
    "DESCRIPTION": "Resolve approved agent definitions, escalate to people, wait, act, report.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["governance.people.api.permissions.SignedInOrRunner"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AmendmentLevelEnum": "governance.constitution.models.AmendmentLevel",
        "BatchKindEnum": "agents.models.BatchKind",
        "ChangeClassEnum": "agents.models.CHANGE_CLASSES",
        "ReviewStatusEnum": "governance.review.models.ReviewStatus",
        "ReviewVerdictEnum": "governance.review.models.Verdict",
        "CaseStatusEnum": "escalations.models.Status",
        "CaseVerdictEnum": "escalations.models.Verdict",
        "OutcomeResultEnum": "escalations.models.Result",
        "PermitScopeEnum": "governance.asking.models.PermitScope",
        "AuthenticationEnum": "governance.asking.models.Authentication",
    },
}

# How long an approved act may be carried out.
PERMIT_LIFETIME = timedelta(hours=env.int("PERMIT_HOURS", default=72))
# Approvals that an amendment of the law makes stale live on for so long.
AMENDMENT_GRACE = timedelta(days=env.int("AMENDMENT_GRACE_DAYS", default=14))
if timedelta(0) > AMENDMENT_GRACE:
    raise ImproperlyConfigured("AMENDMENT_GRACE_DAYS must not be negative.")
# More mails an hour nobody gets, but what must wake them; the rest comes together in the next.
MAILS_PER_HOUR = env.int("MAILS_PER_HOUR", default=3)
if MAILS_PER_HOUR < 1:
    raise ImproperlyConfigured("MAILS_PER_HOUR must be at least 1.")
# How long an offline bundle is good for.
BUNDLE_HOURS = env.int("BUNDLE_HOURS", default=24)

TEST_RUN = "pytest" in sys.modules
LOG_JSON = env.bool("LOG_JSON", default=PRODUCTION)
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks if LOG_JSON else structlog.dev.set_exc_info,
        structlog.processors.JSONRenderer()
        if LOG_JSON
        else structlog.dev.ConsoleRenderer(colors=False),
    ],
    logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    cache_logger_on_first_use=not TEST_RUN,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"tokens": {"()": "governance.base.redaction.HideTokens"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["tokens"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "celery": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # Three lines per tick, every few seconds, would bury everything else.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}
