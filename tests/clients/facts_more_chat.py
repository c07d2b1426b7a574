"""Measured behaviour of more SDKs and frameworks on chat; client_facts.py describes the format."""

CHAT_SDKS = (
    "openai-python 3.54 (stream helper)",
    "openai-python 1.109",
    "openai-node 6.49",
    "openai-node 6.49 (stream helper)",
    "AI SDK 6 (openai-compatible)",
    "AI SDK 6 (openai)",
    "OpenAI Agents SDK 0.24",
    "Pydantic AI 2.68",
    "LiteLLM 1.106",
)
CHAT_SDKS_DID = """
stream text ok_sse                      t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text json_200_on_stream          x/1    -/1    -/1    x/1    x/1    -/1    -/1    x/1    -/1
stream text json_empty_body             x/1    -/1    -/1    x/1    x/1    -/1    -/1    x/1    -/1
stream text sse_ct_text_plain           t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_ct_json                 t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_no_ct                   t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_missing_done            t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_trunc_event_boundary    p/1    p/1    p/1    px/1   px/1   p/1    p/1    p/1    p/1
stream text sse_trunc_mid_event_clean   p/1    p/1    p/1    px/1   px/1   p/1    p/1    p/1    p/1
stream text sse_trunc_mid_event_abort   px/1   px/1   px/1   px/1   px/1   px/1   px/1   x/1    px/1
stream text sse_trunc_close_framing     p/1    p/1    p/1    px/1   px/1   p/1    p/1    p/1    p/1
stream text sse_rst_midway              px/1   px/1   px/1   px/1   px/1   px/1   px/1   x/1    px/1
stream text sse_empty                   x/1    -/1    -/1    x/1    x/1    -/1    -/1    x/1    -/1
stream text sse_only_done               x/1    -/1    -/1    x/1    x/1    -/1    -/1    x/1    -/1
stream text sse_comments_only           x/1    -/1    -/1    x/1    x/1    -/1    -/1    x/1    -/1
stream text sse_error_mid_stream        px/1   px/1   px/1   px/1   px/1   px/1   px/1   x/1    px/1
stream text sse_error_first             x/1    x/1    x/1    x/1    x/1    x/3    x/1    x/1    x/1
stream text sse_error_named_event       px/1   px/1   px/1   px/1   px/1   px/1   px/1   x/1    px/1
stream text sse_error_string            px/1   px/1   px/1   px/1   px/1   px/1   px/1   .      px/1
stream text sse_bad_json                px/1   px/1   px/1   px/1   px/1   px/1   px/1   x/1    px/1
stream text sse_cr                      t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_single_newline          x/1    -/1    -/1    x/1    x/1    -/1    -/1    x/1    -/1
stream text sse_no_trailing_blank       t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_no_space                t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_comments                t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_multiline_data          t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text sse_no_data_prefix          x/1    -/1    -/1    x/1    x/1    -/1    -/1    x/1    -/1
stream text data_after_done             t/1    t/1    t/1    t/1    t+/1   t+/1   t/1    t/1    t/1
stream text done_no_space               t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text unicode_split               t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text unicode_escaped             t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text gzip_sse                    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text buffered                    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text byte_by_byte                t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text missing_finish_reason       t/1    t/1    t/1    px/1   px/1   t/1    t/1    t/1    t/1
stream text missing_role                t/1    t/1    t/1    x/1    t/1    t/1    t/1    t/1    t/1
stream text usage_missing               t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text null_choices                px/1   t/1    t/1    px/1   px/1   px/1   t/1    t/1    t/1
stream text empty_choices               t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text no_choices_key              px/1   t/1    t/1    px/1   px/1   px/1   t/1    t/1    t/1
stream text null_delta                  px/1   px/1   t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text content_null                t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text only_finish_no_content      -/1    -/1    -/1    -/1    -/1    -/1    -/1    x/2    -/1
stream text no_id_model                 x/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream text 501_json_error              x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 501_no_retry_hdr            x/1    x/1    x/1    x/1    x/3    x/3    x/1    x/1    x/1
stream text 501_html                    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 501_on_stream_only          x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 501_no_retry_on_stream_only x/1    x/1    x/1    x/1    x/3    x/3    x/1    x/1    x/1
stream text 400_on_stream_only          x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1
stream text 400_unknown_field           x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1
stream text 400_x_retry_true            x/3    x/3    x/3    x/3    x/1    x/1    x/3    x/3    x/3
stream text 401                         x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1
stream text 402                         x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1
stream text 404_model                   x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1
stream text 404_fastapi                 x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1
stream text 408                         x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 409                         x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 422_fastapi                 x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1    x/1
stream text 429_retry_after_1           x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 429                         x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 500                         x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 502_html                    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 503                         x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 503_retry_after_1           x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text 529                         x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text conn_reset                  x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3    x/3
stream text done_then_hold              t/1    hang/1 hang/1 hang/1 hang/1 hang/1 t/1    t/1    t/1
stream text slow_first_byte_5s          t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1    t/1
stream tool ok_sse                      ok/1   ok/1   ok/1   ok/1   ok/1   ok/1   ok/1   ok/1   ok/1
stream tool tc_no_index                 x/1    ok/1   ok/1   -/1    ok/1   x/1    ok/1   ok/1   ok/1
stream tool tc_no_type                  ok/1   ok/1   ok/1   x/1    ok/1   ok/1   ok/1   ok/1   ok/1
stream tool tc_one_chunk                ok/1   ok/1   ok/1   ok/1   ok/1   ok/1   ok/1   ok/1   ok/1
stream tool tc_args_object              bad/1  x/1    bad/1  bad/1  x/1    x/1    x/1    ok/1   ok/1
stream tool tc_finish_stop              ok/1   ok/1   ok/1   ok/1   ok/1   ok/1   ok/1   ok/1   ok/1
stream tool missing_finish_reason       ok/1   ok/1   ok/1   x/1    x/1    -/1    ok/1   ok/1   ok/1
unary text ok_json                     .      t/1    t/1    .      t/1    t/1    t/1    t/1    t/1
unary text json_wrong_ct               .      t/1    -/1    .      t/1    t/1    t/1    t/1    t/1
unary text json_empty_body             .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text null_choices                .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text empty_choices               .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text no_choices_key              .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text content_null                .      -/1    -/1    .      -/1    -/1    -/1    x/2    -/1
unary text missing_role                .      t/1    t/1    .      t/1    t/1    t/1    x/1    t/1
unary text missing_finish_reason       .      t/1    t/1    .      t/1    t/1    t/1    t/1    t/1
unary text usage_missing               .      t/1    t/1    .      t/1    t/1    t/1    t/1    t/1
unary text 501_json_error              .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 501_no_retry_hdr            .      x/1    x/1    .      x/3    x/3    x/1    x/1    x/1
unary text 501_html                    .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 501_on_stream_only          .      t/1    t/1    .      t/1    t/1    t/1    t/1    t/1
unary text 501_no_retry_on_stream_only .      t/1    t/1    .      t/1    t/1    t/1    t/1    t/1
unary text 400_on_stream_only          .      t/1    t/1    .      t/1    t/1    t/1    t/1    t/1
unary text 400_unknown_field           .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text 400_x_retry_true            .      x/3    x/3    .      x/1    x/1    x/3    x/3    x/3
unary text 401                         .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text 402                         .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text 404_model                   .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text 404_fastapi                 .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text 408                         .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 409                         .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 422_fastapi                 .      x/1    x/1    .      x/1    x/1    x/1    x/1    x/1
unary text 429_retry_after_1           .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 429                         .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 500                         .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 502_html                    .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 503                         .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 503_retry_after_1           .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text 529                         .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary text conn_reset                  .      x/3    x/3    .      x/3    x/3    x/3    x/3    x/3
unary tool ok_json                     .      ok/1   ok/1   .      ok/1   ok/1   ok/1   ok/1   ok/1
unary tool tc_args_object              .      bad/1  bad/1  .      x/1    x/1    x/1    x/1    ok/1
unary text ok_sse                      .      .      .      .      .      .      .      .      t/1
"""

