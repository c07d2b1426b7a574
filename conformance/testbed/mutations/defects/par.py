"""Defects in the effect of request parameters."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations.mutate_chat import (
    Body,
    Edit,
    defect,
    each_choice,
    each_message,
    each_part,
    ends,
    in_turn,
    on_stream,
    with_delta,
    with_fields,
)
from conformance.testbed.mutations.mutate_requests import Where, dropping, holds, refusal, rewriting, sent
from conformance.testbed.server.chat import turn_of
from conformance.testbed.server.model import generate
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest


def searching_for_stream(request: ServerRequest) -> ServerRequest:
    """`stream` is not parsed: the raw body is searched for it."""
    if request.api != "chat" or not isinstance(request.json, dict) or b'"stream":true' in request.body:
        return request
    return replace(request, json={name: value for name, value in request.json.items() if name != "stream"})


def each_token(edit: Edit) -> OnResponse:
    """Edit every entry of logprobs, in both modes."""
    return each_list_of_tokens(lambda tokens: [edit(token) for token in tokens])


def each_list_of_tokens(edit: Callable[[list[Body]], list[Body]]) -> OnResponse:
    """Edit the logprobs of each chunk, and of each choice of a non-streaming response."""

    def edited(choice: Body) -> Body:
        return choice | {"logprobs": choice["logprobs"] | {"content": edit(choice["logprobs"]["content"])}}

    return in_turn(each_part(edited, has_tokens), each_choice(edited, has_tokens))


def has_tokens(choice: Body) -> bool:
    """The choice has logprobs."""
    return bool(choice["logprobs"])


def of_the_first(tokens: list[Body]) -> list[Body]:
    """Each token with the first token's top_logprobs."""
    return [token | {"top_logprobs": tokens[0]["top_logprobs"]} for token in tokens]


def of_the_first_chunk(chunks: list[Body]) -> list[Body]:
    """Each chunk's tokens with the top_logprobs of the first chunk's."""
    first = next(
        (c["choices"][0]["logprobs"]["content"][0] for c in chunks if c["choices"] and has_tokens(c["choices"][0])),
        None,
    )

    def edited(choice: Body) -> Body:
        tokens = of_the_first([first, *choice["logprobs"]["content"]])[1:] if first else []
        return choice | {"logprobs": choice["logprobs"] | {"content": tokens}}

    return [
        c | {"choices": [edited(choice) if has_tokens(choice) else choice for choice in c["choices"]]} for c in chunks
    ]


def as_piece(token: Body) -> Body:
    """A token with a tokenizer marker instead of its space."""
    return token | {"token": token["token"].replace(" ", "\u2581"), "bytes": None}


def percent(token: Body) -> Body:
    """A token with its probability in percent."""
    return token | {"logprob": 95.1}


def one_more(token: Body) -> Body:
    """One top_logprobs entry too many."""
    return token | {"top_logprobs": [*token["top_logprobs"], {"token": " more", "logprob": -9.5, "bytes": None}]}


def twice(token: Body) -> Body:
    """Every top_logprobs entry is the same."""
    return token | {"top_logprobs": token["top_logprobs"][:1] * len(token["top_logprobs"])}


LOGPROBS = (
    defect("log-probability-in-percent", "Log probabilities are percentages", "PAR001", each_token(percent)),
    defect(
        "alternatives-one-too-many", "top_logprobs has one entry more than requested", "PAR002", each_token(one_more)
    ),
    defect("alternative-twice", "top_logprobs has duplicate entries", "PAR002", each_token(twice)),
    defect(
        "bytes-without-the-blank",
        "`bytes` of a token lacks its leading space",
        "PAR003",
        each_token(lambda token: token | {"bytes": list(token["token"].strip().encode())}),
    ),
    defect(
        "alternatives-of-the-first-token",
        "All tokens have the first token's top_logprobs",
        "PAR004",
        in_turn(each_list_of_tokens(of_the_first), on_stream(of_the_first_chunk)),
    ),
    defect(
        "tokens-as-pieces",
        "Tokens in logprobs have tokenizer markers instead of spaces",
        "PAR005",
        each_token(as_piece),
    ),
    defect(
        "tokens-left-out",
        "logprobs of a non-streaming response lists every other token only",
        "PAR005",
        each_list_of_tokens(lambda tokens: tokens[::2]),
    ),
    Mutation(
        name="logprobs-unasked",
        title="logprobs are sent unrequested",
        caught_by="PAR006",
        on_request=rewriting(with_fields(logprobs=True), lambda request: "logprobs" not in request.json),
    ),
    Mutation(
        name="alternatives-clamped",
        title="top_logprobs has one entry at most, whatever is requested",
        caught_by="PAR002",
        on_request=rewriting(with_fields(top_logprobs=1), lambda request: request.json.get("top_logprobs") in (2, 3)),
    ),
)


