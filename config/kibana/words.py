"""The words in which `dashboards.py` says what it wants, and nothing of Kibana's.

Plain data: two writers, `lens.py` and `classic.py`, turn the same declaration into the objects of two products.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class View:
    """A data view: which data streams, under which name."""

    id: str
    name: str
    streams: str


@dataclass(frozen=True)
class Rows:
    """The values of a field, one row or one colour each."""

    field: str
    label: str
    size: int = 10
    by: int = 0  # the place of the metric that orders them
    order: str = "desc"
    only: str = ""  # a regular expression that a value must match


@dataclass(frozen=True)
class Metric:
    """A number, a time or a text of a row; `where` narrows it by KQL, which Kibana alone can do."""

    kind: str  # count, unique, first, last, latest
    label: str
    field: str = ""
    where: str = ""
    shift: str = ""


@dataclass(frozen=True)
class Panel:
    """What is drawn: the question, what to know before one believes the answer, and how it is asked."""

    key: str
    title: str
    description: str
    kind: str  # number, table, time, bars, share, text, search
    view: View | None = None
    metrics: tuple[Metric, ...] = ()
    rows: tuple[Rows, ...] = ()
    query: str = ""
    shape: str = "stacked"  # stacked, percent, line
    text: str = ""
    search: str = ""


@dataclass(frozen=True)
class Search:
    """A saved search: the columns that an engineer wants first."""

    id: str
    title: str
    description: str
    view: View
    columns: tuple[str, ...]
    query: str = ""
    since: str = ""


@dataclass(frozen=True)
class Dashboard:
    """Panels in lines of one height; the widths of a line come to 48."""

    id: str
    title: str
    description: str
    since: str
    controls: tuple[tuple[str, str], ...]
    view: View
    lines: tuple[tuple[int, tuple[tuple[int, Panel], ...]], ...] = field(default=())

    def placed(self):
        """Every panel with its place on the grid."""
        y = 0
        for height, line in self.lines:
            x = 0
            for width, panel in line:
                yield panel, {"x": x, "y": y, "w": width, "h": height, "i": panel.key}
                x += width
            if x != 48:
                raise SystemExit(f"{self.id}: a line is {x} wide, not 48")
            y += height
