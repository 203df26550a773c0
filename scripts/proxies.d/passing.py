"""What passes through the proxy: requests and answers, unchanged."""

import collections, contextlib, http.client, json, socket, subprocess, threading

from parts import ROOT, Proxy, exchange, report, wait_for
from told import header, hold, reports_in


def browsers_pass(kind, bench):
    """Every captured request becomes the same answer and the same record with and without proxy."""
    straight, behind = bench.edge("straight"), bench.edge("behind")
    proxy = bench.proxy(kind, behind)
    answers = []
    captures = [json.loads(line) for line in open(ROOT / "tests/captures/browsers.jsonl")]
    for client, capture in enumerate(captures):
        target = "/csp/shop" + capture["path"].replace("/", "?n=", 1)
        headers = capture["headers"]
        request = (capture["method"], target, headers, capture["body"].encode())
        one = exchange(http.client.HTTPConnection("127.0.0.1", straight.port), *request)
        two = exchange(proxy.connect(client), *request)
        answers.append((one[0] == two[0] and one[2] == two[2], one[0], capture["method"]))
        for name in (
            "access-control-allow-origin",
            "access-control-allow-methods",
            "access-control-max-age",
            "content-type",
            "x-content-type-options",
        ):
            answers[-1] = (answers[-1][0] and header(one[1], name) == header(two[1], name), *answers[-1][1:])
    told = collections.Counter(f"{method} {status}" for _, status, method in answers)
    hold(
        all(same for same, *_ in answers),
        f"{len(answers)} captured requests: same status, body and CORS headers; {dict(told)}",
    )
    one, two = straight.records(), behind.records()
    hold(len(one) > 0 and one == two, f"{len(one)} records without, {len(two)} with the proxy: equal")