def with_the_stop(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The text with the stop sequence that ended it."""
    if response.status != 200 or request.api != "chat":
        return response
    stop = generate(turn_of(request.json)).stop or ""

    def at_the_end(chunks: list[Body]) -> list[Body]:
        last = next(at for at, chunk in enumerate(chunks) if any(map(ends, chunk["choices"])))
        return [*chunks[:last], with_delta(chunks[last], {"content": stop}), *chunks[last:]] if stop else chunks

    def in_full(message: Body) -> Body:
        return message | {"content": message["content"] + stop} if stop else message

    return in_turn(on_stream(at_the_end), each_message(in_full))(response, request)


def fenced(message: Body) -> Body:
    """The content in a Markdown code fence."""
    return message | {"content": f"```json\n{message['content']}\n```"}


def wants(kind: str) -> Where:
    """The request has this type of response_format."""
    return lambda request: (
        holds("response_format", dict)(request) and request.json["response_format"].get("type") == kind
    )


def where(condition: Where, edit: OnResponse) -> OnResponse:
    """Edit the responses to chat requests for which the condition holds."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        is_chat = request.api == "chat" and isinstance(request.json, dict)
        return edit(response, request) if is_chat and condition(request) else response

    return change


def refusing(message: str, **fields: Any) -> OnResponse:
    """Reject with this message."""
    return lambda _answer, _request: refusal(400, message, **fields)


ENDS = (
    Mutation(
        name="stop-text-included",
        title="The text includes its stop sequence",
        caught_by="PAR007",
        on_response=with_the_stop,
    ),
    Mutation(
        name="stop-as-text-dropped",
        title="`stop` is silently ignored as a string, honoured as a list",
        caught_by="FLD016",
        on_request=dropping("stop", where=holds("stop", str)),
    ),
    Mutation(
        name="older-cap-wins",
        title="`max_tokens` overrides `max_completion_tokens`",
        caught_by="PAR013",
        on_request=dropping(
            "max_completion_tokens", where=lambda request: isinstance(request.json.get("max_tokens"), int)
        ),
    ),
    Mutation(
        name="json-object-ignored",
        title="`response_format: json_object` is validated, then ignored",
        caught_by="PAR008",
        on_request=dropping("response_format", where=wants("json_object")),
    ),
    defect(
        "json-object-fenced",
        "A JSON object is wrapped in a Markdown code fence",
        "PAR008",
        where(wants("json_object"), each_message(fenced)),
    ),
)


def messages(request: ServerRequest) -> list[Body]:
    """The request's messages, as far as they are objects."""
    given = sent(request).get("messages")
    return [message for message in given if isinstance(message, dict)] if isinstance(given, list) else []


def by_developers(request: ServerRequest) -> bool:
    """A message has the role developer."""
    return any(message.get("role") == "developer" for message in messages(request))


def by_named_users(request: ServerRequest) -> bool:
    """A message has a string as its author's name."""
    return request.api == "chat" and any(isinstance(message.get("name"), str) for message in messages(request))


def with_audio(request: ServerRequest) -> bool:
    """A message has an audio part."""
    return request.api == "chat" and b'"input_audio"' in request.body


def in_parts(role: str) -> Where:
    """A message of this role has a list of text parts as its content."""

    def is_in_parts(message: Body) -> bool:
        parts = message.get("content")
        return message.get("role") == role and isinstance(parts, list) and of_texts(parts) == parts

    return lambda request: request.api == "chat" and any(map(is_in_parts, messages(request)))


def each_content(edit: Callable[[list[Body]], list[Body]]) -> Edit:
    """Edit the content parts that the server reads."""

    def edited(message: Body) -> Body:
        has_parts = isinstance(message, dict) and isinstance(message.get("content"), list)
        return message | {"content": edit(message["content"])} if has_parts else message

    return lambda body: body | {"messages": [edited(message) for message in body["messages"]]}


def without_developers(body: Body) -> Body:
    """Developer messages are not read."""
    return body | {"messages": [message for message in body["messages"] if message.get("role") != "developer"]}


def of_texts(parts: list[Body]) -> list[Body]:
    """The text parts."""
    return [part for part in parts if part.get("type") == "text"]


def without_audio(parts: list[Body]) -> list[Body]:
    """The parts that are not audio."""
    return [part for part in parts if part.get("type") != "input_audio"]


HAS_MESSAGES = holds("messages", list)
FORMS = (
    defect(
        "text-format-refused",
        "`response_format: text` is rejected",
        "PAR009",
        where(wants("text"), refusing("'response_format.type' must be json_schema.", param="response_format")),
    ),
    defect(
        "null-refused",
        "Fields that are null are rejected",
        "PAR009",
        where(holds("stop", type(None)), refusing("'stop' must be an array.", param="stop")),
    ),
    defect(
        "audio-refused-without-a-name",
        "Audio is rejected by an error that does not mention it",
        "PAR010",
        where(with_audio, refusing("Invalid request: unexpected value at position 1.")),
    ),
    defect(
        "name-refused-without-a-name",
        "A message's `name` is rejected by an error that only says that a type is wrong",
        "PAR010",
        where(by_named_users, refusing("1 validation error (type=value_error.extra)")),
    ),
    defect(
        "developer-refused-without-a-name",
        "The role `developer` is rejected by an error that does not name it",
        "PAR016",
        where(by_developers, refusing("Invalid request.")),
    ),
    defect(
        "developer-refused",
        "The role `developer` is rejected by name",
        "PAR016",
        where(by_developers, refusing("Unknown role 'developer'.", param="messages[0].role")),
    ),
    *(
        defect(
            f"{role}-parts-refused",
            f"A list of text parts is rejected in {role} messages",
            "PAR016",
            where(in_parts(role), refusing("str type expected (type=type_error.str)")),
        )
        for role in ("system", "user", "tool")
    ),
    Mutation(
        name="second-part-dropped",
        title="All content parts but the first are silently ignored",
        caught_by="PAR011",
        on_request=rewriting(each_content(lambda parts: parts[:1]), HAS_MESSAGES),
    ),
    Mutation(
        name="image-dropped",
        title="Images are silently ignored",
        caught_by="PAR011",
        on_request=rewriting(each_content(of_texts), HAS_MESSAGES),
    ),
    Mutation(
        name="audio-dropped",
        title="Audio parts are silently ignored",
        caught_by="PAR011",
        on_request=rewriting(each_content(without_audio), HAS_MESSAGES),
    ),
    Mutation(
        name="developer-dropped",
        title="Developer messages are silently ignored",
        caught_by="PAR011",
        on_request=rewriting(without_developers, by_developers),
    ),
)


def clamped(body: Body) -> Body:
    """An out-of-range temperature clamped to the nearest valid one."""
    return body | {"temperature": min(2, max(0, body["temperature"]))}


def drawn_anew(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A first word that differs each time."""

    def edited(message: Body) -> Body:
        _, blank, rest = (message["content"] or "").partition(" ")
        return message | {"content": f"N{request.id}{blank}{rest}"}

    return each_message(edited)(response, request)


VALUES = (
    Mutation(
        name="temperature-clamped",
        title="An out-of-range temperature is clamped",
        caught_by="PAR012",
        on_request=rewriting(clamped, holds("temperature", (int, float))),
    ),
    defect(
        "seed-not-forwarded",
        "`seed` is validated, but does not reach the sampler",
        "PAR014",
        where(holds("seed", int), drawn_anew),
    ),
)

SPELLING = Mutation(
    name="stream-searched-for",
    title='`"stream":true` is matched in the raw body, so a space after the colon defeats it',
    caught_by="PAR015",
    on_request=searching_for_stream,
)
