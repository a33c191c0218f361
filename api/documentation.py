"""OpenAPI as it really is: the API key, and the labels that feedback may name under the model in use."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.access import SECURITY_SCHEME


def install(app: FastAPI) -> None:
    """Complete the document that FastAPI makes."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        schema = plain()
        schema["components"]["securitySchemes"] = {SECURITY_SCHEME: {"type": "http", "scheme": "bearer"}}
        taxonomy = app.state.service.model.state.recommender.classifier.taxonomy
        fields = schema["components"]["schemas"]["FeedbackRequest"]["properties"]
        fields["issue"]["anyOf"][0]["enum"] = [issue.code for issue in taxonomy.issues]
        fields["customer"]["anyOf"][0]["enum"] = [customer.code for customer in taxonomy.customers]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way.
