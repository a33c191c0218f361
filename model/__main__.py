"""Where `shouhou` begins. Light, because processes that Python spawns import their parent's main module anew."""

from __future__ import annotations


def main() -> None:
    """Run a command."""
    from model.cli import main as run

    run()


if __name__ == "__main__":
    main()
