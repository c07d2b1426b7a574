"""Measured behaviour of openai-node 7 and AI SDK 7; client_facts.py describes the format."""

NODE_22_CHAT = (
    "openai-node 7.59",
    "openai-node 7.59 (stream helper)",
    "AI SDK 7 (openai-compatible)",
    "AI SDK 7 (openai)",
)
NODE_22_CHAT_DID = """
stream text ok_sse                      t/1    t/1    t/1    t/1
stream text json_200_on_stream          -/1    x/1    x/1    -/1
stream text json_empty_body             -/1    x/1    x/1    -/1
stream text sse_ct_text_plain           t/1    t/1    t/1    t/1
stream text sse_ct_json                 t/1    t/1    t/1    t/1
stream text sse_no_ct                   t/1    t/1    t/1    t/1
stream text sse_missing_done            t/1    t/1    t/1    t/1
stream text sse_trunc_event_boundary    p/1    px/1   px/1   p/1
stream text sse_trunc_mid_event_clean   px/1   px/1   px/1   p/1
stream text sse_trunc_mid_event_abort   px/1   px/1   px/1   px/1
stream text sse_trunc_close_framing     p/1    px/1   px/1   p/1
stream text sse_rst_midway              px/1   px/1   px/1   px/1
stream text sse_empty                   -/1    x/1    x/1    -/1
stream text sse_only_done               -/1    x/1    x/1    -/1
stream text sse_comments_only           -/1    x/1    x/1    -/1
stream text sse_error_mid_stream        px/1   px/1   px/1   px/1
stream text sse_error_first             x/1    x/1    x/1    x/3
stream text sse_error_named_event       px/1   px/1   px/1   px/1
stream text sse_error_string            px/1   px/1   px/1   px/1
stream text sse_bad_json                px/1   px/1   px/1   px/1
stream text sse_cr                      t/1    t/1    t/1    t/1
stream text sse_single_newline          x/1    x/1    x/1    -/1
stream text sse_no_trailing_blank       t/1    t/1    t/1    t/1
stream text sse_no_space                t/1    t/1    t/1    t/1
stream text sse_comments                t/1    t/1    t/1    t/1
stream text sse_multiline_data          t/1    t/1    t/1    t/1
stream text sse_no_data_prefix          -/1    x/1    x/1    -/1
stream text data_after_done             t/1    t/1    t+/1   t+/1
stream text done_no_space               t/1    t/1    t/1    t/1
stream text unicode_split               t/1    t/1    t/1    t/1
stream text unicode_escaped             t/1    t/1    t/1    t/1
stream text gzip_sse                    t/1    t/1    t/1    t/1
stream text buffered                    t/1    t/1    t/1    t/1
stream text byte_by_byte                t/1    t/1    t/1    t/1
stream text missing_finish_reason       t/1    px/1   px/1   t/1
stream text missing_role                t/1    x/1    t/1    t/1
stream text usage_missing               t/1    t/1    t/1    t/1
stream text null_choices                t/1    px/1   px/1   px/1
stream text empty_choices               t/1    t/1    t/1    t/1
stream text no_choices_key              t/1    px/1   px/1   px/1
stream text null_delta                  t/1    t/1    t/1    t/1
stream text content_null                t/1    t/1    t/1    t/1
stream text only_finish_no_content      -/1    -/1    -/1    -/1
stream text no_id_model                 t/1    t/1    t/1    t/1
stream text 501_json_error              x/3    x/3    x/3    x/3
stream text 501_on_stream_only          x/3    x/3    x/3    x/3
stream text 501_no_retry_hdr            x/1    x/1    x/3    x/3
stream text 501_no_retry_on_stream_only  x/1    x/1    x/3    x/3
stream text 501_html                    x/3    x/3    x/3    x/3
stream text 400_on_stream_only          x/1    x/1    x/1    x/1
stream text 400_unknown_field           x/1    x/1    x/1    x/1
stream text 400_x_retry_true            x/3    x/3    x/1    x/1
stream text 401                         x/1    x/1    x/1    x/1
stream text 402                         x/1    x/1    x/1    x/1
stream text 404_model                   x/1    x/1    x/1    x/1
stream text 404_fastapi                 x/1    x/1    x/1    x/1
stream text 408                         x/3    x/3    x/3    x/3
stream text 409                         x/3    x/3    x/3    x/3
stream text 422_fastapi                 x/1    x/1    x/1    x/1
stream text 429                         x/3    x/3    x/3    x/3
stream text 429_retry_after_1           x/3    x/3    x/3    x/3
stream text 500                         x/3    x/3    x/3    x/3
stream text 502_html                    x/3    x/3    x/3    x/3
stream text 503                         x/3    x/3    x/3    x/3
stream text 503_retry_after_1           x/3    x/3    x/3    x/3
stream text 529                         x/3    x/3    x/3    x/3
stream text conn_reset                  x/3    x/3    x/3    x/3
unary text json_empty_body             x/1    .      x/1    x/1
unary text missing_finish_reason       t/1    .      t/1    t/1
unary text missing_role                t/1    .      t/1    t/1
unary text usage_missing               t/1    .      t/1    t/1
unary text null_choices                x/1    .      x/1    x/1
unary text empty_choices               x/1    .      x/1    x/1
unary text no_choices_key              x/1    .      x/1    x/1
unary text content_null                -/1    .      -/1    -/1
unary text 501_json_error              x/3    .      x/3    x/3
unary text 501_on_stream_only          t/1    .      t/1    t/1
unary text 501_no_retry_hdr            x/1    .      x/3    x/3
unary text 501_no_retry_on_stream_only  t/1    .      t/1    t/1
unary text 501_html                    x/3    .      x/3    x/3
unary text 400_on_stream_only          t/1    .      t/1    t/1
unary text 400_unknown_field           x/1    .      x/1    x/1
unary text 400_x_retry_true            x/3    .      x/1    x/1
unary text 401                         x/1    .      x/1    x/1
unary text 402                         x/1    .      x/1    x/1
unary text 404_model                   x/1    .      x/1    x/1
unary text 404_fastapi                 x/1    .      x/1    x/1
unary text 408                         x/3    .      x/3    x/3
unary text 409                         x/3    .      x/3    x/3
unary text 422_fastapi                 x/1    .      x/1    x/1
unary text 429                         x/3    .      x/3    x/3
unary text 429_retry_after_1           x/3    .      x/3    x/3
unary text 500                         x/3    .      x/3    x/3
unary text 502_html                    x/3    .      x/3    x/3
unary text 503                         x/3    .      x/3    x/3
unary text 503_retry_after_1           x/3    .      x/3    x/3
unary text 529                         x/3    .      x/3    x/3
unary text conn_reset                  x/3    .      x/3    x/3
unary text ok_json                     t/1    .      t/1    t/1
unary text json_wrong_ct               -/1    .      t/1    t/1
"""

