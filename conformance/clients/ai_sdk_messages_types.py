"""What the Vercel AI SDK's provider for Anthropic requires of each event and of a complete response."""

from collections.abc import Mapping
from typing import Any, Final

from conformance.clients.ai_sdk import number
from conformance.clients.validators import (
    Check,
    anything,
    both,
    either,
    fields,
    items,
    never_null,
    nullish,
    one_of,
    text,
    typed,
)

TEXT: Final = nullish(text)
NUMBER: Final = nullish(number)
ERROR: Final = fields(type=one_of("error"), error=fields(type=text, message=text))


def flag(value: Any) -> bool:
    """A boolean."""
    return isinstance(value, bool)


def an_object(value: Any) -> bool:
    """Any object."""
    return isinstance(value, dict)


def _optional(name: str, check: Check) -> Check:
    """An object in which this field may be absent, but not null."""
    return both(never_null(name), fields(**{name: nullish(check)}))


def has_input(value: Any) -> bool:
    """An object with an `input`, even null."""
    return isinstance(value, dict) and "input" in value


CALLER: Final = _optional(
    "caller",
    either(
        fields(type=one_of("code_execution_20250825", "code_execution_20260120"), tool_id=text),
        fields(type=one_of("direct")),
    ),
)
ERROR_CODE: Final = fields(error_code=text)
DOCUMENT: Final = both(
    fields(
        type=one_of("document"),
        title=TEXT,
        source=either(
            fields(type=one_of("base64"), media_type=one_of("application/pdf"), data=text),
            fields(type=one_of("text"), media_type=one_of("text/plain"), data=text),
        ),
    ),
    _optional("citations", fields(enabled=flag)),
)
FILES: Final[Mapping[str, Check]] = {
    name: items(fields(type=one_of(name), file_id=text))
    for name in ("code_execution_output", "bash_code_execution_output")
}
RAN: Final = both(fields(stderr=text, return_code=number), _optional("content", FILES["code_execution_output"]))
RESULTS: Final[Mapping[str, Check]] = {
    "mcp_tool_result": fields(is_error=flag, content=items(either(text, fields(type=one_of("text"), text=text)))),
    "web_fetch_tool_result": both(
        CALLER,
        fields(
            content=typed(
                web_fetch_result=fields(url=text, retrieved_at=text, content=DOCUMENT),
                web_fetch_tool_result_error=ERROR_CODE,
            )
        ),
    ),
    "web_search_tool_result": both(
        CALLER,
        fields(
            content=either(
                items(
                    fields(
                        type=one_of("web_search_result"), url=text, title=text, encrypted_content=text, page_age=TEXT
                    )
                ),
                typed(web_search_tool_result_error=ERROR_CODE),
            )
        ),
    ),
    "code_execution_tool_result": fields(
        content=typed(
            code_execution_result=both(fields(stdout=text), RAN),
            encrypted_code_execution_result=both(fields(encrypted_stdout=text), RAN),
            code_execution_tool_result_error=ERROR_CODE,
        )
    ),
    "bash_code_execution_tool_result": fields(
        content=typed(
            bash_code_execution_result=fields(
                content=FILES["bash_code_execution_output"], stdout=text, stderr=text, return_code=number
            ),
            bash_code_execution_tool_result_error=ERROR_CODE,
        )
    ),
    "text_editor_code_execution_tool_result": fields(
        content=typed(
            text_editor_code_execution_tool_result_error=ERROR_CODE,
            text_editor_code_execution_view_result=fields(
                content=text, file_type=text, num_lines=NUMBER, start_line=NUMBER, total_lines=NUMBER
            ),
            text_editor_code_execution_create_result=fields(is_file_update=flag),
            text_editor_code_execution_str_replace_result=fields(
                lines=nullish(items(text)), new_lines=NUMBER, new_start=NUMBER, old_lines=NUMBER, old_start=NUMBER
            ),
        )
    ),
    "tool_search_tool_result": fields(
        content=typed(
            tool_search_tool_search_result=fields(
                tool_references=items(fields(type=one_of("tool_reference"), tool_name=text))
            ),
            tool_search_tool_result_error=ERROR_CODE,
        )
    ),
    "advisor_tool_result": fields(
        content=typed(
            advisor_result=fields(text=text),
            advisor_redacted_result=fields(encrypted_content=text),
            advisor_tool_result_error=ERROR_CODE,
        )
    ),
}
"""The result blocks of the vendor's own tools."""
USE: Final = fields(id=text, name=text, toolset_name=TEXT)
BLOCKS: Final[dict[str, Check]] = dict(
    redacted_thinking=fields(data=text),
    server_tool_use=both(fields(id=text, name=text, input=nullish(an_object)), CALLER),
    mcp_tool_use=both(fields(id=text, name=text, server_name=text), has_input),
    fallback=anything,
    **{name: both(fields(tool_use_id=text), check) for name, check in RESULTS.items()},
)
PLACE: Final = fields(cited_text=text, document_index=number, document_title=TEXT)
CITATION: Final = typed(
    web_search_result_location=fields(cited_text=text, url=text, title=text, encrypted_index=text),
    page_location=both(PLACE, fields(start_page_number=number, end_page_number=number)),
    char_location=both(PLACE, fields(start_char_index=number, end_char_index=number)),
)
OPENED: Final = typed(
    text=fields(text=text),
    thinking=fields(thinking=text),
    compaction=fields(content=TEXT),
    tool_use=both(USE, CALLER, _optional("input", an_object)),
    **BLOCKS,
)
"""A block as it begins in a stream."""


