"""One service's SQLite file, safe for several threads and for several replicas of the service.

WAL lets the replicas read while one writes; a writer waits up to five seconds for another. With
synchronous=NORMAL a commit survives the death of the process (kill -9), which is what a restart
needs; the last commits before a power cut may be lost. One connection a process, behind a lock:
the statements of the shop take microseconds.
"""
import contextlib
import os
import sqlite3
import threading
import time


class Database:
    def __init__(self, name, schema):
        self.path = os.environ.get("DATABASE", f"data/{name}.db")
        self._lock = threading.RLock()
        folder = os.path.dirname(self.path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        self._connection = sqlite3.connect(self.path, timeout=5, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._prepare(schema)

    def _prepare(self, schema):
        # Two replicas that start together both switch a new file to WAL, and SQLite answers
        # "locked" to one of them without waiting: so this waits.
        for attempt in range(50):
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=NORMAL")
                with self.transaction():
                    for statement in schema:
                        self._connection.execute(statement)
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or attempt == 49:
                    raise
                time.sleep(0.1)

    def query(self, sql, *values):
        """All rows of a statement, as dictionaries."""
        with self._lock:
            return [dict(row) for row in self._connection.execute(sql, values)]

    def one(self, sql, *values):
        rows = self.query(sql, *values)
        return rows[0] if rows else None

    def change(self, sql, *values):
        """Runs a statement; returns how many rows it changed."""
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    @contextlib.contextmanager
    def transaction(self):
        """All or nothing. Takes the write lock first, so that what is read inside stays true."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def check(self):
        self.one("SELECT 1")
