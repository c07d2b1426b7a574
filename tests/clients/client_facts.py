"""What real clients did, measured on loopback in November 2026: one line a behaviour, one column a client.

A cell is outcome/requests; a dot was not measured. t text, t+ more than the text, p a part of it, - nothing,
x an exception, px a part and an exception, ok and bad a tool call. Where a framework prints a placeholder for an
empty answer it counts as nothing, and where it repeats a part of the answer as a part. The request that brings a
tool's result back is not counted. `done_then_hold` was released after 40 s; a client that waits for that hangs.
"""

OUTCOMES = {
    "t": "text",
    "t+": "text+",
    "p": "partial_text",
    "-": "empty_silent",
    "x": "exception",
    "px": "partial_text+exception",
    "ok": "tool_ok",
    "bad": "tool_bad",
    "hang": "hang",
}

CHAT_CLIENTS = ("openai-python 3.54", "openai-python 2.24", "LangGraph 1.2", "Letta 0.16", "hermes 0.19", "hermes 0.14")
CHAT = """
stream text ok_sse                      t/1    t/1    t/1    t/1    t/1    t/1
stream text json_200_on_stream          -/1    -/1    x/1    -/1    x/9    -/4
stream text json_empty_body             -/1    -/1    x/1    -/1    x/9    .
stream text sse_ct_text_plain           t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_ct_json                 t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_no_ct                   t/1    t/1    t/1    t/1    t/1    .
stream text sse_missing_done            t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_trunc_event_boundary    p/1    p/1    p/1    p/1    p/4    p/1
stream text sse_trunc_mid_event_clean   p/1    p/1    p/1    p/1    p/4    .
stream text sse_trunc_mid_event_abort   px/1   px/1   px/1   px/1   -/4    -/4
stream text sse_trunc_close_framing     p/1    p/1    p/1    p/1    p/4    .
stream text sse_rst_midway              px/1   px/1   px/1   px/1   -/4    .
stream text sse_empty                   -/1    -/1    x/1    -/1    x/9    -/4
stream text sse_only_done               -/1    -/1    x/1    -/1    x/9    -/4
stream text sse_comments_only           -/1    -/1    x/1    -/1    x/9    .
stream text sse_error_mid_stream        px/1   px/1   px/1   px/1   -/4    -/4
stream text sse_error_first             x/1    x/1    x/1    x/1    x/3    x/3
stream text sse_error_named_event       px/1   px/1   px/1   px/1   -/4    .
stream text sse_error_string            px/1   px/1   px/1   px/1   -/4    .
stream text sse_bad_json                px/1   px/1   px/1   px/1   -/4    -/4
stream text sse_cr                      t/1    t/1    t/1    t/1    t/1    .
stream text sse_single_newline          -/1    -/1    x/1    -/1    x/9    -/4
stream text sse_no_trailing_blank       t/1    t/1    t/1    t/1    t/1    .
stream text sse_no_space                t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_comments                t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_multiline_data          t/1    t/1    t/1    t/1    t/1    .
stream text sse_no_data_prefix          -/1    -/1    x/1    -/1    x/9    .
stream text data_after_done             t/1    t/1    t/1    t/1    t/1    t/1
stream text done_no_space               t/1    t/1    t/1    t/1    t/1    .
stream text unicode_split               t/1    t/1    t/1    t/1    t/1    t/1
stream text unicode_escaped             t/1    t/1    t/1    t/1    t/1    .
stream text gzip_sse                    t/1    t/1    t/1    t/1    t/1    t/1
stream text buffered                    t/1    t/1    t/1    t/1    t/1    t/1
stream text byte_by_byte                t/1    t/1    t/1    t/1    t/1    .
stream text missing_finish_reason       t/1    t/1    t/1    t/1    t+/4   t/1
stream text missing_role                t/1    t/1    t/1    t/1    t/1    t/1
stream text usage_missing               t/1    t/1    t/1    t/1    t/1    t/1
stream text null_choices                t/1    t/1    t/1    t/1    t/1    t/1
stream text empty_choices               t/1    t/1    t/1    t/1    t/1    t/1
stream text no_choices_key              t/1    t/1    t/1    t/1    t/1    .
stream text null_delta                  px/1   px/1   t/1    px/1   t/1    .
stream text content_null                t/1    t/1    t/1    t/1    t/1    t/1
stream text only_finish_no_content      -/1    -/1    -/1    -/1    -/4    -/4
stream text no_id_model                 t/1    t/1    t/1    t/1    t/1    .
stream text 501_json_error              x/3    x/3    x/3    x/3    x/3    x/3
stream text 501_no_retry_hdr            x/1    x/1    x/1    x/1    x/3    x/3
stream text 501_html                    x/3    x/3    x/3    x/3    x/3    x/3
stream text 501_on_stream_only          x/3    x/3    x/3    x/3    t+/2   t+/2
stream text 501_no_retry_on_stream_only x/1    x/1    x/1    x/1    t+/2   t+/2
stream text 400_on_stream_only          x/1    x/1    x/1    x/1    x/1    x/1
stream text 400_unknown_field           x/1    x/1    x/1    x/1    x/1    x/1
stream text 400_x_retry_true            x/3    x/3    x/3    x/3    x/1    .
stream text 401                         x/1    x/1    x/1    x/1    x/1    x/1
stream text 402                         x/1    x/1    x/1    x/1    x/1    .
stream text 404_model                   x/1    x/1    x/1    x/1    x/1    x/1
stream text 404_fastapi                 x/1    x/1    x/1    x/1    x/3    .
stream text 408                         x/3    x/3    x/3    x/3    x/3    .
stream text 409                         x/3    x/3    x/3    x/3    x/1    .
stream text 422_fastapi                 x/1    x/1    x/1    x/1    x/1    x/1
stream text 429_retry_after_1           x/3    x/3    x/3    x/3    x/3    x/3
stream text 429                         x/3    x/3    x/3    x/3    x/3    x/3
stream text 500                         x/3    x/3    x/3    x/3    x/3    x/3
stream text 502_html                    x/3    x/3    x/3    x/3    x/3    .
stream text 503                         x/3    x/3    x/3    x/3    x/3    x/3
stream text 503_retry_after_1           x/3    x/3    x/3    x/3    x/3    .
stream text 529                         x/3    x/3    x/3    x/3    x/3    .
stream text conn_reset                  x/3    x/3    x/3    x/3    x/6    x/6
stream text done_then_hold              t/1    t/1    t/1    t/1    t/1    .
stream text slow_first_byte_5s          t/1    t/1    t/1    t/1    t/1    .
unary text ok_json                     t/1    t/1    t/1    t/1    .      .
unary text json_wrong_ct               t/1    t/1    t/1    t/1    .      .
unary text json_empty_body             x/1    x/1    x/1    x/1    .      .
unary text null_choices                x/1    x/1    x/1    x/1    .      .
unary text empty_choices               x/1    x/1    x/1    x/1    .      .
unary text no_choices_key              x/1    x/1    x/1    x/1    .      .
unary text content_null                -/1    -/1    -/1    x/1    .      .
unary text missing_role                t/1    t/1    x/1    x/1    .      .
unary text missing_finish_reason       t/1    t/1    t/1    t/1    .      .
unary text usage_missing               t/1    t/1    t/1    x/1    .      .
unary text 501_json_error              x/3    x/3    x/3    x/3    .      .
unary text 501_no_retry_hdr            x/1    x/1    x/1    x/1    .      .
unary text 501_html                    x/3    x/3    x/3    x/3    .      .
unary text 501_on_stream_only          t/1    t/1    t/1    t/1    .      .
unary text 501_no_retry_on_stream_only t/1    t/1    t/1    t/1    .      .
unary text 400_on_stream_only          t/1    t/1    t/1    t/1    .      .
unary text 400_unknown_field           x/1    x/1    x/1    x/1    .      .
unary text 400_x_retry_true            x/3    x/3    x/3    x/3    .      .
unary text 401                         x/1    x/1    x/1    x/1    .      .
unary text 402                         x/1    x/1    x/1    x/1    .      .
unary text 404_model                   x/1    x/1    x/1    x/1    .      .
unary text 404_fastapi                 x/1    x/1    x/1    x/1    .      .
unary text 408                         x/3    x/3    x/3    x/3    .      .
unary text 409                         x/3    x/3    x/3    x/3    .      .
unary text 422_fastapi                 x/1    x/1    x/1    x/1    .      .
unary text 429_retry_after_1           x/3    x/3    x/3    x/3    .      .
unary text 429                         x/3    x/3    x/3    x/3    .      .
unary text 500                         x/3    x/3    x/3    x/3    .      .
unary text 502_html                    x/3    x/3    x/3    x/3    .      .
unary text 503                         x/3    x/3    x/3    x/3    .      .
unary text 503_retry_after_1           x/3    x/3    x/3    x/3    .      .
unary text 529                         x/3    x/3    x/3    x/3    .      .
unary text conn_reset                  x/3    x/3    x/3    x/3    .      .
stream tool ok_sse                      ok/1   ok/1   ok/1   .      .      .
stream tool tc_no_index                 ok/1   ok/1   x/1    .      .      .
stream tool tc_no_type                  ok/1   ok/1   ok/1   .      .      .
stream tool tc_one_chunk                ok/1   ok/1   ok/1   .      .      .
stream tool tc_args_object              x/1    x/1    x/1    .      .      .
stream tool tc_finish_stop              ok/1   ok/1   ok/1   .      .      .
stream tool missing_finish_reason       ok/1   ok/1   ok/1   .      .      .
unary tool ok_json                     ok/1   ok/1   ok/1   .      .      .
unary tool tc_args_object              bad/1  bad/1  x/1    .      .      .
"""

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
