"""What the service keeps: SQLAlchemy tables on SQLite or PostgreSQL."""
