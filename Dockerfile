# The service, as a user without rights, on a read-only root: only /data (store, model versions) is written.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt ./
RUN pip install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY model model
COPY api api
COPY training_data training_data
# Editable, because the application runs from its checkout and finds training_data beside model.
RUN pip install --no-deps --no-build-isolation --editable .

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --home-dir /data --no-create-home shouhou \
    && mkdir /data && chown shouhou:shouhou /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    SHOUHOU_HOST=0.0.0.0 SHOUHOU_PORT=8000 \
    SHOUHOU_DATA=/data SHOUHOU_ARTIFACTS=/data/artifacts
USER shouhou
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=180s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["shouhou", "serve"]
