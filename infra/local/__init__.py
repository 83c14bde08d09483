"""The whole system on one machine, without Docker: real components under one process supervisor.

scripts/install -> environments, jars -> scripts/up -> configuration -> supervisor -> parts, in order -> ready
"""
