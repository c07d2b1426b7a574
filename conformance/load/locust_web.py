"""A tab on Locust's web page: how many responses fail each rule."""

import json
from collections import Counter
from typing import Any, Final

from flask import Response, request

KEY: Final = "conformance"
TITLE: Final = "Failing rules"
COLUMNS: Final = ({"key": "rule", "title": "Rule"}, {"key": "responses", "title": "Responses that fail it"})


def add_tab(web_ui: Any, failed: Counter[str]) -> None:
    """Show how many responses failed each rule so far."""
    web_ui.template_args |= {
        "extended_tabs": [{"title": TITLE, "key": KEY}],
        "extended_tables": [{"key": KEY, "structure": list(COLUMNS)}],
    }

    @web_ui.app.after_request
    def add_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            rows = [{"rule": rule, "responses": count} for rule, count in failed.most_common()]
            stats = {**response.get_json(), "extended_stats": [{"key": KEY, "data": rows}]}
            response.data = json.dumps(stats)
        return response
