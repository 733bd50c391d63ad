"""Names of models: what clouds, gateways and snapshots add to them, and what people read."""

_CLOUDS = "anthropic|aws|azure|azure_ai|bedrock|databricks|gcp|google|openrouter|snowflake|vertex|vertex_ai|vertexai"
_normalised: dict[str, str] = {}


def plain_model_name(model: str) -> str:
    """The model's own name, without what gateways, clouds and snapshots add to it; other names come back as they are.

    Removes `[1m]`; `anthropic/`; Bedrock's `us.anthropic.` (any region) and `-v1:0`; Vertex's `@20251001` and
    `@default`; a last `-20250929`; `-latest`.
    """
    known = _normalised.get(model)
    if known is None:
        known = model
        while (shorter := _with_less(known)) and shorter != known:
            known = shorter
        _normalised[model] = known
    return known


def display_name(model: str) -> str:
    """The model's name as people read it: `opus-5-5`."""
    return plain_model_name(model).removeprefix("claude-")


def spelled_model(model: str) -> str:
    """The Claude model that a name spells, out of what gateways, clouds and inference profiles put around it; others as they are.

    An ARN of a system inference profile or foundation model; any path (`bedrock/…`, `openrouter/anthropic/…`,
    `publishers/anthropic/models/…`) or cloud (`bedrock:…`, `databricks-`, `anthropic--`) before it; `4.8` for `4-8`;
    `-thinking`; `:200k`, `:beta`; `@latest`; and the order `claude-4-5-sonnet`. An application profile's ARN spells no
    model, nor does an alias (`opus`) or another letter case, and `-fast` has a price of its own that no name spells.
    """
    if "claude" not in model or "application-inference-profile" in model:
        return plain_model_name(model)
    import re  # only for names that are no plain ones

    name = re.sub(rf"^(?:(?:{_CLOUDS})[:_-]+)+(?=claude|(?:[a-z-]+\.)?anthropic[._-])", "", model.rpartition("/")[2])
    name = re.sub(r"(?<=\d)\.(?=\d)", "-", name)
    name = re.sub(r":(?:\d+[km]|thinking|beta|nitro|floor)(?=$|\[)", "", name)
    name = re.sub(r"-thinking(?:-\d+k?)?(?=$|\[|@|-latest)", "", name).removesuffix("@latest")
    swapped = re.fullmatch(r"(.*)claude-([4-9](?:-\d{1,2})?)-(opus|sonnet|haiku|fable|mythos)(-\d{8})?(.*)", name)
    if swapped:
        name = f"{swapped[1]}claude-{swapped[3]}-{swapped[2]}{swapped[4] or ''}{swapped[5]}"
    return plain_model_name(name) or model


def _with_less(name: str) -> str:
    """`name` without some of its decorations; "" if nothing else is left."""
    if name[-4:].lower() == "[1m]":
        name = name[:-4]
    name = name.removeprefix("anthropic/")
    region, bedrock, rest = name.partition("anthropic.")
    if bedrock and (not region or (region[-1] == "." and region[:-1].replace("-", "").isalnum())):
        name = rest
    base, at, version = name.rpartition("@")
    if at and (version == "default" or _is_date(version)):
        name = base
    base, dash, version = name.rpartition("-v")
    # Only on Claude's names: others have a version of their own there (deepseek-v3), and so had claude-v2.
    if dash and base.startswith("claude-") and version.replace(":", "", 1).isdecimal():
        name = base
    if name[-9:-8] == "-" and _is_date(name[-8:]):
        name = name[:-9]
    return name.removesuffix("-latest")


def _is_date(text: str) -> bool:
    """True for YYYYMMDD of our century, so that a build number is not taken for a date."""
    return (
        len(text) == 8
        and text.isascii()
        and text.isdecimal()
        and text[:2] == "20"
        and "01" <= text[4:6] <= "12"
        and "01" <= text[6:] <= "31"
    )
