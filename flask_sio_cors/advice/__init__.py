"""What the configuration does, and what to change."""
