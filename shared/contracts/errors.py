"""The one error of this package."""


class InvalidEvent(ValueError):
    """An event that no retry will mend: it goes to quarantine.

    `message` says what to do and never repeats a value, since it is logged and shown. `pointer` is the JSON
    pointer (RFC 6901) of the offending place, "" for the whole document.
    """

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.pointer = pointer
