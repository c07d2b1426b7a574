"""What is wrong, where, why and what is accepted: said at once, before anything is sent, and nothing is left behind."""

import socket

import pytest

TARGETS = "[targets.ours]\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'm'\n"
EMBEDDED = "[targets.one]\ndeployment = 'native-sse'\n[targets.two]\ndeployment = 'silent-jason'\n"
GIVEN = ("--base-url", "http://127.0.0.1:9/v1", "--model", "m")
RUN, LOAD, THROUGH = (("run", *GIVEN), ("load", *GIVEN), ("gateway", *GIVEN))
MATRIX = ("matrix", "--config", "targets.toml", "--out")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no-such",), 'Unknown command "no-such".'),
        (("run", "a", "b"), "Not understood: b. `conformance run --help` shows what is accepted."),
        (("run", "--no-such"), "Unknown option: --no-such. `conformance run --help` shows what is accepted."),
        (
            (*RUN, "--report", "json=file/a.json"),
            "'json=file/a.json': its folder is a file; accepted: a file that can",
        ),
        (
            (*RUN, "--report", "json=/proc/x"),
            "'json=/proc/x': No such file or directory; accepted: a file that can be",
        ),
        (
            (*RUN, "--api-key-env", "NO_SUCH"),
            "--api-key-env NO_SUCH: this environment variable is not set or empty; set",
        ),
        ((*RUN, "--waivers", "no.toml"), "no.toml: No such file or directory; accepted: a TOML file of waivers"),
        ((*RUN, "--profile", "hermes", "--api", "messages"), "but --api selects only messages; add its API"),
        (
            ("run", "--config", "no.toml", "--target", "x"),
            "no.toml: No such file or directory; accepted: a TOML file of",
        ),
        (("run", "--config", "empty.toml", "--target", "x"), "missing targets; `conformance init` writes one"),
        (("run", "--config", "targets.toml"), "--config targets.toml needs --target NAME; accepted: ours"),
        ((*LOAD, "--worker", "--master"), "--worker excludes --master, which is for the master; accepted: one of them"),
        (
            (*THROUGH, "--upstream-host", "no.such.invalid"),
            "--upstream-host or --upstream-port: ",
        ),
        (MATRIX[:-1], "--out needs a value, and none is given. `conformance matrix --help`"),
        (("diff", "folder"), "NEW is missing. `conformance diff --help`"),
        ((*RUN, "--profile", "herms"), "--profile 'herms' is not known; did you mean hermes? accepted: all, "),
        (
            ("load", "--defect", "text-of-other-when-busy"),
            "--defect text-of-other-when-busy is not known; did you mean text-of-another-when-busy",
        ),
        (
            ("matrix", "--config", "embedded.toml", "--out", "x"),
            "embedded.toml:4: targets.two.deployment 'silent-jason' is not known; did you mean silent-json?",
        ),
        (
            ("matrix", "--config", "misspelt.toml", "--out", "x"),
            "misspelt.toml:2: targets.one: unknown key 'deploymnt' (did you mean 'deployment'?)",
        ),
        ((*MATRIX, "file"), "--out file: Not a directory; accepted: a folder that can be written"),
        (
            ("matrix", "--merge", "folder", "--out", "x"),
            "--merge folder/matrix.json: No such file",
        ),
        (("profiles", "--python", "python3"), "--python names the packages to compare with; accepted: with --check"),
        (
            ("init", "--out", "no/a.toml"),
            "--out no/a.toml: No such file or directory; accepted: a new file, in a folder that is there",
        ),
    ],
)
def test_wrong_input_is_named_with_what_is_accepted(words, said, command, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty.toml").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "targets.toml").write_text(TARGETS)
    (tmp_path / "embedded.toml").write_text(EMBEDDED)
    (tmp_path / "misspelt.toml").write_text("[targets.one]\ndeploymnt = 'native-sse'\n")
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert err.startswith("conformance: ")
    assert said in err


def test_a_port_in_use_leaves_no_run_folder(command, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        code, _, err = command(*THROUGH, "--upstream-port", busy.getsockname()[1])
    assert (code, "Address already in use" in err) == (2, True)
    assert [path.name for path in (tmp_path / "reports/runs").iterdir()] == [".gitignore"]


def test_a_bound_that_allows_no_request_is_not_taken_for_a_silent_target(command):
    code, out, _ = command("run", "--deployment", "native-sse", "--suite", "smoke", "--max-tokens", "1")
    assert (code, "so nothing is proven: none was sent" in out) == (3, True)
    assert "10 planned requests not sent: over --max-tokens 1." in out
