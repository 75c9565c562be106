"""What the console reads from the environment."""

from pydantic import Field

from shared.settings import CommonSettings, Port


class ConsoleSettings(CommonSettings):
    """The console holds nothing: it needs the services' addresses and how to keep a session."""

    bind_host: str = Field("127.0.0.1", description="address the services listen on")
    console_port: Port = Field(8080, description="port of the pages for people")
    ingest_url: str = Field("http://127.0.0.1:8081", description="where ingest answers")
    scoring_url: str = Field("http://127.0.0.1:8082", description="where the scoring service answers")
    responder_url: str = Field("http://127.0.0.1:8083", description="where the responder answers")
    console_secure_cookies: bool = Field(False, description="1 when people reach the console by https")
    writeback_webhook_url: str = Field("", description="where webhooks are posted; empty: nothing is sent")
    writeback_send: str = Field(
        "scores,replies", description="what is sent: scores, replies, or both with a comma"
    )
    time_zone: str = Field("Europe/Paris", description="the time zone dates are shown in")

    @property
    def replies_are_sent(self) -> bool:
        """Whether approving a reply sends it: the button says so."""
        return bool(self.writeback_webhook_url) and "replies" in self.writeback_send
