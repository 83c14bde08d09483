"""The typed client of the HTTP API.

    ApiClient.status() -> StatusAnswer     a good answer, as the very type that the API encodes
                       -> ApiAway          no answer: refused, cut off, too slow
                       -> ApiProblem       an answer that says what is wrong, field by field

`base` asks and decodes; each other module adds the calls of one part of the API; `whole` is all of them.
"""
