"""The application of `tests.serve` as a module's name, which is what WSGI servers are given."""

from tests.serve import create_app

app = create_app()
