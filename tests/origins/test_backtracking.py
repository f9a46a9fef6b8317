"""A regular expression that one origin could occupy for hours is a mistake in the configuration."""

import re
import time

import pytest

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import Options
from flask_sio_cors.origins.backtracking import slow_origin
from flask_sio_cors.origins.grammar import is_well_formed

CATASTROPHIC = [
    r"https://([a-z]+)+\.example\.com",
    r"https://([a-z]*)*\.example\.com",
    r"https://([a-z0-9-]+\.?)+\.example\.com",
    r"https://(([a-z]+-?)*\.)*example\.com",
    r"https://(?:[a-z.]+\.)*example\.com",
    r"https://pr-(\d+)+\.example\.com",
    r"https://app\.([a-z]+)+\.example\.com",
    r"^https?://(\w+\.?)*\.example\.com$",
    r"(https://)?([a-z.]+)+x:",
    r"https://(.*)*x",
    r"https://(a|a)*b",
    r".*.*.*.*x",
    r"https?://pr-([a-z0-9]+-?)+\.example\.com",
    r"(?i)https://pr-([a-z0-9]+-?)+\.example\.com",
    r"https://(?:pr|mr)-([a-z0-9]+-?)+\.example\.com",
    r"https://[a-z]+-(\w+-?)+\.example\.com",
    r"https://app\d+\.([a-z]+\.?)+example\.com",
    r"https://feature-[0-9]+-([a-z0-9]+-?)*\.example\.com",
    r"https://([1-9]\d*)+\.example\.com",
    r"https://(www\.)?app-(\w+)*\.example\.com",
    r"https://(?:[a-z0-9]{4,}-?)+\.example\.com",
    r"https://[0-9a-f]{32}(-?[a-z0-9]+)*\.example\.com",
]
HARMLESS = [
    r"https://pr-[0-9]+\.example\.com",
    r"https://(?:[a-z0-9-]+\.)*example\.com",
    r"https://(?:[^.]+\.){1,3}example\.com",
    r"https://[a-z]+-[a-z]+-[a-z]+\.example\.com",
    r"https://(app|www|api)\.example\.(com|org)",
    r"https?://(?:.*\.)?example\.com(?::\d+)?",
    r"(?i)https://[\w.-]+\.example\.com",
    r"https://.*-.*-.*\.example\.com",
    r"([a-z]+)+",
    r".*",
    r"",
]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_it_is_an_error_that_shows_such_an_origin(pattern):
    regex = re.compile(pattern)
    with pytest.raises(ConfigError) as raised:
        Options.from_config({"SIO_CORS_ORIGINS": ["https://app.example.com", regex]})
    [problem] = raised.value.problems
    assert (problem.key, problem.value) == ("SIO_CORS_ORIGINS", regex)
    origin = slow_origin(regex)
    assert is_well_formed(origin)
    assert "takes so long with 'http" in problem.reason
    assert Options.from_config({"SIO_CORS_ORIGINS": eval(problem.correction)})


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_it_is_found_before_it_takes_long(pattern):
    started = time.thread_time()
    slow_origin(re.compile(pattern))
    assert time.thread_time() - started < 5


@pytest.mark.parametrize("pattern", HARMLESS)
def test_a_harmless_one_is_accepted_at_once(pattern):
    started = time.thread_time()
    Options.from_config({"SIO_CORS_ORIGINS": re.compile(pattern)})
    assert time.thread_time() - started < 0.1
