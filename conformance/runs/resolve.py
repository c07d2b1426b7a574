"""Resolve command-line and pytest options into the options of a run."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import msgspec

from conformance import catalogue
from conformance.apis.specs import spec
from conformance.catalogue import DEFAULT_PROFILES
from conformance.model.target import Prices, Target
from conformance.model.words import APIS, CONVERSATIONAL, Api
from conformance.report.escaping import safe
from conformance.runner import RunOptions
from conformance.runs import config
from conformance.runs.config import ConfigError, one_of
from conformance.runs.options import RunRequest, SelectionOptions, TargetOptions
from conformance.transport.limits import Limits, limits_for

EMBEDDED_PRICES = Prices(request=0.018)
"""What a request cost in the incident that the embedded deployments simulate."""
URL_VARIABLE, MODEL_VARIABLE, KEY_VARIABLE = "OPENAI_BASE_URL", "OPENAI_MODEL", "OPENAI_API_KEY"
ELSEWHERE = ("base_url", "target", "config", "deployment", "defect")
"""Options that select a target, each without --from-env."""
PATH = re.compile(r"/[^\s?#]*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@contextmanager
def resolved(request: RunRequest, environ: Mapping[str, str] = os.environ) -> Iterator[RunOptions]:
    """Resolve the options of a run; an embedded deployment runs until the context exits.

    Raises ConfigError, which names the option, its value and what is accepted.
    """
    target_options = with_environment(request.target, environ)
    request = replace(request, target=target_options)
    if any(given is not None for given in (target_options.base_url, target_options.target, target_options.config)):
        yield options(request, with_overrides(_external_target(target_options, environ), request, environ), environ)
        return
    if target_options.model is not None and target_options.deployment is None and target_options.defect is None:
        raise ConfigError(f"--model {target_options.model} needs --base-url URL, which is missing")
    if target_options.deployment is None and target_options.defect is None and (file := config.find(None)):
        names = ", ".join(config.entries(file))
        raise ConfigError(f"{file} has targets: name one with --target ({names}), or use --deployment native-sse")
    from conformance.runs.embedded import find_embedded, running

    ours = find_embedded(target_options.deployment, target_options.defect)
    target = Target(name=ours.name, base_url="http://127.0.0.1/v1", model=ours.model, prices=EMBEDDED_PRICES)
    checked = options(request, with_overrides(target, request, environ), environ)
    with running(ours.deployment, ours.changes) as url:
        yield replace(checked, target=msgspec.structs.replace(checked.target, base_url=url))


def with_environment(target_options: TargetOptions, environ: Mapping[str, str]) -> TargetOptions:
    """With --from-env, the target that the variables of OpenAI's SDKs name. Raises ConfigError."""
    if not target_options.from_env:
        return target_options
    if clash := [name for name in ELSEWHERE if getattr(target_options, name) is not None]:
        raise ConfigError(f"--from-env excludes --{clash[0].replace('_', '-')}; accepted: one of them")
    model = target_options.model or environ.get(MODEL_VARIABLE)
    if not environ.get(URL_VARIABLE) or not model:
        missing = MODEL_VARIABLE if environ.get(URL_VARIABLE) else URL_VARIABLE
        raise ConfigError(
            f"--from-env: the environment variable {missing} is not set or empty; set it, or use --base-url"
        )
    key = target_options.api_key_env or (KEY_VARIABLE if environ.get(KEY_VARIABLE) else None)
    url = base_url(environ[URL_VARIABLE], URL_VARIABLE)
    return replace(target_options, from_env=False, base_url=url, model=model, api_key_env=key)


def options(request: RunRequest, target: Target, environ: Mapping[str, str]) -> RunOptions:
    """The options of a run against that target. Raises ConfigError."""
    bounds = request.limits
    prices = target.prices
    if prices.request is not None and (prices.input is not None or prices.output is not None):
        raise ConfigError("prices: accepted: a price per request, or prices of input and output tokens, not both")
    if bounds.max_cost is not None and prices.request is None and None in (prices.input, prices.output):
        raise ConfigError("--max-cost needs prices: --price-input and --price-output, or --price-request")
    return RunOptions(
        target=target,
        profiles=_profiles(request.selection, target),
        suite=request.selection.suite,
        key=_key(target, environ),
        limits=Limits() if bounds.timeout is None else limits_for(bounds.timeout),
        concurrency=bounds.concurrency,
        max_requests=bounds.max_requests,
        max_tokens=bounds.max_tokens,
        max_cost=bounds.max_cost,
        messages_per_day=request.target.messages_per_day,
        strict=request.verdict.strict,
    )


