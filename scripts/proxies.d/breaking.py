"""What happens as connections, edges and clients come to an end."""

import collections, http.client, re, signal, socket, threading, time

from parts import INSECURE, Proxy, address, connections_to, exchange, report, wait_for
from told import at_once, header, hold, reports_in


def connections_stay(kind, bench):
    """Many clients, few connections to the edge, and none that the edge gave up before."""
    edge = bench.edge("kept")
    proxy = bench.proxy(kind, edge)
    codes = collections.Counter(proxy.post(report(n), client=n)[0] for n in range(500))
    hold(
        codes == {204: 500} and connections_to(edge.port) <= 50,
        f"500 clients, a connection each: {connections_to(edge.port)} connections to the edge, {dict(codes)}",
    )
    codes = collections.Counter()
    for pause in (2.0, 3.0, 4.9, 5.0, 5.1):
        codes.update(at_once(proxy, 30))
        time.sleep(pause)
    hold(codes == {204: 150}, f"after pauses around http.head_timeout (5 s): {dict(codes)}")


def hosts_vanish(kind, bench):
    """Of two edges one does not even refuse; then one takes requests and answers none."""
    edge = bench.edge("there")
    with socket.create_server(("127.0.0.1", 0), backlog=0) as gone:
        # Its backlog is full: the kernel drops what else comes, as a host does that lost its power.
        waiting = []
        while True:
            waiting.append(socket.socket())
            waiting[-1].settimeout(0.5)
            try:
                waiting[-1].connect(gone.getsockname())
            except TimeoutError:
                break
        port = gone.getsockname()[1]
        proxy = Proxy(kind, bench.folder, bench.certificate, [(port, port), (edge.port, edge.private)])
        codes = at_once(proxy, 40)
        hold(codes == {204: 40}, f"a host that is gone: {dict(codes)}")
        proxy.stop()
        [one.close() for one in waiting]
    stuck = bench.edge("stuck")
    proxy = bench.proxy(kind, stuck, edge)
    before = reports_in(edge)
    stuck.child.send_signal(signal.SIGSTOP)
    codes = at_once(proxy, 20)
    stuck.child.send_signal(signal.SIGCONT)
    wait_for("the stuck edge to go on", lambda: stuck.metric("cspipe_http_in_flight_bytes") == 0)
    there, late = reports_in(edge) - before, reports_in(stuck)
    hold(
        codes[503] + codes[504] > 0 and codes[204] == there and there + late <= 20,
        f"an edge that hangs: {dict(codes)}; {there} stored by the other edge, {late} by the one that hung, none by both",
    )


def limits_hold(kind, bench):
    """What the proxy keeps away, and what it writes down."""
    edge = bench.edge("limits")
    proxy = bench.proxy(kind, edge)
    codes, whole = collections.Counter(), []
    connection = proxy.connect(7)
    for n in range(400):
        try:
            status, headers, _ = exchange(connection, "POST", "/csp/shop", {}, report(n), close=False)
        except (OSError, http.client.HTTPException):  # The proxy closes connections when it likes.
            connection = proxy.connect(7)
            status, headers, _ = exchange(connection, "POST", "/csp/shop", {}, report(n), close=False)
        codes.update([status])
        whole += [headers] if status == 429 else []
    hold(
        codes[204] >= 100
        and codes[429] > 0
        and set(codes) == {204, 429}
        and all(header(h, "access-control-allow-origin") == ["*"] for h in whole),
        f"400 requests at once from one address: {dict(codes)}, CORS once",
    )
    hold(proxy.post(report(1), client=8)[0] == 204, "another address is answered 204")
    for what, start in (
        ("half a head", b"POST /csp/shop HTTP/1.1\r\nHost: a\r\n"),
        ("half a body", b"POST /csp/shop HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"),
        ("nothing", b""),
    ):
        raw = socket.create_connection(("127.0.0.1", proxy.port), source_address=(address(9), 0))
        with INSECURE.wrap_socket(raw) as stream:
            stream.settimeout(30)
            stream.sendall(start) if start else None
            began, got, closed = time.monotonic(), b"", True
            try:
                while piece := stream.recv(4096):
                    got += piece
            except TimeoutError:
                closed = False
            except OSError:
                pass
        hold(
            closed,
            f"a client that sends {what} is cut off: after {time.monotonic() - began:.0f} s, {got[:12]!r}",
        )
    hold(edge.metric("cspipe_reports_received_total") == codes[204] + 1, "the edge saw nothing of them")
    logs = proxy.logs()
    hold(
        "204" in logs and not re.search(r"127\.1\.\d+\.\d+", logs),
        f"{len(logs.splitlines())} lines of logs, no client address in them; the last: {logs.splitlines()[-1]!r}",
    )


def edges_stop(kind, bench):
    """Of two edges under load one is stopped and started, then the other; then one is killed."""
    edges = [bench.edge("first"), bench.edge("second")]
    for how, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGKILL, "kill -9")):
        proxy = bench.proxy(kind, *edges)
        first = [reports_in(edge) for edge in edges]
        over, codes, sent, lock = threading.Event(), collections.Counter(), [], threading.Lock()

        def load(worker):
            connection, n = proxy.connect(worker), 0
            while not over.is_set():
                number = f"{name[:4]}-{worker}-{n}".replace(" ", "")
                try:
                    status = exchange(connection, "POST", "/csp/shop", {}, report(number), close=False)[0]
                except (OSError, http.client.HTTPException) as error:
                    status = type(error).__name__
                    connection.close()
                with lock:
                    codes.update([status])
                    sent.append((number, status))
                n += 1
                time.sleep(0.06)  # Below the limit for one address.

        workers = [threading.Thread(target=load, args=(n,)) for n in range(1, 25)]
        [worker.start() for worker in workers]
        time.sleep(1.5)
        for _ in range(2):
            for edge in edges:
                edge.stop(how)
                time.sleep(0.7)
                edge.start()
                time.sleep(3.5)
        over.set()
        [worker.join() for worker in workers]
        proxy.stop()
        found = collections.Counter(
            match[1]
            for edge in edges
            for row in edge.records()
            if (match := re.search(rf"/n({name[:4].strip()}-[\w-]+)\.js", row))
        )
        answered = {number for number, status in sent if status == 204}
        lost = len(answered - set(found))
        twice = sum(count - 1 for count in found.values())
        share = [reports_in(edge) - before for edge, before in zip(edges, first)]
        hold(
            lost == 0,
            f"{name} of each edge twice: {len(sent)} sent, answered {dict(codes)}; edges stored {share}; answered and lost {lost}; twice {twice}",
        )
        if how == signal.SIGTERM:
            hold(set(codes) == {204} and twice == 0, "every request was answered 204, none is there twice")
