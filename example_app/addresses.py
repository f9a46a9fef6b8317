"""Which origins the example has: one server, and pages in places that differ in one thing each."""

from __future__ import annotations

from typing import Final, NamedTuple

#: Customers of the same server, each with a host and a page of their own.
TENANTS: Final = ("acme", "globex")


class Addresses(NamedTuple):
    """The ports that the example listens on, and the origins that they make.

    Browsers resolve ``localhost`` and every name below it to this machine without asking DNS, so
    that one machine has as many origins, and sites, as one likes.
    """

    server_port: int = 3000
    page_port: int = 8080
    other_port: int = 8081
    plain_port: int = 3001

    @property
    def server(self) -> str:
        """Where the Socket.IO server is."""
        return f"http://localhost:{self.server_port}"

    @property
    def plain(self) -> str:
        """Where the same server is without SioCors, for the lab to compare with."""
        return f"http://localhost:{self.plain_port}"

    @property
    def page(self) -> str:
        """Where the pages are, and the only origin that may edit the policy."""
        return f"http://localhost:{self.page_port}"

    @property
    def refused_page(self) -> str:
        """The same pages one port further: same site, other origin, and in no list."""
        return f"http://localhost:{self.other_port}"

    @property
    def subdomain(self) -> str:
        return f"http://my.chat.localhost:{self.page_port}"

    @property
    def subdomain_pattern(self) -> str:
        return f"http://*.chat.localhost:{self.page_port}"

    @property
    def other_site(self) -> str:
        """The same pages by the machine's number: another host is another site."""
        return f"http://127.0.0.1:{self.page_port}"

    def tenant_host(self, tenant: str) -> str:
        """The name under which a tenant's pages reach the Socket.IO server."""
        return f"{tenant}.localhost"

    def tenant_server(self, tenant: str) -> str:
        return f"http://{self.tenant_host(tenant)}:{self.server_port}"

    def tenant_page(self, tenant: str) -> str:
        return f"http://{self.tenant_host(tenant)}:{self.page_port}"
