"""Origins that change while the application runs: stores, and what follows them."""
