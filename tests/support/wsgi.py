"""The application of `serve.py` as a module's name, which is what WSGI servers are given."""

from tests.support.serve import create_app

app = create_app()
