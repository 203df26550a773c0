"""A panel of a saved dashboard as the `_search` that Kibana or OpenSearch Dashboards would send for it.

Comes in: the attributes of a Lens panel, or the state of a classic visualization, and a time range. Goes out: the
body, the levels of its buckets, and its columns. Whatever is not known here is an error and never left out.
"""

import re

DAY = 86400

# --- KQL ----------------------------------------------------------------------------------------------------------

TOKEN = re.compile(r'\s*(?:(?P<sign><=|>=|[:<>()])|"(?P<phrase>(?:\\.|[^"\\])*)"|(?P<word>(?:\\.|[^\s:<>()"])+))')


class Kql:
    """As much of the language as the shipped objects use; anything else is an error."""

    def __init__(self, text):
        self.tokens, at = [], 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if not found:
                raise SystemExit(f"this is no KQL that is known here: {text[at:]}")
            self.tokens.append((found.lastgroup, found.group(found.lastgroup)))
            at = found.end()

    def peek(self, *wanted):
        return bool(self.tokens) and self.tokens[0][0] != "phrase" and self.tokens[0][1].lower() in wanted

    def whole(self):
        query = self.either() if self.tokens else {"match_all": {}}
        if self.tokens:
            raise SystemExit(f"this is left over of a KQL: {self.tokens}")
        return query

    def either(self):
        parts = [self.both()]
        while self.peek("or"):
            self.tokens.pop(0)
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}

    def both(self):
        parts = [self.one()]
        while self.peek("and"):
            self.tokens.pop(0)
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}

    def one(self):
        if self.peek("not"):
            self.tokens.pop(0)
            return {"bool": {"must_not": [self.one()]}}
        if self.peek("("):
            self.tokens.pop(0)
            inner = self.either()
            self.tokens.pop(0)
            return inner
        (_, field), (_, sign), (kind, value) = self.tokens[:3]
        del self.tokens[:3]
        if sign != ":":
            name = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}[sign]
            return {"range": {field: {name: value}}}
        if kind == "phrase":
            return {"match_phrase": {field: value}}
        if value == "*":
            return {"exists": {"field": field}}
        if "*" in value:
            return {"query_string": {"fields": [field], "query": value.replace("-", "\\-")}}
        return {"match": {field: value}}


# --- A panel as a search ------------------------------------------------------------------------------------------


def span(since, shift=0):
    """The time range of a dashboard, and the same earlier."""
    back = f"-{shift}s" if shift else ""
    return {"range": {"@timestamp": {"gte": since + back, "lte": "now" + back}}}


def over_time():
    # What `auto` comes to over seven days.
    return {"date_histogram": {"field": "@timestamp", "fixed_interval": "3h", "time_zone": "UTC", "min_doc_count": 1}}


def latest(field):
    return {"top_hits": {
        "size": 1, "sort": [{"@timestamp": {"order": "desc"}}], "_source": field, "docvalue_fields": [{"field": field}],
    }}


def terms(field, params, order_by):
    asked = {"field": field, "size": params["size"], "order": {order_by or "_count": params["order"]}}
    if params["only"]:
        asked["include"] = params["only"]
    return {"terms": asked}


def nested(levels, metrics, ordering):
    """The buckets inside each other, the metrics innermost, and what orders a level on that level too."""
    aggs = metrics
    for name, agg in reversed(levels):
        aggs = {name: {**agg, "aggs": {**{id: metrics[id] for id in ordering.get(name, ())}, **aggs}}}
    return aggs


def lens_search(attributes, since):
    """What Lens asks for a panel: the body, the levels of rows, the columns, and the shifts in time."""
    (layer,) = attributes["state"]["datasourceStates"]["formBased"]["layers"].values()
    levels, metrics, ordering, shifts, counts = [], {}, {}, set(), set()
    for id in layer["columnOrder"]:
        column = layer["columns"][id]
        operation, field, params = column["operationType"], column["sourceField"], column["params"]
        if operation == "date_histogram":
            levels.append((id, over_time()))
            continue
        if operation == "terms":
            by = params["orderBy"]["columnId"]
            plain = layer["columns"][by]["operationType"] == "count" and "filter" not in layer["columns"][by]
            only = params["include"][0] if params["includeIsRegex"] else ""
            said = {"size": params["size"], "order": params["orderDirection"], "only": only}
            levels.append((id, terms(field, said, "" if plain else by)))
            ordering[id] = [] if plain else [by]
            continue
        if "timeShift" in column:
            shifts.add(column["timeShift"])
            continue
        inner = {
            "count": lambda: None, "unique_count": lambda: {"cardinality": {"field": field}},
            "min": lambda: {"min": {"field": field}}, "max": lambda: {"max": {"field": field}},
            "last_value": lambda: latest(field),
        }[operation]()
        if "filter" in column:
            kept = {"filter": Kql(column["filter"]["query"]).whole()}
            metrics[id] = {**kept, "aggs": {"of": inner}} if inner else kept
        elif inner:
            metrics[id] = inner
        else:
            counts.add(id)
    aggs, times = nested(levels, metrics, ordering), [span(since)]
    if shifts:
        if shifts != {"1d"}:
            raise SystemExit(f"a shift of {shifts} is not known here")
        times.append(span(since, DAY))
        split = {"filters": {"filters": {"regular": times[0], "86400000": times[1]}}, "aggs": aggs}
        levels, aggs = [("time_offset_split", None), *levels], {"time_offset_split": split}
    asked = [{"bool": {"should": times}}, Kql(attributes["state"]["query"]["query"]).whole()]
    return {"size": 0, "query": {"bool": {"filter": asked}}, "aggs": aggs}, [name for name, _ in levels], set(metrics)


def classic_search(state, query, since):
    """The same for a classic visualization, whose aggregations are nearly those of the server."""
    levels, metrics, ordering, kinds = [], {}, {}, {}
    for agg in state["aggs"]:
        id, params = agg["id"], agg["params"]
        kinds[id] = agg["type"]
        if agg["type"] == "date_histogram":
            levels.append((id, over_time()))
        elif agg["type"] == "terms":
            by = params["orderBy"]
            plain = kinds[by] == "count"
            said = {"size": params["size"], "order": params["order"], "only": params.get("include", "")}
            levels.append((id, terms(params["field"], said, "" if plain else by)))
            ordering[id] = [] if plain else [by]
        elif agg["type"] == "top_hits":
            metrics[id] = latest(params["field"])
        elif agg["type"] != "count":
            metrics[id] = {agg["type"]: {"field": params["field"]}}
    asked = [span(since), Kql(query).whole()]
    body = {"size": 0, "query": {"bool": {"filter": asked}}, "aggs": nested(levels, metrics, ordering)}
    return body, [name for name, _ in levels], set(metrics)