CHAT_LOOPS = ("LangGraph 1.2 (RetryPolicy)", "CrewAI 1.15", "CrewAI 1.15 (LLM.call)")
CHAT_LOOPS_DID = """
stream text ok_sse                      t/1    t/1    t/1
stream text json_200_on_stream          x/1    x/3    -/1
stream text sse_empty                   x/1    x/3    .
stream text 501_json_error              x/9    x/9    x/3
stream text 501_no_retry_hdr            x/3    x/3    x/1
stream text 501_on_stream_only          x/9    x/9    .
stream text 400_unknown_field           x/3    .      .
stream text 401                         x/3    .      .
stream text 404_model                   x/3    .      .
stream text 422_fastapi                 x/3    .      .
stream text 429                         x/9    x/27   .
stream text 429_retry_after_1           x/9    .      .
stream text 500                         x/9    x/9    .
stream text 503                         x/9    .      .
stream text conn_reset                  x/9    .      .
stream text sse_error_mid_stream        px/3   x/3    .
stream text sse_trunc_mid_event_abort   px/3   .      .
stream text sse_bad_json                px/1   .      .
unary text ok_sse                      t/1    t/1    t/1
unary text json_200_on_stream          t/1    t/1    t/1
unary text sse_empty                   t/1    t/1    .
unary text 501_json_error              x/9    x/9    x/3
unary text 501_no_retry_hdr            x/3    x/3    x/1
unary text 501_on_stream_only          t/1    t/1    .
unary text 400_unknown_field           x/3    .      .
unary text 401                         x/3    .      .
unary text 404_model                   x/3    .      .
unary text 422_fastapi                 x/3    .      .
unary text 429                         x/9    x/27   .
unary text 429_retry_after_1           x/9    .      .
unary text 500                         x/9    x/9    .
unary text 503                         x/9    .      .
unary text conn_reset                  x/9    .      .
unary text sse_error_mid_stream        t/1    t/1    .
unary text sse_trunc_mid_event_abort   t/1    .      .
unary text sse_bad_json                t/1    .      .
stream text 400_on_stream_only          .      x/3    .
stream text sse_trunc_event_boundary    .      p/1    .
unary text 400_on_stream_only          .      t/1    .
unary text sse_trunc_event_boundary    .      t/1    .
stream tool ok_sse                      .      ok/1   .
stream tool tc_no_index                 .      ok/1   .
stream tool tc_no_type                  .      ok/1   .
stream tool tc_one_chunk                .      ok/1   .
stream tool tc_args_object              .      x/3    .
stream tool tc_finish_stop              .      ok/1   .
stream tool missing_finish_reason       .      ok/1   .
unary tool ok_json                     .      ok/1   .
unary tool tc_args_object              .      ok/1   .
"""

