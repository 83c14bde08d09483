"""The HTTP API in types: the shapes of its answers, and the client that asks for them.

    serving builds them -> JSON -> core.api.client decodes them -> screens, programs, tests

None stands for what can't be known at the moment, never zero. What may be null may be left out.
"""