def _whole(citations: Check) -> Check:
    """A complete block."""
    return typed(
        text=both(fields(text=text), citations),
        thinking=fields(thinking=text, signature=text),
        compaction=fields(content=text),
        tool_use=both(USE, CALLER, has_input),
        **BLOCKS,
    )


DELTA: Final = typed(
    text_delta=fields(text=text),
    input_json_delta=fields(partial_json=text),
    thinking_delta=fields(thinking=text),
    signature_delta=fields(signature=text),
    compaction_delta=fields(content=TEXT),
    citations_delta=fields(citation=CITATION),
)
CACHED: Final[Mapping[str, Check]] = dict.fromkeys(("cache_creation_input_tokens", "cache_read_input_tokens"), NUMBER)
USED: Final = fields(
    **CACHED,
    output_tokens=number,
    output_tokens_details=nullish(fields(thinking_tokens=NUMBER)),
    iterations=nullish(
        items(
            fields(
                **CACHED,
                type=one_of("compaction", "message", "advisor_message", "fallback_message"),
                model=TEXT,
                input_tokens=number,
                output_tokens=number,
            )
        )
    ),
)
SKILL: Final = fields(type=one_of("anthropic", "custom"), skill_id=text, version=text)
CONTAINER: Final = nullish(fields(expires_at=text, id=text, skills=nullish(items(SKILL))))
TRANSFORMED: Final = nullish(items(fields(type=text, path=text, reason=text)))


def _by_tool(value: Any) -> bool:
    is_valid = fields(type=text, outcome=TEXT, explanation=TEXT)
    return isinstance(value, dict) and all(map(is_valid, value.values()))


ENDED: Final[Mapping[str, Check]] = {
    "stop_reason": TEXT,
    "stop_sequence": TEXT,
    "stop_details": nullish(fields(type=text, category=TEXT, explanation=TEXT, recommended_model=TEXT)),
    "safeguard_results": nullish(items(fields(type=text, status=fields(type=text, tool_uses=nullish(_by_tool))))),
    "container": CONTAINER,
}
MANAGED: Final = nullish(
    fields(
        applied_edits=items(
            typed(
                clear_tool_uses_20250919=fields(cleared_tool_uses=number, cleared_input_tokens=number),
                clear_thinking_20251015=fields(cleared_thinking_turns=number, cleared_input_tokens=number),
                compact_20260112=anything,
            )
        )
    )
)
EVENT: Final = typed(
    message_start=fields(
        message=fields(
            id=TEXT,
            model=TEXT,
            role=TEXT,
            usage=fields(input_tokens=number, **CACHED),
            content=nullish(items(typed(tool_use=both(USE, CALLER, has_input)))),
            stop_reason=TEXT,
            input_transformations=TRANSFORMED,
            container=nullish(fields(expires_at=text, id=text)),
        )
    ),
    content_block_start=fields(index=number, content_block=OPENED),
    content_block_delta=fields(index=number, delta=DELTA),
    content_block_stop=fields(index=number),
    message_delta=fields(
        delta=fields(**ENDED),
        usage=both(USED, fields(input_tokens=NUMBER)),
        input_transformations=TRANSFORMED,
        context_management=MANAGED,
    ),
    message_stop=anything,
    ping=anything,
    error=fields(error=fields(type=text, message=text)),
)


def _message(citations: Check) -> Check:
    return fields(
        **ENDED,
        type=one_of("message"),
        id=TEXT,
        model=TEXT,
        content=items(_whole(citations)),
        usage=both(USED, fields(input_tokens=number)),
        input_transformations=TRANSFORMED,
        context_management=MANAGED,
    )


MESSAGE_6: Final = _message(_optional("citations", items(CITATION)))
MESSAGE_7: Final = _message(fields(citations=nullish(items(CITATION))))
"""Since version 7, the citations of a text may be null."""
