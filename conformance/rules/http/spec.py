"""Sources of the requirements on the HTTP message."""

RFC9110 = "https://www.rfc-editor.org/rfc/rfc9110#section-"
RFC9112 = "https://www.rfc-editor.org/rfc/rfc9112#section-"
RFC8259 = "https://www.rfc-editor.org/rfc/rfc8259#section-"
COMPLETIONS = "https://platform.openai.com/docs/api-reference/chat/create"
