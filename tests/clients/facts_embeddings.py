"""Measured behaviour of the clients of Embeddings and Completions; client_facts.py describes the format."""

EMBEDDINGS_CLIENTS = (
    "openai-python 3.54 (Embeddings)",
    "LangChain 1.7 (OpenAIEmbeddings)",
    "LlamaIndex 0.14",
    "Letta 0.16 (embeddings)",
    "openai-node 7.59 (Embeddings)",
    "openai-node 6.49 (Embeddings)",
    "CrewAI 1.15 (Memory)",
    "CrewAI 1.15 (Knowledge)",
)
EMBEDDINGS = """
unary  text 501_json_error               x/3      x/3      x/22     x/36     x/3      x/3      x/3      x/3
unary  text 501_on_stream_only           t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text 501_no_retry_hdr             x/1      x/1      x/10     x/12     x/1      x/1      x/1      x/1
unary  text 501_no_retry_on_stream_only  t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text 501_html                     x/3      x/3      x/22     x/36     x/3      x/3      x/3      x/3
unary  text 400_on_stream_only           t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text 400_unknown_field            x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text 400_x_retry_true             x/3      x/3      x/11     x/36     x/3      x/3      x/3      x/3
unary  text 401                          x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text 402                          x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text 404_model                    x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text 404_fastapi                  x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text 408                          x/3      x/3      x/11     x/36     x/3      x/3      x/3      x/3
unary  text 409                          x/3      x/3      x/11     x/36     x/3      x/3      x/3      x/3
unary  text 422_fastapi                  x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text 429                          x/3      x/3      x/22     x/36     x/3      x/3      x/3      x/3
unary  text 429_retry_after_1            x/3      x/3      x/66     x/36     x/3      x/3      x/3      x/3
unary  text 500                          x/3      x/3      x/22     x/36     x/3      x/3      x/3      x/3
unary  text 502_html                     x/3      x/3      x/22     x/36     x/3      x/3      x/3      x/3
unary  text 503                          x/3      x/3      x/22     x/36     x/3      x/3      x/3      x/3
unary  text 503_retry_after_1            x/3      x/3      x/66     x/36     x/3      x/3      x/3      x/3
unary  text 529                          x/3      x/3      x/22     x/36     x/3      x/3      x/3      x/3
unary  text conn_reset                   x/3      x/3      x/22     x/36     x/3      x/3      x/3      x/3
unary  text ok_json                      t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text json_wrong_ct                t/1      t/1      t/1      t/1      x/1      x/1      t/1      t/1
unary  text json_empty_body              x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text page_200                     x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text error_200                    x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text top_level_list               x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text usage_missing                t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text model_missing                t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text numbers_for_base64           t/1      t/1      t/1      t/1      t/1      p/1      t/1      t/1
unary  text integers_for_base64          t/1      t/1      t/1      t/1      t/1      p/1      t/1      t/1
unary  text base64_without_padding       x/1      x/1      x/1      x/12     p/1      p/1      x/1      x/1
unary  text base64_in_lines              t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text base64_for_urls              x/1      x/1      x/1      x/12     p/1      p/1      x/1      x/1
unary  text base64_of_doubles            t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text base64_of_halves             x/1      x/1      x/1      x/12     x/1      p/1      x/1      x/1
unary  text base64_highest_byte_first    t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text base64_empty                 -/1      -/1      -/1      -/1      -/1      -/1      x/1      x/1
unary  text text_for_base64              x/1      x/1      x/1      x/12     x/1      p/1      x/1      x/1
unary  text embedding_null               -/1      -/1      x/1      -/1      x/1      x/1      x/1      x/1
unary  text embedding_missing            -/1      -/1      x/1      -/1      x/1      x/1      x/1      x/1
unary  text embedding_empty              -/1      -/1      -/1      -/1      -/1      -/1      x/1      x/1
unary  text embedding_of_texts           p/1      p/1      p/1      p/1      p/1      -/1      p/1      p/1
unary  text embedding_nested             p/1      p/1      x/1      p/1      p/1      -/1      x/1      x/1
unary  text embedding_object             p/1      p/1      x/1      p/1      x/1      x/1      x/1      x/1
unary  text data_empty                   x/1      x/1      x/1      x/12     -/1      -/1      x/1      x/1
unary  text data_null                    x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text no_data_key                  x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text data_object                  x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text entry_null                   x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text entry_list                   x/1      x/1      x/1      x/12     x/1      x/1      x/1      x/1
unary  text two_vectors                  t+/1     t+/1     t+/1     x/1      t+/1     t+/1     t/1      x/1
unary  text two_with_one_index           t+/1     t+/1     t+/1     x/1      t+/1     t+/1     t/1      x/1
unary  text other_index                  t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
unary  text no_index                     t/1      t/1      t/1      t/1      t/1      t/1      t/1      t/1
"""

