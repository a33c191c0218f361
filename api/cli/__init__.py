"""Commands of `shouhou` that need the service or the store; pyproject.toml names them as entry points."""