def bytes_pass(kind, bench):
    """What the upstream gets, byte for byte, of a request that invites tidying up."""
    server = socket.create_server(("127.0.0.1", 0))
    heard = []

    def hear(stream):
        with stream, stream.makefile("rb") as lines:
            while line := lines.readline():
                head = [line]
                while (line := lines.readline()).strip():
                    head.append(line)
                length = sum(
                    int(field.split(b":")[1])
                    for field in head
                    if field.lower().startswith(b"content-length:")
                )
                heard.append((head, lines.read(length)))
                stream.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                    if b"/readyz" in head[0]
                    else b"HTTP/1.1 204 No Content\r\n\r\n"
                )

    def hear_out(stream):
        with contextlib.suppress(OSError):  # A health check hangs up as it likes.
            hear(stream)

    def listen():
        with contextlib.suppress(OSError):  # Closed at the end.
            while True:
                threading.Thread(target=hear_out, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    port = server.getsockname()[1]
    proxy = Proxy(kind, bench.folder, bench.certificate, [(port, port)])
    body = bytes(range(256)) + "\u00e9\u2028".encode()
    targets = [
        "/csp/shop?enforce=1",
        "/csp/shop/?a=%2F..%20b&&c=d;e?f",
        "/csp//shop",
        "/api/7/security/?sentry_key=x%26y",
    ]
    for target in targets:
        for method in ("POST", "OPTIONS"):
            agent = "Mozilla/5.0 (X11; \u00fc) ~odd\t agent"
            proxy.post(
                body if method == "POST" else b"",
                target,
                {
                    "User-Agent": agent.encode("latin-1"),
                    "Content-Type": "application/csp-report",
                    "Origin": "null",
                    "Cookie": "session=secret",
                    "Authorization": "Basic c2VjcmV0",
                    "X-Odd_Name": "1",
                },
                method=method,
            )
    asked = [
        (head, body) for head, body in heard if b"/readyz" not in head[0] and b"odd\t agent" in b"".join(head)
    ]
    lines = [head[0] for head, _ in asked]
    hold(
        lines == [f"{m} {t} HTTP/1.1\r\n".encode() for t in targets for m in ("POST", "OPTIONS")],
        "method, path and query as they were sent",
    )
    hold(
        all(got == (body if head[0].startswith(b"POST") else b"") for head, got in asked),
        "bodies as they were sent",
    )
    values = [
        line.split(b":", 1)[1].strip()
        for head, _ in asked
        for line in head
        if line.lower().startswith(b"user-agent:")
    ]
    hold(
        len(values) == len(asked) and set(values) == {agent.encode("latin-1")},
        f"User-Agent as it was sent: {set(values)}",
    )
    names = b"".join(line.lower() for head, _ in asked for line in head)
    hold(
        b"cookie" not in names and b"authorization" not in names and b"forwarded" not in names,
        "no cookie, password or client address reaches the edge",
    )
    proxy.stop()
    server.close()


def answers_pass(kind, bench):
    """Each answer of the edge through the proxy, and those that the proxy gives itself."""
    edge = bench.edge("answers", '[http.apps]\nretired = ["old"]\n')
    proxy = bench.proxy(kind, edge)
    many = json.dumps([{"type": "csp-violation", "body": {}}] * 101).encode()
    cases = [
        (204, "POST", "/csp/shop", report(1)),
        (204, "OPTIONS", "/csp/shop", b""),
        (400, "POST", "/csp/shop", b'{"csp-report":'),
        (404, "POST", "/nothing", b"{}"),
        (405, "PUT", "/csp/shop", b"{}"),
        (410, "POST", "/csp/old", report(1)),
        (413, "POST", "/csp/shop", many),
        (414, "POST", "/csp/shop?" + "x" * 3000, b"{}"),
    ]
    for status, method, target, body in cases:
        got, headers, content = proxy.post(body, target, method=method)
        once = header(headers, "access-control-allow-origin") == ["*"]
        right = got == status and once and bool(content) == (status != 204)
        hold(right, f"{status}: {method} {target[:12]}, CORS once, {content.decode().strip()[:50]!r}")
    got, headers, _ = proxy.post(report(1), headers={"Content-Encoding": "gzip"})
    hold(got == 415 and header(headers, "accept-encoding") == ["identity"], "415 with Accept-Encoding")
    padded = lambda size: report(1) + b" " * (size - len(report(1)))
    before = edge.metric("cspipe_reports_received_total")
    hold(proxy.post(padded(524288))[0] == 204, "204: a body of exactly 512 KiB")
    got, headers, content = proxy.post(padded(524289))
    hold(
        got == 413 and header(headers, "access-control-allow-origin") == ["*"],
        f"413: one byte more, CORS once, {content.decode().strip()!r}",
    )
    hold(edge.metric("cspipe_reports_received_total") == before + 1, "it did not reach the edge")
    connection = proxy.connect()
    connection.request("POST", "/csp/shop", (padded(65536) for _ in range(9)), encode_chunked=True)
    answer = connection.getresponse()
    hold(answer.status == 413, "413: the same without a length")
    curl = subprocess.run(
        [
            "curl",
            "-sk",
            "--http2",
            "-D",
            "-",
            f"https://127.0.0.1:{proxy.port}/csp/shop",
            "-H",
            "Content-Type: application/csp-report",
            "--data-binary",
            report(2).decode(),
        ],
        capture_output=True,
        text=True,
    ).stdout
    hold(
        curl.startswith("HTTP/2 204") and curl.lower().count("access-control-allow-origin") == 1,
        "HTTP/2 to the client: 204, CORS once",
    )


def busy_passes(kind, bench):
    """A real 503: the memory for bodies of one of two edges is taken by one slow body."""
    full, free = bench.edge(
        "full", '[http]\nmax_in_flight = "512 KiB"\nretry_after = "7s"\nbody_timeout = "60s"\n'
    ), bench.edge("free")
    with socket.create_connection(("127.0.0.1", full.port)) as slow:
        slow.sendall(b"POST /csp/shop HTTP/1.1\r\nHost: a\r\nContent-Length: 524288\r\n\r\n{")
        wait_for("the slow body to be counted", lambda: full.metric("cspipe_http_in_flight_bytes") >= 524288)
        proxy = bench.proxy(kind, full, free)
        noise = full.metric('cspipe_http_responses_total{code="503"}')
        stored = reports_in(free)
        got = [proxy.post(report(n), client=n) for n in range(60)]
        codes = collections.Counter(status for status, *_ in got)
        busy = [headers for status, headers, _ in got if status == 503]
        hold(
            codes[503] > 0 and codes[204] > 0 and codes[503] + codes[204] == 60,
            f"one edge of two has no room: {dict(codes)}",
        )
        hold(
            all(
                header(h, "retry-after") == ["7"] and header(h, "access-control-allow-origin") == ["*"]
                for h in busy
            ),
            "503 with the edge's own Retry-After, CORS once",
        )
        hold(
            all(b"no edge" not in content for _, _, content in got),
            f"with the edge's words: {[c for s, _, c in got if s == 503][:1]}",
        )
        hold(
            full.metric('cspipe_http_responses_total{code="503"}') - noise == codes[503]
            and reports_in(free) - stored == codes[204],
            "no 503 was tried on the other edge, nothing is there twice",
        )
    free.stop(), full.stop()
    if kind == "haproxy":
        wait_for("both edges to be down", lambda: b"no edge" in proxy.post(b"", method="OPTIONS")[2])
    got, headers, content = proxy.post(report(1))
    hold(
        got == 503
        and header(headers, "retry-after") == ["5"]
        and header(headers, "access-control-allow-origin") == ["*"],
        f"no edge at all: 503 with Retry-After and CORS, {content.decode().strip()!r}",
    )
