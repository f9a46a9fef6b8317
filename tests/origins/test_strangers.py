"""Names that strangers can register, made from the expression that lets them in."""

import re
import time

import pytest

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import Options
from flask_sio_cors.origins.grammar import parse_pattern
from flask_sio_cors.origins.strangers import stranger_let_in

LETS_IN = r"""
https://sne-radar-[a-z0-9-]+\.vercel\.app
https://pr-[0-9]+\.vercel\.app
https://pr-\d{4}\.pages\.dev
https://[0-9a-f]{7}\.github\.io
https://domain-[a-z]+\.co\.uk
https://(?:x|deploy-[a-z]+)\.netlify\.app
https://(?:[a-z0-9-]+\.)*vercel\.app
https://app.example\.com
https://app.example.com
https://[^.]+example\.com
https://.*example\.com
https://example\.com.*
https://example\.com(?:\..*)?
https://[\w.-]+
https://[a-z.]+
https://(?:[a-z]+\.?)+
(?i)https://PR-[A-Z]+\.VERCEL\.APP
https?://[a-z]+\.github\.io(?::\d+)?
https://[a-z]+\.s3\.amazonaws\.com
https://[a-z]+\.github\.io\.
https://[^/]{10,}
https://.{10,}
https://.{7}
https://[\w.-]{10,60}
https://[^:/]{10,50}(:\d+)?
https://[a-z0-9][a-z0-9.-]{8,}[a-z]
https://[a-z.]{6,20}
https://(?:\w+|\.)+
https://(?:[a-z]+|\.)+
https://\d+\.\d+\.\d+\.\d+(:\d+)?
https://\[[0-9a-f:]+\]
https://.+\.amazonaws\.com
https://[a-z0-9.-]+\.windows\.net
https://my-[a-d]+\.vercel\.app
https://[01]{20}\.com
https://my-(?:ab|cd|ef)+\.vercel\.app
chrome-extension://[a-p]{32}
https://ok\.example\.com|https://.*example\.org
""".split()
LETS_IN.append(
    rf"https://(?:[a-z0-9-]+\.)*(?:{'|'.join(f'n{n}' for n in range(60))})\.example\."
    rf"(?:{'|'.join(f'c{n}' for n in range(10))})(?::\d+)?|https://[a-z]+\.vercel\.app"
)
HARMLESS = r"""
https://pr-\d+\.example\.com
https://(.*\.)?example\.com
https?://(app|www)\.(example|test)\.(com|org)(:\d+)?
https://(?:a|b|c)[0-2]\.com
(?i)https://APP\.EXAMPLE\.COM
https://\w+\.example\.com\.?
https://(?:[a-z0-9-]+\.)*example\.com
https://[a-z]+\.my-name\.vercel\.app
https://example.com
https://(foo.com|bar.com)
https?://my-site.de(:\d+)?
https://[a-z]+\.local
http://localhost:\d+
http://[a-z]+\.localhost:\d+
https://192\.168\.\d+\.\d+(?::\d+)?
http://10\.\d+\.\d+\.\d+
http://[a-z]+:\d+
chrome-extension://abcdefghijklmnopabcdefghijklmnop
capacitor://.*
x
""".split()


@pytest.mark.parametrize("pattern", LETS_IN)
def test_a_name_is_made_that_the_expression_matches(pattern):
    made = stranger_let_in(re.compile(pattern))
    assert made is not None
    assert parse_pattern(made) is not None
    assert re.fullmatch(pattern, made)
    with pytest.raises(ConfigError) as raised:
        Options.from_config(
            {"SIO_CORS_ORIGINS": re.compile(pattern), "SIO_CORS_SUPPORTS_CREDENTIALS": True}
        )
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize("pattern", HARMLESS)
def test_no_name_is_made_where_strangers_have_none(pattern):
    assert stranger_let_in(re.compile(pattern)) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "https://" + r"(?:www\.|shop\.)?" * 14 + r"m\u00fcller\.de",
        "https://" + "a?" * 25 + r"\u00fc\.de",
        "https://" + ".*" * 9 + r"\.\u00e9",
        "https://" + "(?:a|b|c)?" * 30 + r"\.example\.com",
        "https://" + "(?:(?:(?:a|b)?c|d)?e|f){0,9}" * 3 + r"\.example\.com",
    ],
)
def test_no_expression_takes_long_to_follow(pattern):
    started = time.thread_time()
    stranger_let_in(re.compile(pattern))
    assert time.thread_time() - started < 2