COMPLETIONS_CLIENTS = ("openai-python 3.54 (Completions)", "lm-evaluation-harness 0.4")
COMPLETIONS = """
unary  text 501_json_error               x/3      x/3
unary  text 501_on_stream_only           t/1      t/1
unary  text 501_no_retry_hdr             x/1      x/3
unary  text 501_no_retry_on_stream_only  t/1      t/1
unary  text 501_html                     x/3      x/3
unary  text 400_on_stream_only           t/1      t/1
unary  text 400_unknown_field            x/1      x/3
unary  text 400_x_retry_true             x/3      x/3
unary  text 401                          x/1      x/3
unary  text 402                          x/1      x/3
unary  text 404_model                    x/1      x/3
unary  text 404_fastapi                  x/1      x/3
unary  text 408                          x/3      x/3
unary  text 409                          x/3      x/3
unary  text 422_fastapi                  x/1      x/3
unary  text 429                          x/3      x/3
unary  text 429_retry_after_1            x/3      x/3
unary  text 500                          x/3      x/3
unary  text 502_html                     x/3      x/3
unary  text 503                          x/3      x/3
unary  text 503_retry_after_1            x/3      x/3
unary  text 529                          x/3      x/3
unary  text conn_reset                   x/3      x/3
unary  text ok_json                      t/1      t/1
unary  text json_wrong_ct                t/1      t/1
unary  text json_empty_body              x/1      x/3
unary  text usage_missing                t/1      t/1
stream text 501_json_error               x/3      .
stream text 501_on_stream_only           x/3      .
stream text 501_no_retry_hdr             x/1      .
stream text 501_no_retry_on_stream_only  x/1      .
stream text 501_html                     x/3      .
stream text 400_on_stream_only           x/1      .
stream text 400_unknown_field            x/1      .
stream text 400_x_retry_true             x/3      .
stream text 401                          x/1      .
stream text 402                          x/1      .
stream text 404_model                    x/1      .
stream text 404_fastapi                  x/1      .
stream text 408                          x/3      .
stream text 409                          x/3      .
stream text 422_fastapi                  x/1      .
stream text 429                          x/3      .
stream text 429_retry_after_1            x/3      .
stream text 500                          x/3      .
stream text 502_html                     x/3      .
stream text 503                          x/3      .
stream text 503_retry_after_1            x/3      .
stream text 529                          x/3      .
stream text conn_reset                   x/3      .
stream text ok_sse                       t/1      .
stream text json_200_on_stream           -/1      .
stream text json_empty_body              -/1      .
stream text sse_ct_text_plain            t/1      .
stream text sse_ct_json                  t/1      .
stream text sse_no_ct                    t/1      .
stream text sse_missing_done             t/1      .
stream text sse_trunc_event_boundary     p/1      .
stream text sse_trunc_mid_event_clean    p/1      .
stream text sse_trunc_mid_event_abort    px/1     .
stream text sse_trunc_close_framing      p/1      .
stream text sse_rst_midway               px/1     .
stream text sse_empty                    -/1      .
stream text sse_only_done                -/1      .
stream text sse_comments_only            -/1      .
stream text sse_error_mid_stream         px/1     .
stream text sse_error_first              x/1      .
stream text sse_error_named_event        px/1     .
stream text sse_error_string             px/1     .
stream text sse_bad_json                 px/1     .
stream text sse_cr                       t/1      .
stream text sse_single_newline           -/1      .
stream text sse_no_trailing_blank        t/1      .
stream text sse_no_space                 t/1      .
stream text sse_comments                 t/1      .
stream text sse_multiline_data           t/1      .
stream text sse_no_data_prefix           -/1      .
stream text data_after_done              t/1      .
stream text done_no_space                t/1      .
stream text gzip_sse                     t/1      .
stream text buffered                     t/1      .
stream text byte_by_byte                 t/1      .
stream text missing_finish_reason        t/1      .
unary  text missing_finish_reason        t/1      t/1
stream text usage_missing                t/1      .
stream text null_choices                 t/1      .
unary  text null_choices                 x/1      x/1
stream text empty_choices                t/1      .
unary  text empty_choices                x/1      x/1
stream text no_choices_key               t/1      .
unary  text no_choices_key               x/1      x/1
stream text no_id_model                  t/1      .
"""
