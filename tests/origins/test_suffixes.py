"""Names under which anybody can register."""

import pytest

from flask_sio_cors.origins.suffixes import public_suffix_within, registered_part


@pytest.mark.parametrize(
    "host",
    """com co.uk github.io herokuapp.com vercel.app netlify.app pages.dev fly.dev azurewebsites.net
    s3.amazonaws.com xn--p1ai xn--55qx5d.cn blogspot.com invented""".split(),
)
def test_a_public_suffix_is_public_itself(host):
    assert public_suffix_within(host) == host


@pytest.mark.parametrize("host", ["amazonaws.com", "windows.net", "scw.cloud"])
def test_a_name_above_public_suffixes_has_one_within(host):
    suffix = public_suffix_within(host)
    assert suffix is not None
    assert suffix.endswith(f".{host}")


def test_a_rule_with_a_wildcard_is_shown_with_a_name_in_its_place():
    # The list has nothing below clever-cloud.com but the rule *.services.clever-cloud.com.
    assert public_suffix_within("clever-cloud.com").startswith("any-name.")


@pytest.mark.parametrize(
    "host",
    ["example.com", "example.co.uk", "someone.github.io", "a.b.example.com", "www.ck", "bbc.co.uk"],
)
def test_a_registered_name_has_no_strangers_below_it(host):
    assert public_suffix_within(host) is None


@pytest.mark.parametrize(
    ("host", "part"),
    [
        ("a.b.example.com", "example.com"),
        ("example.co.uk", "example.co.uk"),
        ("co.uk", None),
        ("a.b.github.io", "b.github.io"),
    ],
)
def test_the_part_that_an_owner_registered_is_known(host, part):
    assert registered_part(host) == part