@contextmanager
def resolved_again(
    recorded: Target, request: RunRequest, environ: Mapping[str, str] = os.environ
) -> Iterator[RunOptions]:
    """The options to send a recorded request again: to the given target, or else to the recorded one.

    A recording may come from anyone: its key variable and its headers are used only if the options name them, too.
    Raises ConfigError.
    """
    given = request.target
    if given.from_env or any(getattr(given, name) is not None for name in ELSEWHERE):
        model = recorded.model if given.base_url is not None and given.model is None else given.model
        with resolved(replace(request, target=replace(given, model=model)), environ) as found:
            yield found
        return
    url = base_url(recorded.base_url, "the recorded base URL")
    if recorded.key_env and given.api_key_env is None:
        name = safe(recorded.key_env)
        raise ConfigError(f"the run sent the API key in {name}; to send it to {url} again, add --api-key-env {name}")
    target = with_overrides(msgspec.structs.replace(recorded, base_url=url, headers={}), request, environ)
    names = set(map(str.lower, target.headers))
    for name in map(safe, recorded.headers):
        if name.lower() not in names:
            raise ConfigError(f"the run sent the header {name}; its value is not kept: add --header '{name}: VALUE'")
    yield options(request, target, environ)


def _external_target(target_options: TargetOptions, environ: Mapping[str, str]) -> Target:
    """The target given by --base-url, or by --target and --config. Raises ConfigError."""
    if target_options.deployment or target_options.defect:
        given = "--base-url" if target_options.base_url else "--target"
        raise ConfigError(f"{given} excludes --deployment and --defect, which select an embedded deployment")
    if target_options.base_url is None:
        return _from_file(target_options, environ)
    if target_options.target or target_options.config:
        raise ConfigError("--base-url excludes --target and --config; accepted: --base-url URL, or --target NAME")
    if not target_options.model:
        raise ConfigError("--model is missing: --base-url needs the name of a model that the target serves")
    url = base_url(target_options.base_url)
    return Target(name=_host(url), base_url=url, model=target_options.model)


def _host(url: str) -> str:
    """Host and, where the URL gives one, port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "target"
    return host if parts.port is None else f"{host}:{parts.port}"


def _from_file(target_options: TargetOptions, environ: Mapping[str, str]) -> Target:
    name = target_options.target
    if name is None:
        names = ", ".join(config.entries(target_options.config)) if target_options.config else ""
        raise ConfigError(f"--config {target_options.config} needs --target NAME; accepted: {names}")
    file = config.find(target_options.config)
    if file is None:
        raise ConfigError(
            f"--target {name} needs --config FILE with a table [targets.{name}], or a file {config.FILE} in this "
            "folder: `conformance init` writes one"
        )
    entry = config.entries(file).get(name)
    if entry and entry.deployment:
        raise ConfigError(
            f"--target {name} is the embedded deployment {entry.deployment}: accepted: --deployment"
            f" {entry.deployment}; `conformance matrix` runs it by name"
        )
    found = config.target(file, name, environ)
    return msgspec.structs.replace(found, base_url=base_url(found.base_url, f"targets.{name}.base_url"))


def base_url(given: str, option: str = "--base-url") -> str:
    """Validate a base URL and strip its trailing slash. Raises ConfigError, which never repeats a password."""
    accepted = "accepted: http://HOST[:PORT][/PATH] or https://…, without the API's own path"
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{option} is not a URL ({error}); {accepted}") from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ConfigError(f"{option} contains a user name or password; pass the key with --api-key-env; {accepted}")
    if parts.query or parts.fragment or given.endswith(("?", "#")):
        raise ConfigError(f"{option} has a query or fragment; {accepted}")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not _is_printable(given):
        may_be_the_key = given and not any(mark in given for mark in ":/")
        raise ConfigError(f"{option}{'' if may_be_the_key else f' {given!r}'} is not valid; {accepted}")
    return given.rstrip("/")


def _is_printable(text: str) -> bool:
    return text.isprintable() and " " not in text and "\\" not in text


def with_overrides(target: Target, request: RunRequest, environ: Mapping[str, str]) -> Target:
    """Override the target's settings with command-line options."""
    target_options, selection = request.target, request.selection
    prices = _without_none(
        input=target_options.price_input, output=target_options.price_output, request=target_options.price_request
    )
    known = Prices() if prices and target.prices is EMBEDDED_PRICES else target.prices
    policy = _without_none(streaming=selection.streaming, unknown_fields=selection.unknown_fields)
    return msgspec.structs.replace(
        target,
        policy=msgspec.structs.replace(target.policy, **policy),
        prices=msgspec.structs.replace(known, **prices),
        paths=target.paths | _paths(target_options.path),
        headers=_headers(target, target_options.header, environ),
        **_trust(target, target_options),
        **_without_none(
            model=target_options.model,
            key_env=target_options.api_key_env,
            apis=tuple(dict.fromkeys(selection.api)) or None,
        ),
    )


