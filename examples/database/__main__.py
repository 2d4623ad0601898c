import os
from pathlib import Path

from examples.database.database import DatabaseReconciler
from examples.database.server import Server
from operator_kit import run

server = Server(Path(os.environ["DATABASE_SERVER_DIRECTORY"]), os.environ["DATABASE_SERVER_PASSWORD"])
run(DatabaseReconciler(server), name="database")
