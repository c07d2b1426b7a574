"""How to fix failures in common servers, gateways and proxies: exact configuration lines, only where they help."""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from conformance.model.rule import family_of

Stack = Literal[
    "Apache httpd", "Django", "Envoy", "Express", "FastAPI", "HAProxy", "LiteLLM proxy", "Next.js", "Pydantic", "SGLang",
    "Starlette", "Traefik", "llama.cpp", "nginx", "sse-starlette", "vLLM",
]  # fmt: skip


class Advice(NamedTuple):
    """What to set in one of the stacks. `rules` are rule IDs or family codes; `lines` are exact."""

    stacks: tuple[Stack, ...]
    text: str
    lines: tuple[str, ...]
    rules: tuple[str, ...]

    @property
    def stack(self) -> str:
        """The names of the stacks."""
        return ", ".join(self.stacks)


class Sign(NamedTuple):
    """A response header, and a beginning of its value, from which a stack is recognised."""

    stack: Stack
    header: str
    value: str = ""


SIGNS: Final[tuple[Sign, ...]] = (
    Sign("LiteLLM proxy", "x-litellm-version"),
    Sign("LiteLLM proxy", "x-litellm-call-id"),
    Sign("llama.cpp", "server", "llama.cpp"),
    Sign("FastAPI", "server", "uvicorn"),
    Sign("FastAPI", "server", "hypercorn"),
    Sign("FastAPI", "server", "granian"),
    Sign("Next.js", "x-powered-by", "next.js"),
    Sign("Express", "x-powered-by", "express"),
    Sign("Envoy", "server", "envoy"),
    Sign("Envoy", "server", "istio-envoy"),
    Sign("Envoy", "x-envoy-upstream-service-time"),
    Sign("nginx", "server", "nginx"),
    Sign("nginx", "server", "openresty"),
    Sign("Apache httpd", "server", "apache"),
)
"""Applications first, then the proxies that may stand before them."""

HELD_BACK = ("DLV001", "DLV006")
COMPRESSED = ("DLV001", "DLV006", "HTTP013", "HTTP014", "HTTP015")
CUT = ("DLV003", "HTTP004", "HTTP018", "LIFE")
NOT_JSON = ("ERR005", "ERR006", "ERR012", "NYI005", "NYI006", "NYI007")

