"""`shouhou keys create|list|revoke`."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.settings import load_settings
from api.store.clock import as_datetime
from api.store.database import open_store, store_failures
from api.store.keys import ApiKey, Scope, create_key, list_keys, revoke_key
from model.cli import JsonFlag, err, out
from model.errors import InputError

app = typer.Typer(help="接口密钥：新建、列出、吊销。", no_args_is_help=True)


@app.command()
@store_failures()
def create(
    name: Annotated[str, typer.Option(help="给谁用的，例如 “旗舰店客服插件”。")],
    scope: Annotated[list[Scope], typer.Option(help="权限，可写多次：recommend 取建议，feedback 交反馈，admin 管理。")],
    as_json: JsonFlag = False,
) -> None:
    """新建密钥。密钥只显示这一次，库里只存它的哈希。"""
    if not 1 <= len(name.strip()) <= 100:
        raise InputError("--name 为空或太长", remedy="应为 1 到 100 字")
    key, token = create_key(open_store(load_settings()), name.strip(), scope)
    if as_json:
        print(json.dumps({"id": key.id, "key": token, "name": key.name, "scopes": sorted(key.scopes)}))
        return
    err.print("请现在保存，以后不再显示：", markup=False)
    print(token)


@app.command("list")
@store_failures()
def list_(as_json: JsonFlag = False) -> None:
    """列出所有密钥（不含密钥本身）。"""
    keys = list_keys(open_store(load_settings()))
    if as_json:
        print(json.dumps([_told(key) for key in keys], ensure_ascii=False))
        return
    table = Table()
    for column in ("编号", "名称", "权限", "新建于", "吊销于"):
        table.add_column(column)
    for key in keys:
        scopes = " ".join(sorted(key.scopes))
        table.add_row(key.id, escape(key.name), scopes, _told_time(key.created_at_ms), _told_time(key.revoked_at_ms))
    out.print(table)


@app.command()
@store_failures()
def revoke(key_id: Annotated[str, typer.Argument(metavar="编号")], as_json: JsonFlag = False) -> None:
    """吊销密钥：各进程一两秒内不再接受它。"""
    if not revoke_key(open_store(load_settings()), key_id):
        raise InputError(f"没有编号 {key_id} 的有效密钥", remedy="编号见 shouhou keys list")
    if as_json:
        print(json.dumps({"id": key_id, "revoked": True}))
    else:
        out.print(f"已吊销 {key_id}", markup=False)


def _told(key: ApiKey) -> dict[str, str | list[str] | None]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": [str(scope) for scope in sorted(key.scopes)],
        "created_at": _told_time(key.created_at_ms),
        "revoked_at": _told_time(key.revoked_at_ms),
    }


def _told_time(ms: int | None) -> str | None:
    return None if ms is None else as_datetime(ms).isoformat(timespec="seconds")
