"""A module of an application, whose functions another one uses."""


def asks(origin):
    return origin == "https://a.example"


class Checker:
    def asks(self, origin):
        return origin == "https://a.example"


checker = Checker()