def _headers(target: Target, given: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The target's headers; given ones replace those of the same name. Raises ConfigError."""
    added = dict(config.header(text, environ) for text in given)
    names = set(map(str.lower, added))
    return {name: value for name, value in target.headers.items() if name.lower() not in names} | added


def _trust(target: Target, target_options: TargetOptions) -> dict[str, Any]:
    """The certificates that are accepted. Raises ConfigError."""
    given = target_options.cacert
    if given and target_options.insecure:
        raise ConfigError("--insecure excludes --cacert; accepted: one of them")
    cacert = None if target_options.insecure else str(given) if given else target.cacert
    if cacert:
        check_authorities(cacert)
    return {"cacert": cacert, "insecure": target_options.insecure or (target.insecure and not given)}


def check_authorities(path: str) -> None:
    """Check that a file holds certificate authorities. Raises ConfigError."""
    import ssl

    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"--cacert {path}: {why}; accepted: a PEM file of certificate authorities") from None


def _without_none(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _paths(given: Iterable[str]) -> dict[Api, str]:
    paths: dict[Api, str] = {}
    for text in given:
        name, equals, path = text.partition("=")
        api = next((api for api in APIS if api == name), None)
        if not equals or api is None or not PATH.fullmatch(path):
            raise ConfigError(f"--path {text!r}; accepted: API=/PATH, with API one of {', '.join(APIS)}")
        if api in paths:
            raise ConfigError(f"--path {text!r}: {api} already has a path; accepted: one for each API")
        paths[api] = path
    return paths


def _profiles(selection: SelectionOptions, target: Target) -> tuple[str, ...]:
    """The profiles to send requests as, limited to the selected APIs. Raises ConfigError."""
    apis_of = {name: {p.api for p in catalogue.profiles() if p.name == name} for name in _names()}
    for name in selection.profile:
        one_of("--profile", name, ("all", *apis_of))
    everyone = tuple(name for name, apis in apis_of.items() if apis & {*(target.apis or CONVERSATIONAL)})
    selected = everyone if "all" in selection.profile else tuple(dict.fromkeys(selection.profile)) or DEFAULT_PROFILES
    chosen = tuple(name for name in selected if not target.apis or apis_of.get(name, set()) & set(target.apis))
    for name in selection.profile:
        if name not in (*chosen, "all"):
            apis = ", ".join(sorted(apis_of[name]))
            raise ConfigError(
                f"--profile {name} uses {apis}, but --api selects only {', '.join(target.apis)}; add its API"
            )
    uncovered = [api for api in target.apis if not any(api in apis_of[name] for name in chosen)]
    return tuple(dict.fromkeys((*chosen, *(spec(api).base_profile for api in uncovered))))


def _names() -> tuple[str, ...]:
    return tuple(dict.fromkeys(profile.name for profile in catalogue.profiles()))


def _key(target: Target, environ: Mapping[str, str]) -> str | None:
    """The API key from the target's environment variable. Raises ConfigError, which never contains the key."""
    if target.key_env is None:
        return None
    key = environ.get(target.key_env, "")
    is_name = VARIABLE.fullmatch(target.key_env) and (key or not _may_be_a_key(target.key_env))
    if not target.key_env:
        raise ConfigError("--api-key-env is empty; accepted: the name of an environment variable")
    if not is_name:  # it may be the key itself, which must not be printed
        raise ConfigError("--api-key-env; accepted: the name of an environment variable, not the key")
    if not key:
        raise ConfigError(
            f"--api-key-env {target.key_env}: this environment variable is not set or empty; set it, or name another"
        )
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise ConfigError(f"--api-key-env {target.key_env}: the key has surrounding spaces, or is not printable ASCII")
    return key


def _may_be_a_key(name: str) -> bool:
    """Whether a name that is no variable has a part as long as those of keys are, and no word of a name."""
    parts = name.split("_")
    return any(len(part) >= 24 or (len(part) >= 12 and any(map(str.isdigit, part))) for part in parts)
