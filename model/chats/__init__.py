"""Reads chats as shops export them: tables and plain transcripts, line by line in bounded memory."""
