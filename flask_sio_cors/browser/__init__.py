"""What browsers do (the Fetch standard) and what they print."""
