"""The settings: read, validated, explained."""
