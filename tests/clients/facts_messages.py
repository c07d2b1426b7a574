"""Measured behaviour of the clients of the Messages API; client_facts.py describes the format."""

MESSAGES_CLIENTS = ("Claude SDK 2.12", "Claude SDK 2.12 (raw stream)")
MESSAGES = """
stream text ok_sse                      t/1    t/1
stream text json_200_on_stream          x/1    -/1
stream text json_empty_body             x/1    -/1
stream text sse_ct_text_plain           t/1    t/1
stream text sse_ct_json                 t/1    t/1
stream text sse_no_ct                   t/1    t/1
stream text sse_missing_done            t/1    t/1
stream text sse_trunc_event_boundary    p/1    p/1
stream text sse_trunc_mid_event_clean   p/1    p/1
stream text sse_trunc_mid_event_abort   px/1   px/1
stream text sse_trunc_close_framing     p/1    p/1
stream text sse_rst_midway              px/1   px/1
stream text sse_empty                   x/1    -/1
stream text sse_only_done               x/1    -/1
stream text sse_comments_only           x/1    -/1
stream text sse_error_mid_stream        px/1   px/1
stream text sse_error_first             x/1    x/1
stream text sse_error_named_event       px/1   px/1
stream text sse_error_string            p/1    p/1
stream text sse_bad_json                p/1    p/1
stream text sse_cr                      t/1    t/1
stream text sse_single_newline          x/1    -/1
stream text sse_no_trailing_blank       t/1    t/1
stream text sse_no_space                t/1    t/1
stream text sse_comments                t/1    t/1
stream text sse_multiline_data          t/1    t/1
stream text sse_no_data_prefix          x/1    -/1
stream text data_after_done             t+/1   t+/1
stream text done_no_space               t/1    t/1
stream text unicode_split               t/1    t/1
stream text unicode_escaped             t/1    t/1
stream text gzip_sse                    t/1    t/1
stream text buffered                    t/1    t/1
stream text byte_by_byte                t/1    t/1
stream text an_no_message_stop          t/1    t/1
stream text an_no_content_block_start   x/1    t/1
stream text an_unknown_event            t/1    t/1
stream text usage_missing               px/1   t/1
stream text 501_json_error              x/3    x/3
stream text 501_no_retry_hdr            x/1    x/1
stream text 501_html                    x/3    x/3
stream text 501_on_stream_only          x/3    x/3
stream text 501_no_retry_on_stream_only x/1    x/1
stream text 400_on_stream_only          x/1    x/1
stream text 400_unknown_field           x/1    x/1
stream text 400_x_retry_true            x/3    x/3
stream text 401                         x/1    x/1
stream text 402                         x/1    x/1
stream text 404_model                   x/1    x/1
stream text 404_fastapi                 x/1    x/1
stream text 408                         x/3    x/3
stream text 409                         x/3    x/3
stream text 422_fastapi                 x/1    x/1
stream text 429_retry_after_1           x/3    x/3
stream text 429                         x/3    x/3
stream text 500                         x/3    x/3
stream text 502_html                    x/3    x/3
stream text 503                         x/3    x/3
stream text 503_retry_after_1           x/3    x/3
stream text 529                         x/3    x/3
stream text conn_reset                  x/3    x/3
stream text done_then_hold              hang/1 hang/1
stream text slow_first_byte_5s          t/1    t/1
unary text ok_json                     t/1    .
unary text json_wrong_ct               t/1    .
unary text json_empty_body             x/1    .
unary text null_choices                t/1    .
unary text empty_choices               t/1    .
unary text no_choices_key              t/1    .
unary text content_null                t/1    .
unary text missing_role                t/1    .
unary text missing_finish_reason       t/1    .
unary text usage_missing               t/1    .
unary text 501_json_error              x/3    .
unary text 501_no_retry_hdr            x/1    .
unary text 501_html                    x/3    .
unary text 501_on_stream_only          t/1    .
unary text 501_no_retry_on_stream_only t/1    .
unary text 400_on_stream_only          t/1    .
unary text 400_unknown_field           x/1    .
unary text 400_x_retry_true            x/3    .
unary text 401                         x/1    .
unary text 402                         x/1    .
unary text 404_model                   x/1    .
unary text 404_fastapi                 x/1    .
unary text 408                         x/3    .
unary text 409                         x/3    .
unary text 422_fastapi                 x/1    .
unary text 429_retry_after_1           x/3    .
unary text 429                         x/3    .
unary text 500                         x/3    .
unary text 502_html                    x/3    .
unary text 503                         x/3    .
unary text 503_retry_after_1           x/3    .
unary text 529                         x/3    .
unary text conn_reset                  x/3    .
stream tool ok_sse                      ok/1   .
unary tool ok_json                     ok/1   .
"""

