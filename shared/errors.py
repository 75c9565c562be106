"""The error that a person reads."""


class UserError(Exception):
    """Something a person can mend. The message says what happened and what to do; it is shown as it is,
    without a stack."""
