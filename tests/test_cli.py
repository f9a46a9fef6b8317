"""What both commands, ``flask sio-cors`` and ``sio-cors``, make of what they are given."""

import click
import pytest
from click.testing import CliRunner
from flask import Flask

from flask_sio_cors.cli import flask_group, main
from tests.support.questions import FRIEND, LISTED, application, run


def test_without_the_extension_the_commands_say_what_to_add() -> None:
    for arguments in (["show"], ["explain", FRIEND]):
        result = run(Flask("bare"), *arguments)
        assert result.exit_code == 2
        assert "SioCors(app)" in result.stderr


@pytest.mark.parametrize("group", [flask_group, main, flask_group.commands["origins"]])
def test_what_each_command_is_for_fits_its_line(group: click.Group) -> None:
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(group, ["--help"]).stdout
    listed = shown.partition("Commands:\n")[2].splitlines()
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []
    assert len(listed) == len(group.commands)


# --- What is asked ----------------------------------------------------------------------------

ASKING = {
    "explain": [flask_group, ["explain", FRIEND]],
    "doctor": [main, ["doctor", "http://127.0.0.1:9", "--origin", FRIEND]],
}


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--header=X Token", "is no name of a header"),
        ("--header=", "is no name of a header"),
        ("--header=X-Tökën: 1", "is no name of a header"),
        ("--header=X-Token\x1b[31m", "'X-Token\\x1b[31m' is no name of a header"),
        ("--header=X-Token: a\r\nHost: b", "line break"),
        ("--header=X-Token: \0", "line break"),
        ("--header=X-Token: \udcff", "beyond U+00FF"),
        ("--header=X-Token: 日本", "beyond U+00FF"),
        ("--header=Cookie: a=b", "Cookie is a header that only the browser sets"),
        ("--header=cookie", "come with --with-credentials"),
        ("--header=Origin: https://a.example", "only the browser sets"),
        ("--header=Host: a.example", "only the browser sets"),
        ("--header=Content-Length: 1", "only the browser sets"),
        ("--header=Sec-Fetch-Site: none", "only the browser sets"),
        ("--header=Proxy-Authorization: x", "only the browser sets"),
        ("--method=PU T", "is no method"),
        ("--method=", "is no method"),
        ("--method=PUT\r\n", "is no method"),
        ("--method=CONNECT", "browsers forbid"),
        ("--method=trace", "browsers forbid"),
        ("--method=patch", "Write PATCH, on the page too"),
    ],
)
def test_what_no_page_can_send_is_not_blamed_on_the_server(
    command: str, option: str, words: str
) -> None:
    group, arguments = ASKING[command]
    runner = application(**LISTED).test_cli_runner()
    result = runner.invoke(group, [*arguments, option])
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize(
    "options",
    [["--method=put"], ["--method=M-SEARCH"], ["--header=X-Token: é"], ["--header=Accept"]],
    ids="".join,
)
def test_what_a_page_can_send_is_asked(command: str, options: list[str]) -> None:
    group, arguments = ASKING[command]
    result = application(**LISTED).test_cli_runner().invoke(group, [*arguments, *options])
    assert result.exit_code in (0, 1)
    assert isinstance(result.exception, (SystemExit, type(None)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http://[::1"], "is no address"),
        (["http://a.example:99999"], "is no address"),
        (["https:/a.example"], "is no address"),
        (["https://"], "is no address"),
        (["http://a\udcff.example"], "is no address"),
        (["file:///etc/passwd"], "names no host"),
        ([f"http://a.example/{'x' * 9000}"], "is longer than the 8000 characters that io() takes"),
        (["http://a.example", "--path=/a?b"], "holds “?”, where an address's path ends"),
        (["http://a.example", "--path=/a#b"], "holds “#”, where an address's path ends"),
        (["http://a.example", "--path=http://a.example/socket.io"], "does not start with a slash"),
        (["http://a.example", "--path=/\udcff"], "cannot stand in an address"),
        (["http://a.example", "--origin=https://*.a.example"], "is a pattern"),
        (["http://a.example", "--origin=\udcff"], "location.origin"),
        (["http://a.example", "--origin=https://a.example:99999"], "location.origin"),
    ],
)
def test_what_is_no_address_is_told_in_the_terms_of_its_user(
    arguments: list[str], words: str
) -> None:
    result = CliRunner().invoke(main, ["doctor", f"--origin={FRIEND}", "--json", *arguments])
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""


@pytest.mark.parametrize("command", [[], ["doctor"], ["explain"], ["show"]], ids=" ".join)
def test_help_names_the_exit_statuses(command: list[str]) -> None:
    result = CliRunner().invoke(flask_group, [*command, "--help"])
    assert result.exit_code == 0
    assert not command or "Exit status 0" in result.stdout


def test_the_console_script_has_the_doctor_alone() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert "doctor" in result.output
    assert "explain  " not in result.output


def test_a_path_without_its_first_slash_cannot_be_asked() -> None:
    command = ["doctor", "http://127.0.0.1:9", "--origin", FRIEND, "--path", "socket.io", "--json"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "Write '/socket.io', in the client too" in result.stderr
