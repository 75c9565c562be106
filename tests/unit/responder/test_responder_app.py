import threading

from services.responder.app import create_app
from services.responder.settings import ResponderSettings
from shared.http import close

SETTINGS = ResponderSettings(
    database_url="postgresql://nobody@127.0.0.1:1/none",
    kafka_bootstrap_servers="127.0.0.1:1",
    token_secret="x" * 32,
)


def pool_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("pool-")}


def test_a_closed_application_leaves_no_connection_pool_running() -> None:
    before = pool_threads()
    close(create_app(SETTINGS))
    assert pool_threads() <= before
