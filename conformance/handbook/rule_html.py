"""The page of a rule in HTML, as the site of a matrix links to it."""

from conformance.handbook.rule_page import page
from conformance.model.rule import Rule
from conformance.report.formats.html import render_template


def rule_html(rule: Rule) -> str:
    """The page of a rule."""
    return render_template("rule.html", page=page(rule))
