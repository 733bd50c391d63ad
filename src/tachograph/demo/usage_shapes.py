"""Invented answers of the usage endpoint, in every shape it has had; the fake service and the tests use the same ones.

`payload("2026-10", now)` is what the service would say at that moment for the percentages asked for. The shapes are
written from published descriptions; no value is anybody's.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

Payload = dict[str, Any]

SHAPES = (
    "before-2025-11",  # five_hour, seven_day, seven_day_oauth_apps, seven_day_opus
    "2025-11",  # + seven_day_sonnet, iguana_necktie, extra_usage
    "2026-03",  # + seven_day_cowork
    "2026-06",  # + seven_day_omelette, currency
    "2026-07",  # + limits[], spend, *_dollars, decimal_places
    "2026-10",  # + locked_reason, seven_day_breakdown, a dozen code names; a Fable week, credits, a grant
    "2026-10-idle",  # no window begun, no credits
    "2026-10-grants",  # with banked resets, as ?cedar_ember=1 brings them
    "enterprise",  # usage-based: no windows, a budget, a promotional credit
    "unseen",  # invented kinds, windows and grants
)
_CODE_NAMES = (
    *("tangelo", "omelette_promotional", "nimbus_quill", "amber_ladder", "amber_cistern", "amber_gauge"),
    *("brass_thimble", "copper_kite", "harbor_lantern", "wattle_ember", "juniper_tide", "cedar_ember"),
)
_SPLIT = (("claude_code", "Claude Code", 64), ("chat", "Chat", 25), ("cowork", "Cowork", 8), ("other", "Other", 3))


def payload(
    shape: str,
    now: datetime,
    *,
    session: float | None = 37.0,
    week: float | None = 58.0,
    scoped: float | None = 81.0,
    spent: int = 1_050,
    session_resets: datetime | None = None,
    week_resets: datetime | None = None,
) -> Payload:
    """An answer in one of SHAPES: percentages of the session, the week and the scoped week, cents spent of 40 dollars."""
    if shape not in SHAPES:
        raise ValueError(f"{shape}: a shape is one of {', '.join(SHAPES)}")
    reset: str | None = _iso(session_resets or _on_the_ten(now + timedelta(hours=2, minutes=20)))
    turn = _iso(week_resets or _on_the_ten(now + timedelta(days=4, hours=5)))
    if shape == "enterprise":
        return _enterprise(now, spent)
    if shape == "2026-10-idle":
        session, spent, reset = 0.0, -1, None
    if not shape.startswith("2026-07") and not shape.startswith("2026-10") and shape != "unseen":
        return _flat(shape, session, week, scoped, spent, reset, turn)
    return _list_shape(shape, now, session, week, scoped, spent, reset, turn)


def profile(tier: str = "default_claude_max_20x", kind: str = "claude_max") -> Payload:
    """An answer of the profile endpoint for an invented person."""
    return {
        "account": {
            "uuid": "5ca1ab1e-0000-4000-8000-00000000000a",
            "full_name": "Mary Example",
            "display_name": "Mary",
            "email": "mary@example.org",
            "has_claude_max": kind == "claude_max",
            "has_claude_pro": kind == "claude_pro",
            "created_at": "2025-05-04T09:00:00.000000Z",
        },
        "organization": {
            "uuid": "5ca1ab1e-0000-4000-8000-00000000000b",
            "name": "mary@example.org's Organization",
            "organization_type": kind,
            "billing_type": "stripe_subscription",
            "rate_limit_tier": tier,
            "has_extra_usage_enabled": True,
            "subscription_status": "active",
            "subscription_created_at": "2025-05-04T09:05:00.000000Z",
        },
        "application": {
            "uuid": "5ca1ab1e-0000-4000-8000-00000000000c",
            "name": "Claude Code",
            "slug": "claude-code",
        },
    }


def error(kind: str, message: str) -> Payload:
    """The body of a refusal."""
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": "req_0123456789abcdefghijklmn",
    }


def _flat(
    shape: str,
    session: float | None,
    week: float | None,
    scoped: float | None,
    spent: int,
    reset: str | None,
    turn: str | None,
) -> Payload:
    """One window to each top-level key: until mid 2026 that was all."""
    age = SHAPES.index(shape)
    made: Payload = {
        "five_hour": {"utilization": session, "resets_at": reset},
        "seven_day": {"utilization": week, "resets_at": turn},
        "seven_day_oauth_apps": {"utilization": 0.0, "resets_at": None} if age < 2 else None,
        "seven_day_opus": {"utilization": scoped, "resets_at": turn} if age < 2 else None,
    }
    if age >= 1:
        made["seven_day_sonnet"] = {"utilization": scoped, "resets_at": turn} if age >= 2 else None
        made["iguana_necktie"] = None
        made["extra_usage"] = {"is_enabled": True, "monthly_limit": 4000, "used_credits": float(spent)}
        made["extra_usage"]["utilization"] = spent / 40
    if age >= 2:
        made["seven_day_cowork"] = None
    if age >= 3:
        made |= {"seven_day_omelette": {"utilization": 4.0, "resets_at": turn}, "tangelo": None}
        made["extra_usage"]["currency"] = "EUR"
    return made


def _list_shape(
    shape: str,
    now: datetime,
    session: float | None,
    week: float | None,
    scoped: float | None,
    spent: int,
    reset: str | None,
    turn: str | None,
) -> Payload:
    """`limits[]` beside the top level."""
    is_new = shape != "2026-07"
    made: Payload = {
        "five_hour": _window(session, reset, is_new),
        "seven_day": _window(week, turn, is_new),
        "seven_day_opus": None,
        "seven_day_sonnet": None,
    }
    if is_new:
        made |= {"seven_day_oauth_apps": None, "seven_day_cowork": None, "seven_day_omelette": None}
        made |= dict.fromkeys(_CODE_NAMES)
        made["iguana_necktie"] = None if spent < 0 else _window(12.0, turn, True, 250, 30.0)
        made["cinder_cove"] = None
        made["seven_day_breakdown"] = None if spent < 0 else _breakdown(now)
    made["extra_usage"] = _extra(spent, is_new)
    made["limits"] = [
        _entry("session", "session", session, reset),
        _entry("weekly_all", "weekly", week, turn),
        _entry("weekly_scoped", "weekly", scoped, turn, {"id": None, "display_name": "Fable"}),
    ]
    made["spend"] = {"unsurfaced": True} if spent < 0 else _spend(spent, is_new)
    made["member_dashboard_available"] = False
    if shape == "2026-10-grants":
        made["cedar_ember"] = _grants(now)
    if shape == "unseen":
        made |= _unknown_shape(turn)
    return made


def _enterprise(now: datetime, spent: int) -> Payload:
    made: Payload = {"five_hour": None, "seven_day": None, "seven_day_opus": None, "seven_day_sonnet": None}
    made |= dict.fromkeys(_CODE_NAMES)
    made["nimbus_quill"] = _window(0.0, None, False)
    made["cinder_cove"] = _window(100.0, _iso(now + timedelta(days=40)), False, 500, 500.0)
    made |= {"extra_usage": _extra(spent, True), "limits": [], "spend": _spend(spent, True)}
    made["spend"]["cap"] = {"money": None, "credits": {"amount_minor": 4000, "exponent": 2}}
    made["member_dashboard_available"] = True
    return made


def _unknown_shape(turn: str | None) -> Payload:
    """A shape the service might introduce: shown under its own name or reported, without affecting the rest."""
    entries = [
        _entry("session", "session", 37, turn),
        _entry("monthly_spend", "monthly", 12, turn),
        _entry("weekly_scoped", "weekly", 44, turn, surface={"name": "Slack"}),
        {"kind": "daily_agents", "percent": 101.5},
    ]
    return {
        "limits": entries,
        "seven_day_myth": _window(9.0, turn, True),
        "quartz_finch": _window(3.0, None, True),
        "velvet_anchor": _window(50.0, turn, True, 20, 10.0),
        "opal_lighthouse": {"phase": "full"},
        "schema_version": 7,
    }


def _window(
    utilization: float | None,
    resets_at: str | None,
    is_new: bool,
    limit_dollars: float | None = None,
    used_dollars: float | None = None,
) -> Payload:
    left = None if limit_dollars is None or used_dollars is None else limit_dollars - used_dollars
    made: Payload = {
        "utilization": utilization,
        "resets_at": resets_at,
        "limit_dollars": limit_dollars,
        "used_dollars": used_dollars,
        "remaining_dollars": left,
    }
    return made | {"locked_reason": None} if is_new else made


def _entry(
    kind: str,
    group: str,
    percent: float | None,
    resets_at: str | None,
    model: Payload | None = None,
    surface: Payload | None = None,
) -> Payload:
    pressing = percent or 0
    return {
        "kind": kind,
        "group": group,
        "percent": None if percent is None else round(percent),
        "severity": "critical" if pressing >= 95 else "warning" if pressing >= 80 else "normal",
        "resets_at": resets_at,
        "scope": {"model": model, "surface": surface} if model or surface else None,
        "is_active": kind == "session",
    }


def _extra(spent: int, is_new: bool) -> Payload:
    is_on = spent >= 0
    made: Payload = {
        "is_enabled": is_on,
        "monthly_limit": 4000 if is_on else None,
        "used_credits": float(spent) if is_on else None,
        "utilization": spent / 40 if is_on else None,
        "currency": "USD" if is_on else None,
        "decimal_places": 2 if is_on else None,
    }
    if is_new:
        made |= {"disabled_reason": None, "user_disabled": False, "spend_limit_reached": spent >= 4000}
        made |= {"credits_ever_enabled": is_on, "daily": None, "weekly": None}
    return made


def _spend(spent: int, is_new: bool) -> Payload:
    most = {"amount_minor": 4000, "currency": "USD", "exponent": 2}
    made: Payload = {
        "used": {"amount_minor": spent, "currency": "USD", "exponent": 2},
        "limit": most,
        "percent": spent // 40,
        "severity": "normal",
        "enabled": True,
        "cap": None,
        "balance": None,
        "disclaimer": "Usage credits cover you when you hit your plan limits.",
    }
    if is_new:
        made |= {"disabled_reason": None, "cap": {"money": most, "credits": None}, "auto_reload": None}
        made |= {"can_purchase_credits": True, "can_toggle": True}
    return made


def _breakdown(now: datetime) -> Payload:
    rows = [{"key": key, "display_name": name, "percent": percent} for key, name, percent in _SPLIT]
    return {"as_of": _iso(now), "window_started_at": _iso(now - timedelta(days=3)), "rows": rows}


def _grants(now: datetime) -> Payload:
    grant = {"id": "grant_1", "label": "A launch", "resets_total": 1, "resets_left": 1, "clears": ["session", "weekly"]}
    grant |= {"starts_at": _iso(now - timedelta(days=9)), "ends_at": _iso(now + timedelta(days=21)), "usable_now": True}
    return {"eligible": True, "ineligible_reason": None, "at_limit": False, "exhausted": [], "grants": [grant]}


def _on_the_ten(moment: datetime) -> datetime:
    """The service's resets: full ten minutes, give or take parts of a second."""
    return moment.replace(minute=moment.minute // 10 * 10, second=0, microsecond=288_792)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
