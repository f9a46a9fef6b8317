"""``SIO_CORS_ORIGINS`` as it is found in deployments, and whom its writers mean."""

import enum
from collections import deque
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

A, B = "https://a.example", "https://b.example"
LOCAL = "http://localhost:3000"
SUBDOMAINS = "https://*.a.example"


class Url:
    """As settings libraries have an address."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return f"{self.text}/"


class Page(str, enum.Enum):
    FRONTEND = A


#: What stands in a variable → the entries that are meant.
IN_A_VARIABLE: dict[str, tuple[str, list[str]]] = {
    "single quotes that Docker keeps": (f"'{A}'", [A]),
    "quotes around several": (f"'{A}, {B}'", [A, B]),
    "escaped quotes": (rf"\"{A}\"", [A]),
    "quotes around each": (f'"{A}","{B}"', [A, B]),
    "double quotes that a file keeps": (f'"{A}, {B}"', [A, B]),
    "a comment": (f"{A} # production", [A]),
    "a comment with commas": (f"{A}, {B} # production, staging", [A, B]),
    "a line that is a comment": (f"{A}\n# https://old.example", [A]),
    "an expression and a comment": (r"regex:https://pr-\d+\.a\.example # previews",
                                    [r"regex:https://pr-\d+\.a\.example"]),
    "lines of Windows": (f"{A}\r\n{B}\r\n", [A, B]),
    "a byte order mark": (f"\ufeff{A}", [A]),
    "a zero width space": (f"{A}\u200b,{B}", [A, B]),
    "typographic quotes": (f"\u201c{A}\u201d, \u2018{B}\u2019", [A, B]),
    "no-break spaces": (f"{A},\xa0{B}", [A, B]),
    "tabs": (f"{A}\t{B}", [A, B]),
    "line ends as two characters": (rf"{A}\n{B}", [A, B]),
    "pipes": (f"{A}|{B}", [A, B]),
    "commas that Helm escapes": (rf"{A}\,{B}", [A, B]),
    "words between": (f"{A} and {B}", [A, B]),
    "words between hosts": ("localhost:3000 or localhost:5173", [LOCAL, "http://localhost:5173"]),
    "remarks in brackets": (f"{A} (production), {B} (staging)", [A, B]),
    "a JSON list": (f'["{A}", "{B}"]', [A, B]),
    "a JSON list with a comma more": (f'["{A}",]', [A]),
    "a JSON list that is not closed": (f'["{A}", "{B}"', [A, B]),
    "JSON in JSON": (f'"[\\"{A}\\"]"', [A]),
    "a Python list": (f"['{A}', '{B}',]", [A, B]),
    "a YAML list in a line": (f"[{A}, {B}]", [A, B]),
    "a YAML list": (f"- {A}\n- {B}", [A, B]),
    "a YAML list with quotes": (f"- '{A}'\n- \"*.b.example\"", [A, "https://*.b.example"]),
    "a name before it": (f"CORS_ORIGINS={A},{B}", [A, B]),
    "export before it": (f"export FLASK_SIO_CORS_ORIGINS={A}", [A]),
    "Express's options": (f'{{"origin": ["{A}", "{LOCAL}"], "methods": ["GET"]}}', [A, LOCAL]),
    "Express's options as JavaScript": (f"{{ origin: ['{A}', '{LOCAL}'] }}", [A, LOCAL]),
    "Flask-CORS's resources": (f'{{"/api/*": {{"origins": "{A}"}}}}', [A]),
    "ports behind commas": ("http://localhost:3000,3001,https://a.example",
                            [LOCAL, "http://localhost:3001", A]),
    "ports in brackets": ("http://localhost:[3000,3001]", [LOCAL, "http://localhost:3001"]),
    "Spring's ports": (f"{SUBDOMAINS}:[*]", [f"{SUBDOMAINS}:*"]),
    "any port, without a scheme": ("localhost:*", ["http://localhost:*"]),
    "braces": ("https://{app,www}.a.example", ["https://app.a.example", "https://www.a.example"]),
    "a preview's host": ("https://*.pages.dev", ["https://*.pages.dev"]),
    "Django's ALLOWED_HOSTS": (".a.example", [SUBDOMAINS]),
    "a literal of JavaScript": (r"/\.a\.example$/", [SUBDOMAINS]),
    "a whole literal of JavaScript": (r"/^https:\/\/([a-z0-9-]+\.)?a\.example$/i", [A, SUBDOMAINS]),
    "a literal of Ruby": (r"%r{\Ahttps://.*\.a\.example\z}", [SUBDOMAINS]),
    "nginx's": (r"~^https://.*\.a\.example$", [SUBDOMAINS]),
    "Elixir's": ("//*.a.example", [SUBDOMAINS]),
    "a whole address": (f"{A}/socket.io/?EIO=4&transport=polling", [A]),
    "the socket's address": ("wss://a.example/socket.io/", [A]),
    "percent-encoded": ("https%3A%2F%2Fa.example", [A]),
    "a link of a chat": (f"<{A}|a.example>", [A]),
    "a link of Markdown": (f"[{A}]({A})", [A]),
    "a name in both spellings": ("https://bücher.example, https://xn--bcher-kva.example",
                                 ["https://xn--bcher-kva.example"]),
    "networks and addresses": ("192.168.0.0/16, 10.0.0.1:81",
                               ["http://192.168.0.0/16:*", "http://10.0.0.1:81"]),
    "addresses of version 6": ("::1, [::1]:3000", ["http://[::1]", "http://[::1]:3000"]),
    "a slash and a full stop": (f"{A}/, {B}.", [A, B]),
    "an underscore": ("https://my_app.a.example", ["https://my_app.a.example"]),
    "a star in quotes": ("'*'", ["*"]),
    "a star in brackets": ("[*]", ["*"]),
    "null in upper case": ("NULL", ["null"]),
    "commas that are percent-encoded": (f"{A}%2C{B}", [A, B]),
    "names and values": (f"prod={A},staging={B}", [A, B]),
    "an object of names": (f'{{"prod": "{A}", "dev": "{LOCAL}"}}', [A, LOCAL]),
    "a range of ports": ("http://localhost:[3000-3002]", [LOCAL, "http://localhost:3001",
                                                          "http://localhost:3002"]),
    "RegExp of JavaScript": (r'new RegExp("\.a\.example$")', [SUBDOMAINS]),
    "an ellipsis": (f"{A}…", [A]),
    "a scheme that is made harmless": ("hxxps://a.example", [A]),
    "a Python set": (f"{{'{A}', '{B}'}}", [A, B]),
    "a call of Terraform": (f'jsonencode(["{A}", "{B}"])', [A, B]),
    "an argument of Python": (f"cors_allowed_origins=['{A}', '{B}']", [A, B]),
    "PowerShell's": (f'$env:FLASK_SIO_CORS_ORIGINS="{A}"', [A]),
    "IIS's": (f'<add name="Access-Control-Allow-Origin" value="{A}" />', [A]),
    "Apache's": (f'Header set Access-Control-Allow-Origin "{A}"', [A]),
    "nginx's header": (f"add_header Access-Control-Allow-Origin {A} always;", [A]),
    "a class with one dot": (r"https://a[.]example", [A]),
    "a part of a network": ("http://192.168.1.[10-11]:81", ["http://192.168.1.10/31:81"]),
    "a scheme twice": ("https://https://a.example", [A]),
    "a service of Compose": ("frontend:3000", ["http://frontend:3000"]),
    "an address and its mask": ("192.168.0.0 255.255.0.0", ["http://192.168.0.0/16:*"]),
    "a mask behind a slash": ("192.168.0.0/255.255.0.0, https://a.example",
                              ["http://192.168.0.0/16:*", A]),
    "Cisco's mask": ("192.168.0.0 netmask 255.255.0.0", ["http://192.168.0.0/16:*"]),
    "a range within an address": ("172.16-31.*.*", ["http://172.16.0.0/12:*"]),
    "such a range in a URL": ("http://172.16-31.*.*:3000", ["http://172.16.0.0/12:3000"]),
    "a range over networks": ("10.0.0.1-10.0.255.254", ["http://10.0.0.0/16:*"]),
    "a typographic range": ("192.168.1.1\u2013254", ["http://192.168.1.0/24:*"]),
    "two networks": ("192.168.1.0/24 10.0.0.0/8",
                     ["http://192.168.1.0/24:*", "http://10.0.0.0/8:*"]),
    "three bytes": ("192.168.1", ["http://192.168.1.0/24:*"]),
    "Apache's Require ip": ("192.168.", ["http://192.168.0.0/16:*"]),
    "one byte": ("10.", ["http://10.0.0.0/8:*"]),
    "a mapped address of a log": ("::ffff:192.168.1.1", ["http://192.168.1.1"]),
    "a comma for a dot": ("https://a,com", ["https://a.com"]),
    "a comma for a dot, among others": (f"{A}, https://www.b,co.uk:8443, {B}",
                                        [A, "https://www.b.co.uk:8443", B]),
    "commas between machines": ("http://localhost:3000,http://pi", [LOCAL, "http://pi"]),
    "commas before a short name": (f"{A},pi:5000", [A, "http://pi:5000"]),
    "a full-width colon": ("http\uff1a//localhost:3000", [LOCAL]),
    "a full-width port": ("http://localhost\uff1a\uff13\uff10\uff10\uff10", [LOCAL]),
    "full-width letters": ("\uff48\uff54\uff54\uff50\uff53://a.example", [A]),
    "a full-width comma": (f"{A}\uff0c{B}", [A, B]),
    "a numbered list": (f"1. {A}\n2. {B}", [A, B]),
    "s in brackets": ("http[s]://a.example", [A, "http://a.example"]),
    "either scheme": ("http|https://a.example", [A, "http://a.example"]),
    "any scheme at home": ("*://localhost", ["http://localhost", "https://localhost"]),
    "any scheme, any port": ("*://*.a.example:*", [f"{SUBDOMAINS}:*"]),
    "the names of a router": ("*.fritz.box, pi.home.arpa", ["http://*.fritz.box",
                                                           "http://pi.home.arpa"]),
    "a list of YAML's": (f"list({A})", [A]),
    "an app's scheme and host": ("capacitor:localhost", ["capacitor://localhost"]),
    "an app's scheme alone": ("tauri://", ["tauri://localhost"]),
    "Qt's": ("qrc:///", ["qrc://"]),
    "a colon twice": ("https://a.example::3000", [f"{A}:3000"]),
}  # fmt: skip

#: What nobody has filled in: one message says so.
UNFILLED: tuple[str, ...] = (
    "process.env.FRONTEND_URL", "import.meta.env.VITE_ORIGIN", "${FRONTEND_URL}", "$(FRONTEND_URL)",
    "${FRONTEND_URL:-https://a.example}", "$FRONTEND_URL", "{{ .Values.origin }}", "{{ origin }}",
    "${{ secrets.ORIGIN }}", "<%= ENV['ORIGIN'] %>", "https://<your-domain>", "https://YOUR_DOMAIN",
    "%ORIGIN%", 'os.environ["ORIGIN"]', "https://{tenant}.a.example", "https://example.com:${PORT}",
    "https://:tenant.a.example", "@ORIGIN@", "#{ORIGIN}", "[[ORIGIN]]", "__ORIGIN__", "CHANGEME",
    "TODO", "your-domain.com",
    "https://www.yourdomain.com", "<your frontend url>", "http://localhost:PORT",
    "http://localhost:port", "http://localhost:YOUR_PORT", "chrome-extension://EXTENSION_ID",
    "chrome-extension://your-extension-id", "chrome-extension://<id>",
)  # fmt: skip

#: What stands in Python, or in a file that Flask reads → the entries that are meant.
IN_PYTHON: dict[str, tuple[Any, list[str]]] = {
    "a comma that is missing": ([A + B, "http://localhost:3000https://b.example"], [A, B, LOCAL]),
    "a text that was split": (f"{A}, {B}".split(","), [A, B]),
    "nothing that was split": ("".split(","), []),
    "a variable that is not set": ([None, A], [A]),
    "the keys of a dict": ({A: 1, B: 2}.keys(), [A, B]),
    "a queue": (deque([A, B]), [A, B]),
    "an address of a library": ([Url(A), B], [A, B]),
    "an address alone": (Url(A), [A]),
    "a member of an Enum": ([Page.FRONTEND], [A]),
    "Flask-CORS's resources": ({r"/api/*": {"origins": [A, B]}}, [A, B]),
    "Express's options": ({"origin": A, "methods": ["GET"]}, [A]),
    "Starlette's options": ({"allow_origins": [A], "allow_origin_regex": r"https://.*\.b\.example"},
                            [A, "https://*.b.example"]),
    "lists by name": ({"web": [A], "app": [B]}, [A, B]),
    "a text that list() took apart": (list(A), [A]),
    "texts that a star took apart": ([*f"{A},{B}"], [A, B]),
    "what urllib has parsed": ([urlsplit(f"{A}/chat")], [A]),
    "bytes": (f"{A}/".encode(), [A]),
    "bytes in a list": ([f"{A}/".encode()], [A]),
    "an address of ipaddress": ([ip_address("192.168.1.5")], ["http://192.168.1.5"]),
    "a network of ipaddress": ([ip_network("10.0.0.0/8")], ["http://10.0.0.0/8:*"]),
    "a list in a list": ([[A, B]], [A, B]),
    "a tuple": ((A, f"{B}/"), [A, B]),
    "a set": ({A}, [A]),
    "several in one text of a list": ([f"{A}, {B}"], [A, B]),
    "Django's expressions": ([r"^https://\w+\.a\.example$"], [SUBDOMAINS]),
}  # fmt: skip
