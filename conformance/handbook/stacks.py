"""How to mend a fault in the servers, gateways and proxies that people really run: exact lines, only where they help."""

from typing import Final, NamedTuple


class Advice(NamedTuple):
    """What to set in one stack. `rules` are IDs, or letters that stand for a whole family; `lines` are exact."""

    stack: str
    says: str
    lines: tuple[str, ...]
    rules: tuple[str, ...]


HELD_BACK = ("DLV001", "DLV006")
COMPRESSED = ("DLV001", "DLV006", "HTTP013", "HTTP014", "HTTP015")
CUT = ("DLV003", "HTTP004", "HTTP018", "LIFE")
NOT_JSON = ("ERR005", "ERR006", "ERR012", "NYI005", "NYI006", "NYI007")

ADVICE: Final[tuple[Advice, ...]] = (
    Advice(
        "nginx",
        "In the location of the API, pass each piece on as it comes, and compress nothing:",
        ("proxy_http_version 1.1;", "proxy_buffering off;", "proxy_cache off;", "gzip off;"),
        HELD_BACK,
    ),
    Advice(
        "An application behind nginx",
        "One reply can switch the buffering off by a header:",
        ("X-Accel-Buffering: no",),
        HELD_BACK,
    ),
    Advice(
        "FastAPI, Starlette",
        "Hand over an asynchronous generator that yields while the model works, never a list or a finished text:",
        ('return StreamingResponse(events(), media_type="text/event-stream")',),
        ("DLV001", "DLV002", "DLV006", "SSE001"),
    ),
    Advice(
        "Express (compression)",
        "The middleware leaves a reply alone that says so, or is flushed after each event by `res.flush()`:",
        ("Cache-Control: no-cache, no-transform",),
        HELD_BACK,
    ),
    Advice(
        "Next.js",
        "In next.config.js; or let the proxy in front compress all but streams:",
        ("compress: false",),
        HELD_BACK,
    ),
    Advice("Apache httpd", "Flush each piece:", ("ProxyPass /v1 http://backend/v1 flushpackets=on",), HELD_BACK),
    Advice(
        "Traefik",
        "Leave event streams out of the compress middleware:",
        ("traefik.http.middlewares.NAME.compress.excludedcontenttypes=text/event-stream",),
        COMPRESSED,
    ),
    Advice(
        "nginx",
        "Let one layer compress: ask the server behind for bare bodies.",
        ('proxy_set_header Accept-Encoding "";',),
        ("HTTP013", "HTTP014"),
    ),
    Advice(
        "nginx",
        "It closes a stream that is silent for 60 seconds; older releases speak HTTP/1.0 to the server behind, which hides a cut:",
        ("proxy_read_timeout 1h;", "proxy_http_version 1.1;"),
        CUT,
    ),
    Advice("HAProxy", "It closes a stream that is silent for longer than:", ("timeout server 1h",), CUT),
    Advice("Envoy", "A route's timeout bounds the whole reply, 15 seconds by default:", ("timeout: 0s",), CUT),
    Advice(
        "FastAPI, Starlette",
        "Write each event with its blank line, and the end marker after the last:",
        ('yield f"data: {chunk.model_dump_json()}\\n\\n"', 'yield "data: [DONE]\\n\\n"'),
        ("SSE003", "SSE004", "SSE005", "SSE007", "SSE010", "SSE011"),
    ),
    Advice(
        "sse-starlette",
        "The response takes care of label, blank lines and comment heartbeats; the end marker is yours:",
        ("return EventSourceResponse(events(), ping=15)", 'yield {"data": "[DONE]"}'),
        ("SSE001", "SSE003", "SSE004", "SSE007", "SSE011"),
    ),
    Advice(
        "FastAPI, Pydantic",
        "A request model drops what it does not declare. Declare `stream`, branch on it, and refuse the rest by name:",
        ('model_config = ConfigDict(extra="forbid")', "stream: bool | None = False"),
        ("FLD001", "FLD002", "FLD006", "FLD007", "FLD008"),
    ),
    Advice(
        "FastAPI, Pydantic",
        'Lax mode turns texts into numbers and booleans ("yes" is true). Refuse them:',
        ("model_config = ConfigDict(strict=True)",),
        ("FLD003", "FLD004"),
    ),
    Advice(
        "LiteLLM proxy",
        "Under `litellm_settings`: where this is true, fields that a provider lacks are dropped without a word.",
        ("drop_params: false",),
        ("FLD002", "FLD004", "FLD006", "FLD007", "FLD008", "FLD011", "FLD012", "FLD013", "FLD014", "FLD016", "PAR"),
    ),
    Advice(
        "vLLM",
        "It ignores unknown fields and tells only its log. If that is meant, say so to this harness:",
        ("conformance run --unknown-fields allow",),
        ("FLD006", "FLD007"),
    ),
    Advice(
        "vLLM",
        "Tool calls need a parser that fits the model:",
        ("--enable-auto-tool-choice --tool-call-parser hermes",),
        ("FLD012", "TOOL007", "TOOL008", "TOOL012"),
    ),
    Advice("SGLang", "Tool calls need a parser that fits the model:", ("--tool-call-parser qwen25",), ("TOOL012",)),
    Advice("llama.cpp", "Tool calls need the model's own template:", ("--jinja",), ("FLD012", "TOOL012")),
    Advice(
        "vLLM, SGLang",
        "Thoughts are told from the answer by a parser that fits the model; the wrong one calls all of it thoughts:",
        ("--reasoning-parser qwen3",),
        ("CMP015",),
    ),
    Advice(
        "FastAPI, Starlette",
        '`HTTPException` answers {"detail": ...}, which no SDK reads. Answer with the error object itself:',
        (
            'ERROR = {"message": "Streaming is not supported. Set stream=false.", "type": "invalid_request_error",',
            '         "param": "stream", "code": "streaming_not_supported"}',
            'return JSONResponse({"error": ERROR}, status_code=501, headers={"x-should-retry": "false"})',
        ),
        ("NYI",),
    ),
    Advice(
        "FastAPI, Starlette",
        "Replace both of the framework's own errors: those of validation, and those of routes and methods:",
        ("@app.exception_handler(RequestValidationError)", "@app.exception_handler(StarletteHTTPException)"),
        ("ERR006", "ERR007", "ERR009", "ERR011"),
    ),
    Advice(
        "FastAPI, Starlette",
        "The status has left when the generator starts. Fetch the first event before the response is made:",
        ("first = await anext(events)",),
        ("ERR004", "ERR016", "ERR017", "ERR022", "NYI008"),
    ),
    Advice(
        "nginx",
        "Pass the server's own errors on, and speak JSON where there is no server:",
        (
            "proxy_intercept_errors off;",
            "error_page 502 504 = @down;",
            "location @down { default_type application/json;",
            '  return 503 \'{"error":{"message":"The model server is down.","type":"server_error","param":null,"code":null}}\'; }',
        ),
        NOT_JSON,
    ),
    Advice("Starlette, FastAPI", "Tracebacks are shown where this is true:", ("FastAPI(debug=False)",), ("ERR018",)),
    Advice("Django", "Tracebacks are shown where this is true:", ("DEBUG = False",), ("ERR018",)),
    Advice(
        "nginx",
        "It answers bodies above 1 MB by a page of HTML with 413; agents send their whole history:",
        ("client_max_body_size 64m;",),
        ("ERR022",),
    ),
    Advice(
        "FastAPI, Starlette",
        "A path with a slash too many or too few is redirected, unless:",
        ("FastAPI(redirect_slashes=False)",),
        ("HTTP011",),
    ),
    Advice(
        "LiteLLM proxy",
        "Under `general_settings`: the usage is asked of the server behind in every stream.",
        ("always_include_stream_usage: true",),
        ("USE001",),
    ),
    Advice(
        "vLLM",
        "`--api-key` guards some prefixes only (/v1 among them); /invocations and others stay open. Offer no other path:",
        ("location /v1/ { proxy_pass http://127.0.0.1:8000; }", "location / { return 404; }"),
        ("AUTH",),
    ),
    Advice(
        "Starlette, FastAPI",
        "Stop the model when the client is gone: a generator that is closed must close the model's own stream, and a "
        "handler without a stream has to look by itself:",
        ("if await request.is_disconnected(): ...",),
        ("LIFE",),
    ),
)


def advice(rule: str) -> tuple[Advice, ...]:
    """What helps against a rule's fault, in the order of the table."""
    family = rule.rstrip("0123456789")
    return tuple(item for item in ADVICE if rule in item.rules or family in item.rules)