CALL_CLIENTS = ("Letta 0.11", "Instructor 1.17")
"""They demand a tool call, and received one where others received text."""
CALL_CLIENTS_DID = """
stream text ok_sse                      ok/1   ok/1
stream text json_200_on_stream          x/1    -/1
stream text json_empty_body             x/1    .
stream text sse_ct_text_plain           ok/1   .
stream text sse_ct_json                 ok/1   .
stream text sse_no_ct                   ok/1   .
stream text sse_missing_done            ok/1   .
stream text sse_trunc_event_boundary    -/1    bad/1
stream text sse_trunc_mid_event_clean   -/1    .
stream text sse_trunc_mid_event_abort   x/1    x/1
stream text sse_trunc_close_framing     -/1    .
stream text sse_rst_midway              x/1    .
stream text sse_empty                   x/1    -/1
stream text sse_only_done               x/1    -/1
stream text sse_comments_only           x/1    .
stream text sse_error_mid_stream        x/1    x/1
stream text sse_error_first             x/1    .
stream text sse_error_named_event       x/1    .
stream text sse_error_string            x/1    .
stream text sse_bad_json                x/1    .
stream text sse_cr                      ok/1   .
stream text sse_single_newline          x/1    .
stream text sse_no_trailing_blank       ok/1   .
stream text sse_no_space                ok/1   .
stream text sse_comments                ok/1   .
stream text sse_multiline_data          ok/1   .
stream text sse_no_data_prefix          x/1    .
stream text data_after_done             ok/1   .
stream text done_no_space               ok/1   .
stream text unicode_split               ok/1   .
stream text unicode_escaped             ok/1   .
stream text gzip_sse                    ok/1   .
stream text buffered                    ok/1   .
stream text byte_by_byte                ok/1   .
stream text missing_finish_reason       ok/1   ok/1
stream text missing_role                ok/1   .
stream text usage_missing               ok/1   .
stream text null_choices                ok/1   .
stream text empty_choices               ok/1   .
stream text no_choices_key              ok/1   .
stream text null_delta                  x/1    .
stream text content_null                ok/1   .
stream text only_finish_no_content      x/1    .
stream text no_id_model                 x/1    .
stream text 501_json_error              x/3    x/3
stream text 501_no_retry_hdr            x/1    x/1
stream text 501_html                    x/3    .
stream text 501_on_stream_only          x/3    x/3
stream text 501_no_retry_on_stream_only x/1    .
stream text 400_on_stream_only          x/1    x/1
stream text 400_unknown_field           x/1    .
stream text 400_x_retry_true            x/3    .
stream text 401                         x/1    .
stream text 402                         x/1    .
stream text 404_model                   x/1    .
stream text 404_fastapi                 x/1    .
stream text 408                         x/3    .
stream text 409                         x/3    .
stream text 422_fastapi                 x/1    x/1
stream text 429_retry_after_1           x/3    .
stream text 429                         x/3    x/3
stream text 500                         x/3    x/3
stream text 502_html                    x/3    .
stream text 503                         x/3    .
stream text 503_retry_after_1           x/3    .
stream text 529                         x/3    .
stream text conn_reset                  x/3    x/3
stream text done_then_hold              ok/1   .
stream text slow_first_byte_5s          ok/1   .
unary text ok_json                     ok/1   ok/1
unary text json_wrong_ct               ok/1   .
unary text json_empty_body             x/1    .
unary text null_choices                x/1    .
unary text empty_choices               x/1    .
unary text no_choices_key              x/1    .
unary text content_null                ok/1   .
unary text missing_role                x/1    .
unary text missing_finish_reason       x/1    ok/1
unary text usage_missing               x/1    .
unary text 501_json_error              x/3    x/3
unary text 501_no_retry_hdr            x/1    x/1
unary text 501_html                    x/3    .
unary text 501_on_stream_only          ok/1   ok/1
unary text 501_no_retry_on_stream_only ok/1   .
unary text 400_on_stream_only          ok/1   ok/1
unary text 400_unknown_field           x/1    .
unary text 400_x_retry_true            x/3    .
unary text 401                         x/1    .
unary text 402                         x/1    .
unary text 404_model                   x/1    .
unary text 404_fastapi                 x/1    .
unary text 408                         x/3    .
unary text 409                         x/3    .
unary text 422_fastapi                 x/1    x/1
unary text 429_retry_after_1           x/3    .
unary text 429                         x/3    x/3
unary text 500                         x/3    x/3
unary text 502_html                    x/3    .
unary text 503                         x/3    .
unary text 503_retry_after_1           x/3    .
unary text 529                         x/3    .
unary text conn_reset                  x/3    x/3
unary text ok_sse                      .      ok/1
unary text json_200_on_stream          .      ok/1
unary text sse_empty                   .      ok/1
unary text sse_only_done               .      ok/1
unary text sse_trunc_event_boundary    .      ok/1
unary text sse_trunc_mid_event_abort   .      ok/1
unary text sse_error_mid_stream        .      ok/1
stream tool tc_no_index                 .      ok/1
stream tool tc_no_type                  .      ok/1
stream tool tc_one_chunk                .      ok/1
stream tool tc_args_object              .      x/1
stream tool tc_finish_stop              .      ok/1
unary tool tc_args_object              .      ok/1
"""
