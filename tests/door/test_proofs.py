"""Which session a request names; the rest is in `tests/servers`."""

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sio_cors.door.proofs import session_id

PIECES = ("sid", "sid=", "=", "&", "A-_1", "%73", "%69d", "%6", "%7", "%26", "%", "+", ";", "\xe9")


def as_engineio_reads(query):
    return parse_qs(query).get("sid", [None])[0]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "EIO=4&transport=polling&t=abc",
        "EIO=4&transport=polling&sid=AbC_-1",
        "sid=one&sid=two",
        "xsid=one&sid=two",
        "sid=&sid=two",
        "%73%69%64=one&sid=two",
        "sid=a+b%20c",
        "token=a%3D&sid=one",
    ],
)
def test_a_session_is_read_as_engineio_reads_it(query):
    assert session_id({"QUERY_STRING": query}) == as_engineio_reads(query)


@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_a_session_is_read_as_engineio_reads_it_whatever_the_query(query):
    assert session_id({"QUERY_STRING": query}) == as_engineio_reads(query)
