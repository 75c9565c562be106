"""Imports: a file of leads or of their history becomes events, in the background and through the same
publishing path as everything else.

    files, spreadsheets   the file as it was given, and as a table
    headings, proposing   what each column seems to be, for a person to confirm
    mapping               what a person confirmed
    formats               numbers and dates as each column writes them
    rows                  a row becomes events, or is refused with a reason (pure)
    checking              a whole file read without publishing anything
    running, watching     the worker's part: imports under way, and the watched folder
    store, api, command   Postgres, HTTP and the command line
"""
