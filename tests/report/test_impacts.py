"""The impact in words and money, wherever a report shows it."""

from xml.etree import ElementTree as ET

from conformance.model.impact import Impact
from conformance.report.escaping import safe
from conformance.report.formats import junit
from conformance.report.formats.legend import of_outcome
from conformance.report.impacts import named, one_line, subject, worst_first


def impact(client, outcome, requests, **more):
    facts = {"profile": "p", "probe": "chat.hello", "mode": "stream", "billed": requests} | more
    return Impact(client=client, outcome=outcome, requests=requests, **facts)


def test_a_few_are_named_and_the_others_counted():
    assert named(["a", "b"]) == "a, b"
    assert named("abcdef") == "a, b, c, d and 2 more"


def test_who_pays_most_often_comes_first_and_then_who_gets_least():
    made = [
        impact("late", "text", 2),
        impact("error", "exception", 1),
        impact("nothing", "empty_silent", 1),
        impact("nine", "exception", 9),
        impact("part", "partial_text", 1),
    ]
    assert [i.client for i in sorted(made, key=worst_first)] == ["nine", "late", "nothing", "error", "part"]


def test_one_line_tells_requests_and_money_a_message_and_a_day():
    money = {"wasted_usd": 0.054, "cost_usd": 0.072, "wasted_usd_day": 0.324, "cost_usd_day": 0.432}
    assert one_line(impact("x", "empty_silent", 4, **money)) == (
        "sees nothing; 4 requests, 4 billed; $0.054 in retries, $0.072 in total; "
        "$0.32 in retries, $0.43 in total per day"
    )
    assert one_line(impact("x", "exception", 1)) == "sees an error; 1 request, 1 billed"
    assert one_line(impact("x", "text", 1, wasted_usd=0.0, cost_usd=0.5, estimated=True)).endswith("(estimated)")


def test_junit_and_json_carry_the_impact(record):
    judged = record("silent_json", messages_per_day=6.0)
    suite = ET.fromstring(junit.render(judged.report, judged.evidence)).find("testsuite")  # noqa: S314 - our own
    told = {p.get("name"): p.get("value") for p in suite.find("properties")}
    assert told["impact hermes 0.14 chat.hello stream"].startswith("sees nothing; 4 requests, 4 billed; $0.054")
    hermes = next(i for i in judged.report.impact if i.client == "hermes 0.14" and i.mode == "stream")
    assert (hermes.wasted_usd_day, hermes.cost_usd_day) == (0.324, 0.432)
    assert safe(hermes.detail) == hermes.detail


def of_vectors(outcome, requests=1, **more):
    return impact("LangChain 1.7 (OpenAIEmbeddings)", outcome, requests, probe="embeddings.hello", mode="unary", **more)


def test_a_client_of_embeddings_gets_vectors():
    said = [one_line(of_vectors(outcome)) for outcome in ("text", "partial_text", "text+", "exception", "empty_silent")]
    assert [line.partition(";")[0] for line in said] == [
        "gets the vectors",
        "gets wrong vectors",
        "gets extra vectors",
        "sees an error",
        "sees nothing",
    ]


def test_embeddings_are_never_streamed_so_that_nobody_is_reported_that_they_are_not():
    assert subject(of_vectors("text")) == "LangChain 1.7 (OpenAIEmbeddings)"
    assert subject(impact("letta", "text", 1, mode="unary")) == "letta, unary"


def test_the_cells_of_a_page_say_vectors():
    cells = [of_outcome(o, 1, is_of_vectors=True).word for o in ("text", "partial_text", "hang")]
    assert cells == ["gets the vectors", "gets wrong vectors", "waits until the timeout"]
    assert of_outcome("partial_text", 1, is_of_vectors=False).word == "gets a truncated response"
