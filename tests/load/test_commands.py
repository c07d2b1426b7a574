"""What the command and the Python API accept."""

import pytest

import conformance
from conformance.load.shape import Stage
from conformance.model.criteria import USUAL_CRITERIA
from conformance.model.target import Target
from conformance.runner import RunOptions
from conformance.runs.config import ConfigError
from conformance.runs.load import MOST_REQUESTS, load_options, locust_options, stages_in
from conformance.runs.options import ShapeOptions, SpreadOptions

TARGET = Target(base_url="http://127.0.0.1:1/v1", model="m")
RUN = RunOptions(target=TARGET, profiles=("hermes",))


def options(shape=None, **target):
    run = RunOptions(target=Target(base_url="http://127.0.0.1:1/v1", model="m", **target), profiles=("hermes",))
    return load_options(run, shape or ShapeOptions(), USUAL_CRITERIA)


def test_a_load_is_bounded_unless_an_option_says_otherwise():
    found = options()
    assert found.stages == (Stage(duration=30.0, users=8),)
    assert found.run.max_requests == MOST_REQUESTS
    assert (found.hang_ups, found.rate, found.locust, found.in_steps) == (0.05, None, None, False)
    assert options(ShapeOptions(hang_ups=0.0)).hang_ups == 0.0


def test_users_do_not_exceed_what_the_target_takes():
    with pytest.raises(ConfigError, match=r"takes at most 4 requests at once .* accepted: --users 4"):
        options(ShapeOptions(users=5), concurrency=4)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (ShapeOptions(step=True, rate=5.0), "--step excludes --rate"),
        (ShapeOptions(step=True, shape=__file__), "--step excludes --shape"),
    ],
)
def test_options_that_exclude_each_other_are_rejected(shape, message):
    with pytest.raises(ConfigError, match=message):
        options(shape)


def test_a_shape_is_read_from_a_file(tmp_path):
    file = tmp_path / "shape.toml"
    file.write_text("[[stage]]\nusers = 5\nduration = 10\nspawn_rate = 2\n\n[[stage]]\nusers = 0\nduration = 2.5\n")
    stages = (Stage(duration=10, users=5, spawn_rate=2), Stage(duration=2.5, users=0))
    assert stages_in(file) == stages
    found = options(ShapeOptions(shape=file))
    assert (found.stages, found.shape) == (stages, "shape.toml")
    with pytest.raises(ConfigError, match="--shape excludes --users"):
        options(ShapeOptions(shape=file, users=3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[stage]]\nusers = 5\n", "missing required field `duration`"),
        ("[[stage]]\nusers = 5\nduration = 1\nrate = 2\n", "unknown field `rate`"),
        ("[[stage]]\nusers = -1\nduration = 1\n", "stage 1 has a number out of range; accepted: users from 0 to 10000"),
        ("[[stage]]\nusers = 3\nduration = 0\n", "stage 1 has a number out of range"),
        ("[[stage]]\nusers = 0\nduration = 1\n", "has no stage with users"),
        ("users = 3\n", "unknown field `users`"),
        ("[[stage]\n", "accepted:"),
        ("", "has no stage with users"),
    ],
)
def test_a_wrong_shape_is_rejected(tmp_path, text, message):
    (tmp_path / "shape.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        stages_in(tmp_path / "shape.toml")


@pytest.mark.parametrize(
    ("spread", "message"),
    [
        (SpreadOptions(worker=True, master=True), "--worker excludes --master"),
        (SpreadOptions(worker=True, web_ui=True), "--worker excludes --web-ui"),
        (SpreadOptions(master_host="h"), "accepted: with --worker"),
        (SpreadOptions(master_port=5557), "accepted: with --master or --worker"),
        (SpreadOptions(web_port=8089), "accepted: with --web-ui"),
        (SpreadOptions(link="3"), "accepted: two file descriptors"),
    ],
)
def test_options_about_processes_have_to_fit(spread, message, monkeypatch):
    monkeypatch.setattr("conformance.runs.load.check_locust", lambda: None)
    with pytest.raises(ConfigError, match=message):
        locust_options(spread)


def test_one_process_needs_no_locust(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert locust_options(SpreadOptions(processes=1)) is None
    with pytest.raises(ConfigError, match=r"install oai-conformance\[load\]"):
        locust_options(SpreadOptions(processes=2))


def test_the_api_rejects_wrong_arguments_before_anything_is_sent():
    with pytest.raises(ConfigError, match="users=0; accepted: a number from 1 to 10000"):
        conformance.run_load(deployment="native-sse", users=0)
    with pytest.raises(ConfigError, match=r"hang_ups=1\.5; accepted: a number from 0 to 1"):
        conformance.run_load(deployment="native-sse", hang_ups=1.5)
