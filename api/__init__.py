"""Serves: HTTP around `model`, which makes every decision."""