MESSAGES_FRAMEWORKS = (
    "LangGraph 1.2 (ChatAnthropic)",
    "Pydantic AI 2.68 (Anthropic)",
    "AI SDK 6 (anthropic)",
    "Claude Agent SDK 0.2",
    "hermes 0.19 (Anthropic)",
)
MESSAGES_FRAMEWORKS_DID = """
stream text ok_sse                      t/1    t/1    t/1    t/1    t/1
stream text json_200_on_stream          x/1    x/1    x/1    t/2    x/9
stream text json_empty_body             x/1    x/1    x/1    px/2   .
stream text sse_ct_text_plain           t/1    t/1    t/1    t/1    .
stream text sse_ct_json                 t/1    t/1    t/1    t/1    t/1
stream text sse_no_ct                   t/1    t/1    t/1    t/1    .
stream text sse_missing_done            t/1    t/1    t/1    t/1    t/1
stream text sse_trunc_event_boundary    p/1    p/1    p/1    t/3    p/1
stream text sse_trunc_mid_event_clean   p/1    p/1    p/1    t/3    .
stream text sse_trunc_mid_event_abort   px/1   x/1    px/1   hang/12 x/3
stream text sse_trunc_close_framing     p/1    p/1    p/1    t/3    .
stream text sse_rst_midway              px/1   x/1    px/1   hang/12 .
stream text sse_empty                   x/1    x/1    x/1    t/2    x/9
stream text sse_only_done               x/1    x/1    -/1    t/2    .
stream text sse_comments_only           x/1    x/1    x/1    t/2    .
stream text sse_error_mid_stream        px/1   x/1    px/1   t/2    x/3
stream text sse_error_first             x/1    x/1    x/3    t/4    x/3
stream text sse_error_named_event       px/1   x/1    px/1   t/2    .
stream text sse_error_string            p/1    p/1    px/1   t/3    .
stream text sse_bad_json                p/1    p/1    px/1   t/3    .
stream text sse_cr                      t/1    t/1    t/1    t/1    .
stream text sse_single_newline          x/1    x/1    x/1    t/2    .
stream text sse_no_trailing_blank       t/1    t/1    t/1    t/1    .
stream text sse_no_space                t/1    t/1    t/1    t/1    .
stream text sse_comments                t/1    t/1    t/1    t/1    .
stream text sse_multiline_data          t/1    t/1    t/1    t/1    .
stream text sse_no_data_prefix          x/1    x/1    x/1    t/2    .
stream text data_after_done             t+/1   t+/1   t+/1   t/1    .
stream text done_no_space               t/1    t/1    t/1    t/1    .
stream text unicode_split               t/1    t/1    t/1    t/1    .
stream text unicode_escaped             t/1    t/1    t/1    t/1    .
stream text gzip_sse                    t/1    t/1    t/1    t/1    .
stream text buffered                    t/1    t/1    t/1    t/1    .
stream text byte_by_byte                t/1    t/1    t/1    t/1    .
stream text an_no_message_stop          t/1    t/1    t/1    t/1    .
stream text an_no_content_block_start   t/1    t/1    t/1    t/2    .
stream text an_unknown_event            t/1    t/1    px/1   t/1    .
stream text usage_missing               t/1    x/1    x/1    t/1    .
stream text 501_json_error              x/3    x/3    x/3    hang/11 x/3
stream text 501_no_retry_hdr            x/1    x/1    x/3    px/1   x/3
stream text 501_html                    x/3    x/3    x/3    hang/11 .
stream text 501_on_stream_only          x/3    x/3    x/3    hang/11 t+/2
stream text 501_no_retry_on_stream_only x/1    x/1    x/3    px/1   .
stream text 400_on_stream_only          x/1    x/1    x/1    px/6   x/1
stream text 400_unknown_field           x/1    x/1    x/1    px/6   .
stream text 400_x_retry_true            x/3    x/3    x/1    hang/16 .
stream text 401                         x/1    x/1    x/1    hang/11 .
stream text 402                         x/1    x/1    x/1    px/1   .
stream text 404_model                   x/1    x/1    x/1    px/2   .
stream text 404_fastapi                 x/1    x/1    x/1    px/2   .
stream text 408                         x/3    x/3    x/3    hang/11 .
stream text 409                         x/3    x/3    x/3    hang/11 .
stream text 422_fastapi                 x/1    x/1    x/1    px/6   .
stream text 429_retry_after_1           x/3    x/3    x/3    hang/11 x/3
stream text 429                         x/3    x/3    x/3    hang/11 .
stream text 500                         x/3    x/3    x/3    hang/11 x/3
stream text 502_html                    x/3    x/3    x/3    hang/11 .
stream text 503                         x/3    x/3    x/3    hang/11 .
stream text 503_retry_after_1           x/3    x/3    x/3    hang/11 .
stream text 529                         x/3    x/3    x/3    hang/11 x/3
stream text conn_reset                  x/3    x/3    x/3    hang/11 .
stream text done_then_hold              hang/1 hang/1 hang/1 hang/1 .
stream text slow_first_byte_5s          t/1    t/1    t/1    t/1    .
unary text ok_json                     t/1    .      t/1    .      .
unary text json_wrong_ct               t/1    .      t/1    .      .
unary text json_empty_body             x/1    .      x/1    .      .
unary text null_choices                t/1    .      t/1    .      .
unary text empty_choices               t/1    .      t/1    .      .
unary text no_choices_key              t/1    .      t/1    .      .
unary text content_null                t/1    .      t/1    .      .
unary text missing_role                t/1    .      t/1    .      .
unary text missing_finish_reason       t/1    .      t/1    .      .
unary text usage_missing               t/1    .      x/1    .      .
unary text 501_json_error              x/3    .      x/3    .      .
unary text 501_no_retry_hdr            x/1    .      x/3    .      .
unary text 501_html                    x/3    .      x/3    .      .
unary text 501_on_stream_only          t/1    .      t/1    .      .
unary text 501_no_retry_on_stream_only t/1    .      t/1    .      .
unary text 400_on_stream_only          t/1    .      t/1    .      .
unary text 400_unknown_field           x/1    .      x/1    .      .
unary text 400_x_retry_true            x/3    .      x/1    .      .
unary text 401                         x/1    .      x/1    .      .
unary text 402                         x/1    .      x/1    .      .
unary text 404_model                   x/1    .      x/1    .      .
unary text 404_fastapi                 x/1    .      x/1    .      .
unary text 408                         x/3    .      x/3    .      .
unary text 409                         x/3    .      x/3    .      .
unary text 422_fastapi                 x/1    .      x/1    .      .
unary text 429_retry_after_1           x/3    .      x/3    .      .
unary text 429                         x/3    .      x/3    .      .
unary text 500                         x/3    .      x/3    .      .
unary text 502_html                    x/3    .      x/3    .      .
unary text 503                         x/3    .      x/3    .      .
unary text 503_retry_after_1           x/3    .      x/3    .      .
unary text 529                         x/3    .      x/3    .      .
unary text conn_reset                  x/3    .      x/3    .      .
stream tool ok_sse                      ok/1   ok/1   ok/1   .      .
unary tool ok_json                     ok/1   .      ok/1   .      .
unary tool tc_args_object              ok/1   .      ok/1   .      .
"""
