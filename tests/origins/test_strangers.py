"""Names that strangers can register, made from the expression that lets them in."""

import re

import pytest

from flask_sio_cors.origins.strangers import stranger_let_in

LETS_IN = {
    r"https://sne-radar-[a-z0-9-]+\.vercel\.app": "https://sne-radar-x.vercel.app",
    r"https://pr-[0-9]+\.vercel\.app": "https://pr-1.vercel.app",
    r"https://pr-\d{4}\.pages\.dev": "https://pr-1111.pages.dev",
    r"https://[0-9a-f]{7}\.github\.io": "https://1111111.github.io",
    r"https://domain-[a-z]+\.co\.uk": "https://domain-x.co.uk",
    r"https://(?:x|deploy-[a-z]+)\.netlify\.app": "https://deploy-x.netlify.app",
    r"https://(?:[a-z0-9-]+\.)*vercel\.app": "https://x.vercel.app",
    r"https://app.example\.com": "https://appxexample.com",
    r"https://app.example.com": "https://appxexample.com",
    r"https://[^.]+example\.com": "https://xexample.com",
    r"https://.*example\.com": "https://xexample.com",
    r"https://example\.com.*": "https://example.comx",
    r"https://example\.com(?:\..*)?": "https://example.com.x",
    r"https://[\w.-]+": "https://x.com",
    r"https://[a-z.]+": "https://x.com",
    r"https://(?:[a-z]+\.?)+": "https://x.x.x.",
    r"(?i)https://PR-[A-Z]+\.VERCEL\.APP": "https://pr-x.vercel.app",
    r"https?://[a-z]+\.github\.io(?::\d+)?": "https://x.github.io:1",
    r"https://[a-z]+\.s3\.amazonaws\.com": "https://x.s3.amazonaws.com",
    r"https://[a-z]+\.github\.io\.": "https://x.github.io.",
}
HARMLESS = [
    r"https://pr-\d+\.example\.com",
    r"https://(.*\.)?example\.com",
    r"https?://(app|www)\.(example|test)\.(com|org)(:\d+)?",
    r"https://(?:a|b|c)[0-2]\.com",
    r"(?i)https://APP\.EXAMPLE\.COM",
    r"https://\w+\.example\.com\.?",
    r"https://(?:[a-z0-9-]+\.)*example\.com",
    r"https://[a-z]+\.my-name\.vercel\.app",
    r"http://localhost:\d+",
    r"http://[a-z]+\.localhost:\d+",
    r"https://192\.168\.\d+\.\d+(?::\d+)?",
    r"http://[a-z]+:\d+",
    r"capacitor://.*",
    r"x",
    r"",
]


@pytest.mark.parametrize(("pattern", "stranger"), LETS_IN.items())
def test_a_name_is_made_that_the_expression_matches(pattern, stranger):
    assert stranger_let_in(re.compile(pattern)) == stranger
    assert re.fullmatch(pattern, stranger)


@pytest.mark.parametrize("pattern", HARMLESS)
def test_no_name_is_made_where_strangers_have_none(pattern):
    assert stranger_let_in(re.compile(pattern)) is None
