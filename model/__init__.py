"""Decides: labels, replies, compensation. Knows no web and no database."""