NODE_22_MESSAGES = ("AI SDK 7 (anthropic)",)
NODE_22_MESSAGES_DID = """
stream text ok_sse                      t/1
stream text json_200_on_stream          x/1
stream text json_empty_body             x/1
stream text sse_ct_text_plain           t/1
stream text sse_ct_json                 t/1
stream text sse_no_ct                   t/1
stream text sse_missing_done            t/1
stream text sse_trunc_event_boundary    p/1
stream text sse_trunc_mid_event_clean   p/1
stream text sse_trunc_mid_event_abort   px/1
stream text sse_trunc_close_framing     p/1
stream text sse_rst_midway              px/1
stream text sse_empty                   x/1
stream text sse_only_done               -/1
stream text sse_comments_only           x/1
stream text sse_error_mid_stream        px/1
stream text sse_error_first             x/3
stream text sse_error_named_event       px/1
stream text sse_error_string            px/1
stream text sse_bad_json                px/1
stream text sse_cr                      t/1
stream text sse_single_newline          x/1
stream text sse_no_trailing_blank       t/1
stream text sse_no_space                t/1
stream text sse_comments                t/1
stream text sse_multiline_data          t/1
stream text sse_no_data_prefix          x/1
stream text data_after_done             t+/1
stream text done_no_space               t/1
stream text unicode_split               t/1
stream text unicode_escaped             t/1
stream text gzip_sse                    t/1
stream text buffered                    t/1
stream text byte_by_byte                t/1
stream text usage_missing               x/1
stream text an_no_message_stop          t/1
stream text an_no_content_block_start   t/1
stream text an_unknown_event            px/1
stream text 501_json_error              x/3
stream text 501_on_stream_only          x/3
stream text 501_no_retry_hdr            x/3
stream text 501_no_retry_on_stream_only  x/3
stream text 501_html                    x/3
stream text 400_on_stream_only          x/1
stream text 400_unknown_field           x/1
stream text 400_x_retry_true            x/1
stream text 401                         x/1
stream text 402                         x/1
stream text 404_model                   x/1
stream text 404_fastapi                 x/1
stream text 408                         x/3
stream text 409                         x/3
stream text 422_fastapi                 x/1
stream text 429                         x/3
stream text 429_retry_after_1           x/3
stream text 500                         x/3
stream text 502_html                    x/3
stream text 503                         x/3
stream text 503_retry_after_1           x/3
stream text 529                         x/3
stream text conn_reset                  x/3
unary text json_empty_body             x/1
unary text usage_missing               x/1
unary text 501_json_error              x/3
unary text 501_on_stream_only          t/1
unary text 501_no_retry_hdr            x/3
unary text 501_no_retry_on_stream_only  t/1
unary text 501_html                    x/3
unary text 400_on_stream_only          t/1
unary text 400_unknown_field           x/1
unary text 400_x_retry_true            x/1
unary text 401                         x/1
unary text 402                         x/1
unary text 404_model                   x/1
unary text 404_fastapi                 x/1
unary text 408                         x/3
unary text 409                         x/3
unary text 422_fastapi                 x/1
unary text 429                         x/3
unary text 429_retry_after_1           x/3
unary text 500                         x/3
unary text 502_html                    x/3
unary text 503                         x/3
unary text 503_retry_after_1           x/3
unary text 529                         x/3
unary text conn_reset                  x/3
unary text ok_json                     t/1
unary text json_wrong_ct               t/1
"""
