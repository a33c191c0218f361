"""`shouhou serve`."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from contextlib import nullcontext
from typing import Annotated

import typer

from api.store.database import open_store, store_failures
from model.cli import err, train
from model.errors import InputError

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's name; it looks at it when it is imported.
DRAIN_SECONDS = 20
KEEP_ALIVE_SECONDS = 75  # Longer than nginx keeps its own side (60), so that it never meets a closing connection.
SLOW_WORKER_SECONDS = 30  # A worker that loads a model on a busy machine is not dead.


@store_failures()
def serve(
    host: Annotated[str, typer.Option(envvar="SHOUHOU_HOST", help="监听地址。")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="SHOUHOU_PORT", min=1, max=65535, help="端口。")] = 8000,
    workers: Annotated[int, typer.Option(envvar="SHOUHOU_WORKERS", min=1, max=64, help="进程数。")] = 1,
) -> None:
    """启动服务；还没有模型时先训练一个。"""
    import uvicorn

    from api.model_in_use import load_state
    from api.settings import is_loopback, load_settings
    from api.store.keys import list_keys
    from model import registry
    from model.paths import artifacts_dir

    settings = load_settings()
    keys = list_keys(open_store(settings))
    usable = [key for key in keys if key.revoked_at_ms is None]
    if not is_loopback(host) and not usable:
        raise InputError(
            f"{host} 能从别的机器访问，而现在还没有接口密钥",
            remedy="先运行 shouhou keys create --name 名称 --scope recommend，或只监听 127.0.0.1",
        )
    artifacts = artifacts_dir()
    if registry.current_version(artifacts) is None:
        err.print("还没有模型，先训练一个……")
        train()
    if workers > 1:
        load_state(artifacts)  # What is broken is told here, once. A single worker is this process and tells it itself.
    _check_port(host, port)
    err.print(f"售后参谋 http://{host}:{port} ，接口文档 /docs", markup=False)
    if not keys:
        err.print("还没有接口密钥：本机任何程序都可以直接调用。新建密钥：shouhou keys create", style="yellow")
    if settings.chatwoot_missing:
        err.print(f"Chatwoot 没有启用，还缺 {'、'.join(settings.chatwoot_missing)}", style="yellow")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # uvicorn drains, then sends it once more to end by it.
    with tempfile.TemporaryDirectory(prefix="shouhou-metrics-") if workers > 1 else nullcontext() as folder:
        if folder is not None:
            os.environ[METRICS_FOLDER] = folder
        uvicorn.run(
            "api.worker:create_worker",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            http="api.http_protocol:ImpatientHttpProtocol",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            timeout_worker_healthcheck=SLOW_WORKER_SECONDS,
        )


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                f"监听不了 {host}:{port}（{os.strerror(error.errno or 0)}）",
                remedy="停掉占用它的程序，或用 --port、SHOUHOU_PORT 换一个端口",
            ) from error
