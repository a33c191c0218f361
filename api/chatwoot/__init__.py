"""Chatwoot, the open help desk: a buyer's message comes in by webhook, the recommendation goes back as a private note.

Names and rules are Chatwoot's: https://developers.chatwoot.com/api-reference and, for the signature,
https://github.com/chatwoot/docs (api-reference/webhook-verification).
"""
