"""Superset's configuration. Loaded by path (SUPERSET_CONFIG_PATH) inside Superset's own environment.

Embedded default: SQLite metadata and a file cache below TENURE_HOME/superset, one process on 127.0.0.1. Scale-out by
environment alone: TENURE_SUPERSET_DATABASE (a PostgreSQL address for the metadata), TENURE_REDIS_URL (caches and rate
limits shared by several workers). Nothing here reaches the network or phones home.
"""

from __future__ import annotations

import logging
import os
from urllib.parse import quote

from sqlalchemy.dialects import registry

from dashboards.superset.security import TenureSecurityManager, answer_in_words, connect_as_user, tenants_clause
from warehouse_models import home

STATE = home.home() / "superset"

# -- secrets and metadata
SECRET_KEY = os.environ.get("TENURE_SUPERSET_SECRET") or (STATE / "secret_key").read_text(encoding="utf-8").strip()
SQLALCHEMY_DATABASE_URI = os.environ.get("TENURE_SUPERSET_DATABASE") or f"sqlite:///{STATE / 'metadata.db'}"
SQLALCHEMY_EXAMPLES_URI = SQLALCHEMY_DATABASE_URI
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "tenure_session"
WTF_CSRF_ENABLED = True

# -- whose data: one rule (superset/security) for connections, rows and cached answers
registry.register("duckdb.tenure", "dashboards.superset.dialect", "TenureDialect")
CUSTOM_SECURITY_MANAGER = TenureSecurityManager
DB_CONNECTION_MUTATOR = connect_as_user
JINJA_CONTEXT_ADDONS = {"tenants_clause": tenants_clause}
PREVENT_UNSAFE_DB_CONNECTIONS = True
FLASK_APP_MUTATOR = answer_in_words
FEATURE_FLAGS = {
    "DASHBOARD_RBAC": True,
    "RLS_IN_SQLLAB": True,
    # The row-level rule is a template that reads the current user.
    "ENABLE_TEMPLATE_PROCESSING": True,
    "DRILL_TO_DETAIL": True,
    "DRILL_BY": True,
    # Big numbers with a change against the period before (pop_kpi).
    "CHART_PLUGINS_EXPERIMENTAL": True,
    "ALERT_REPORTS": False,
    "EMBEDDED_SUPERSET": False,
    "ALLOW_FULL_CSV_EXPORT": False,
}
PUBLIC_ROLE_LIKE = None
AUTH_USER_REGISTRATION = False
FAB_ADD_SECURITY_API = False

# -- caches: a key always holds the tenants and the published version (TenureSecurityManager.get_rls_cache_key)
_REDIS = os.environ.get("TENURE_REDIS_URL")


def _cache(name: str, seconds: int) -> dict[str, object]:
    if _REDIS:
        kind: dict[str, object] = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": _REDIS}
    else:
        kind = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(STATE / "cache" / name), "CACHE_THRESHOLD": 2_000}
    return kind | {"CACHE_DEFAULT_TIMEOUT": seconds, "CACHE_KEY_PREFIX": f"tenure_{name}_"}


CACHE_CONFIG = _cache("metadata", 86_400)
DATA_CACHE_CONFIG = _cache("data", 86_400)
FILTER_STATE_CACHE_CONFIG = _cache("filters", 90 * 86_400)
EXPLORE_FORM_DATA_CACHE_CONFIG = _cache("explore", 7 * 86_400)
RATELIMIT_STORAGE_URI = _REDIS or "memory://"
RESULTS_BACKEND = None

# -- limits
ROW_LIMIT = 10_000
SAMPLES_ROW_LIMIT = 500
SQL_MAX_ROW = 100_000
DEFAULT_SQLLAB_LIMIT = 1_000
SUPERSET_WEBSERVER_TIMEOUT = 90
SQLLAB_TIMEOUT = 60

# -- what leaves this machine: nothing
TALISMAN_ENABLED = True
CONTENT_SECURITY_POLICY_WARNING = False
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "font-src": ["'self'", "data:"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
        "frame-ancestors": ["'self'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    # TLS ends at the proxy in front; on 127.0.0.1 there is none.
    "force_https": False,
    "session_cookie_secure": False,
}
SLACK_API_TOKEN = None
MAPBOX_API_KEY = ""

# -- looks
APP_NAME = "Tenure"
_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 132 32"><rect y="4" width="24" height="24" rx="6" '
    'fill="#1F5F8B"/><path d="M6 21l4-5 4 3 5-8" fill="none" stroke="#fff" stroke-width="2.4" '
    'stroke-linecap="round" stroke-linejoin="round"/><text x="34" y="23" font-family="Inter,Helvetica,Arial" '
    'font-size="20" font-weight="600" fill="#22313F">Tenure</text></svg>'
)
APP_ICON = "data:image/svg+xml," + quote(_MARK)
THEME_DEFAULT = {
    "token": {
        "brandAppName": APP_NAME,
        "brandLogoAlt": APP_NAME,
        "brandLogoUrl": APP_ICON,
        "brandLogoHeight": "28px",
        "brandLogoMargin": "14px 0",
        "brandLogoHref": "/",
        "colorPrimary": "#1F5F8B",
        "colorLink": "#1F5F8B",
        "colorError": "#C0392B",
        "colorWarning": "#D68910",
        "colorSuccess": "#2E8B57",
        "colorInfo": "#5DADE2",
        "fontUrls": [],
        "fontFamily": "Inter, Helvetica, Arial, sans-serif",
    },
    "algorithm": "default",
}
# One look everywhere: a printed page and a screenshot do not depend on the reader's system.
THEME_DARK = None
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "tenure",
        "description": "",
        "label": "Tenure",
        "isDefault": True,
        "colors": [
            "#1F5F8B", "#2E9E8F", "#E0A030", "#7A5BA8", "#C8553D",
            "#5B8DB8", "#8FBF6B", "#D9829B", "#6C7A89", "#B08D57",
        ],
    }
]  # fmt: skip
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {
        "id": "tenure_blues",
        "description": "",
        "label": "Tenure blues",
        "isDiverging": False,
        "isDefault": True,
        "colors": ["#F4F8FB", "#CFE2EF", "#9CC5DE", "#5E9FC6", "#2F78A8", "#1F5F8B", "#143F5E"],
    }
]
BABEL_DEFAULT_LOCALE = "en"
FAVICONS = [{"href": APP_ICON}]

# -- log: to the service's log file, errors and warnings only
LOG_LEVEL = getattr(logging, os.environ.get("TENURE_SUPERSET_LOG", "WARNING"))
DATA_DIR = str(STATE)
