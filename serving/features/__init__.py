"""The latest features of each entity, for whoever answers requests.

    <app>.features -> writer (a process of its own) -> Redis -> reader -> predict, the API

A process of its own: in a backlog it decodes tens of thousands of rows per second, and in the API's process
it would take the interpreter away from requests. Either can be started anew without the other.
"""
