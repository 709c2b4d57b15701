"""What gunicorn and the flask command load.

Where DATABASE_URL names no PostgreSQL, the embedded one is started, or shared with the process that has.
"""

import gc
import os
from collections.abc import Mapping

from app import config, create_app
from app.embedded import EmbeddedError, of_this_process


def environment() -> Mapping[str, str]:
    if os.environ.get("DATABASE_URL"):
        return os.environ
    server = of_this_process(config.database_folder(os.environ))
    return {**os.environ, "DATABASE_URL": server.url}


try:
    app = create_app(config.load(environment()))
except (config.SettingsError, EmbeddedError) as error:
    raise SystemExit(str(error)) from error

# The program and its gazetteer stay, a quarter of a million objects: to look through them for garbage would let a
# request wait for 150 ms every now and then.
gc.freeze()
