"""What Flask-SIO-CORS costs, beside what it replaces: `make bench`."""