ADVICE: Final[tuple[Advice, ...]] = (
    Advice(
        ("nginx",),
        "In the location of the API, turn off buffering and compression:",
        ("proxy_http_version 1.1;", "proxy_buffering off;", "proxy_cache off;", "gzip off;"),
        HELD_BACK,
    ),
    Advice(
        ("nginx",),
        "In the application behind it, a response header turns off buffering for that response:",
        ("X-Accel-Buffering: no",),
        HELD_BACK,
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "Pass an async generator that yields while the model generates, never a list or a finished text:",
        ('return StreamingResponse(events(), media_type="text/event-stream")',),
        ("DLV001", "DLV002", "DLV006", "FLD001", "SSE001"),
    ),
    Advice(
        ("Express",),
        "The compression middleware skips responses with this header; or call `res.flush()` after each event:",
        ("Cache-Control: no-cache, no-transform",),
        HELD_BACK,
    ),
    Advice(
        ("Next.js",),
        "In next.config.js; or let the proxy in front compress everything except streams:",
        ("compress: false",),
        HELD_BACK,
    ),
    Advice(("Apache httpd",), "Flush each packet:", ("ProxyPass /v1 http://backend/v1 flushpackets=on",), HELD_BACK),
    Advice(
        ("Traefik",),
        "Exclude event streams from the compress middleware:",
        ("traefik.http.middlewares.NAME.compress.excludedcontenttypes=text/event-stream",),
        COMPRESSED,
    ),
    Advice(
        ("nginx",),
        "Compress in one layer only: request uncompressed bodies from the upstream server.",
        ('proxy_set_header Accept-Encoding "";',),
        ("HTTP013", "HTTP014"),
    ),
    Advice(
        ("nginx",),
        "It closes a stream after 60 idle seconds; older releases use HTTP/1.0 upstream, which hides truncated responses:",
        ("proxy_read_timeout 1h;", "proxy_http_version 1.1;"),
        CUT,
    ),
    Advice(("HAProxy",), "It closes a stream that is idle for longer than this timeout:", ("timeout server 1h",), CUT),
    Advice(
        ("Envoy",), "A route's timeout limits the complete response, to 15 seconds by default:", ("timeout: 0s",), CUT
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "Write each event with its blank line, and the end marker after the last:",
        ('yield f"data: {chunk.model_dump_json()}\\n\\n"', 'yield "data: [DONE]\\n\\n"'),
        ("SSE003", "SSE004", "SSE005", "SSE007", "SSE010", "SSE011"),
    ),
    Advice(
        ("sse-starlette",),
        "The response sets Content-Type, blank lines and comment heartbeats; send the end marker yourself:",
        ("return EventSourceResponse(events(), ping=15)", 'yield {"data": "[DONE]"}'),
        ("SSE001", "SSE003", "SSE004", "SSE007", "SSE011"),
    ),
    Advice(
        ("FastAPI", "Pydantic"),
        "A request model silently ignores undeclared fields. Declare `stream` and all that frameworks send, and forbid the rest:",
        ('model_config = ConfigDict(extra="forbid")', "stream: bool | None = None", "tools: list[Tool] | None = None"),
        ("FLD001", "FLD002", "FLD006", "FLD007", "FLD008"),
    ),
    Advice(
        ("FastAPI", "Pydantic"),
        "Declare what frameworks always send; a response header announces what has no effect:",
        ("temperature: float | None = None", 'return JSONResponse(body, headers={"X-Ignored-Params": "temperature"})'),
        ("FLD015", "FLD018", "TOOL022"),
    ),
    Advice(
        ("FastAPI", "Pydantic"),
        "A literal type accepts null and the value that changes nothing, and rejects any other by name:",
        ("n: Literal[1] | None = None", 'tool_choice: Literal["auto", "none"] | None = None'),
        ("FLD011", "FLD012", "FLD013", "FLD014", "PAR008", "PAR009", "TOOL021"),
    ),
    Advice(
        ("FastAPI", "Pydantic"),
        'Lax mode converts strings to numbers and booleans ("yes" is true). Reject them:',
        ("model_config = ConfigDict(strict=True)",),
        ("FLD003", "FLD004"),
    ),
    Advice(
        ("LiteLLM proxy",),
        "Under `litellm_settings`: with `drop_params: true`, unsupported fields are silently dropped.",
        ("drop_params: false",),
        ("FLD002", "FLD004", "FLD006", "FLD007", "FLD008", "FLD011", "FLD012", "FLD013", "FLD014", "FLD016", "PAR"),
    ),
    Advice(
        ("vLLM",),
        "It ignores unknown fields, and reports them only in its log. If that is intended, configure this harness:",
        ("conformance run --unknown-fields allow",),
        ("FLD006", "FLD007"),
    ),
    Advice(
        ("vLLM",),
        "Tool calls need a parser that fits the model:",
        ("--enable-auto-tool-choice --tool-call-parser hermes",),
        ("FLD012", "TOOL007", "TOOL008", "TOOL012"),
    ),
    Advice(("SGLang",), "Tool calls need a parser that fits the model:", ("--tool-call-parser qwen25",), ("TOOL012",)),
    Advice(("llama.cpp",), "Tool calls need the model's own template:", ("--jinja",), ("FLD012", "TOOL012")),
    Advice(
        ("vLLM", "SGLang"),
        "Reasoning is separated from content by a parser that fits the model; the wrong one returns all text as reasoning:",
        ("--reasoning-parser qwen3",),
        ("CMP015", "RSN001", "RSN002"),
    ),
    Advice(
        ("FastAPI", "Starlette"),
        '`HTTPException` returns {"detail": ...}, which no SDK reads. Return the error object itself:',
        (
            'ERROR = {"message": "Streaming is not supported. Set stream=false.", "type": "invalid_request_error",',
            '         "param": "stream", "code": "streaming_not_supported"}',
            'return JSONResponse({"error": ERROR}, status_code=501, headers={"x-should-retry": "false"})',
        ),
        ("NYI",),
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "Replace both of the framework's error handlers: for validation, and for routes and methods:",
        ("@app.exception_handler(RequestValidationError)", "@app.exception_handler(StarletteHTTPException)"),
        ("ERR006", "ERR007", "ERR009", "ERR011"),
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "In the handler for validation, name the field, and repeat nothing else of the request:",
        (
            "first = exc.errors()[0]",
            'param = ".".join(str(part) for part in first["loc"][1:])',
            "message = f\"{param}: {first['msg']}\"",
        ),
        ("ERR002", "ERR006", "ERR020", "ERR027", "ERR034", "FLD005", "FLD009"),
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "In the handler for routes and methods, keep the headers of the exception, such as Allow:",
        ("return JSONResponse(error, exc.status_code, headers=exc.headers)",),
        ("ERR021",),
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "A middleware checks the API key before routing, so that no path is forgotten:",
        ('@app.middleware("http")', "async def check_key(request: Request, call_next): ..."),
        ("AUTH002", "AUTH007", "AUTH008", "AUTH010", "AUTH012"),
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "The status is sent before the generator starts. Fetch the first event before you create the response:",
        ("first = await anext(events)",),
        ("ERR004", "ERR016", "ERR017", "ERR022", "NYI008"),
    ),
    Advice(
        ("nginx",),
        "Forward the upstream server's errors, and return JSON if the upstream is down:",
        (
            "proxy_intercept_errors off;",
            "error_page 502 504 = @down;",
            "location @down { default_type application/json;",
            '  return 503 \'{"error":{"message":"The model server is down.","type":"server_error","param":null,"code":null}}\'; }',
        ),
        NOT_JSON,
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "Turn off debug mode, which sends stack traces to clients:",
        ("FastAPI(debug=False)",),
        ("ERR018",),
    ),
    Advice(("Django",), "Turn off debug mode, which sends stack traces to clients:", ("DEBUG = False",), ("ERR018",)),
    Advice(
        ("nginx",),
        "It rejects bodies above 1 MB with 413 and an HTML page; agents send their complete history:",
        ("client_max_body_size 64m;",),
        ("ERR022",),
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "A path with an extra or a missing slash is redirected, unless:",
        ("FastAPI(redirect_slashes=False)",),
        ("HTTP011",),
    ),
    Advice(
        ("LiteLLM proxy",),
        "Under `general_settings`: request usage from the upstream server in every stream.",
        ("always_include_stream_usage: true",),
        ("USE001",),
    ),
    Advice(
        ("vLLM",),
        "`--api-key` protects only some prefixes (such as /v1); /invocations and others stay open. Expose no other path:",
        ("location /v1/ { proxy_pass http://127.0.0.1:8000; }", "location / { return 404; }"),
        ("AUTH",),
    ),
    Advice(
        ("FastAPI", "Starlette"),
        "Stop the model on client disconnect: a closed generator must close the model's own stream, and a non-streaming "
        "handler must poll:",
        ("if await request.is_disconnected(): ...",),
        ("LIFE",),
    ),
)


def advice(rule: str, stacks: Iterable[Stack] = ()) -> tuple[Advice, ...]:
    """Advice for a rule's failures: first that for the given stacks, which are a guess, then the others."""
    family, guessed = family_of(rule), set(stacks)
    found = (item for item in ADVICE if rule in item.rules or family in item.rules)
    return tuple(sorted(found, key=lambda item: guessed.isdisjoint(item.stacks)))


def stacks_of(headers: Iterable[tuple[str, str]]) -> tuple[Stack, ...]:
    """The stacks that response headers show: the application, then the proxies in front of it."""
    sent = [(name.lower(), value.strip().lower()) for name, value in headers]
    shown = (
        sign.stack
        for sign in SIGNS
        if any(name == sign.header and value.startswith(sign.value) for name, value in sent)
    )
    return tuple(dict.fromkeys(shown))


def stack_of(headers: Iterable[tuple[str, str]]) -> Stack | None:
    """The stack that response headers show, or None."""
    return next(iter(stacks_of(headers)), None)
