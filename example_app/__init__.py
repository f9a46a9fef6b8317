"""A small chat whose pages live on another origin than its Socket.IO server, and a CORS lab.

Run it with ``python -m example_app``; ``chat.py`` is the part to copy from.
"""
