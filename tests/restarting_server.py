"""A supervisor that starts the service again the moment it dies: by fork, because imports and a model take seconds.

Run as `python -m tests.restarting_server PORT`. It prints the process id of every service, one a line.
"""

from __future__ import annotations

import os
import sys

import uvicorn

from api.app import create_app
from api.model_in_use import load_state
from api.settings import load_settings
from model.paths import artifacts_dir


def main() -> None:
    state, settings, port = load_state(artifacts_dir()), load_settings(), int(sys.argv[1])
    while True:
        process_id = os.fork()
        if process_id == 0:
            uvicorn.run(create_app(state, settings), port=port, log_config=None, access_log=False)
            os._exit(0)
        print(process_id, flush=True)
        os.waitpid(process_id, 0)


if __name__ == "__main__":
    main()
