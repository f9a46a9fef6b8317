"""``sio-cors doctor``: does to a running server what a browser does, and explains the result.

Importing this package needs nothing; :mod:`.examine` needs the extra ``doctor``.
"""
