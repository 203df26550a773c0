"""Writes the declaration as saved objects of OpenSearch Dashboards: classic visualizations, for it has no Lens.

The shapes are those of OpenSearch Dashboards 1.x to 3.x, whose objects are migrated by the rules of Kibana 7.10.
What a classic visualization cannot do is left out: a metric with a filter of its own, and a metric of the day
before. The panels that live by them keep the rest, and say so.
"""

import json

MIGRATED = {"index-pattern": "7.6.0", "search": "7.9.3", "visualization": "7.10.0", "dashboard": "7.9.3"}
SOURCE = "kibanaSavedObjectMeta.searchSourceJSON.index"
PREFIX = "cspipe-panel-"


def packed(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def saved_object(kind, id, attributes, references):
    return {
        "attributes": attributes, "id": id, "migrationVersion": {kind: MIGRATED[kind]}, "references": references,
        "type": kind,
    }


def kql(query):
    return {"query": query, "language": "kuery"}


def to_view(name, view):
    return {"id": view.id, "name": name, "type": "index-pattern"}


def source(query, view=None):
    """The search below an object, and its reference to the data view."""
    said = {"query": kql(query), "filter": []}
    if view:
        said["indexRefName"] = SOURCE
    return {"searchSourceJSON": packed(said)}, [to_view(SOURCE, view)] if view else []


def data_view(view):
    # No `fields`: they are read from the server when the view is first used.
    return saved_object("index-pattern", view.id, {"timeFieldName": "@timestamp", "title": view.streams}, [])


def saved_search(search):
    meta, references = source(search.query, search.view)
    attributes = {
        "columns": list(search.columns), "description": search.description, "hits": 0,
        "kibanaSavedObjectMeta": meta, "sort": [["@timestamp", "desc"]], "title": search.title, "version": 1,
    }
    return saved_object("search", search.id, attributes, references)


def metric_agg(id, metric):
    kinds = {"count": "count", "unique": "cardinality", "first": "min", "last": "max", "latest": "top_hits"}
    params = {"customLabel": metric.label}
    if metric.field:
        params["field"] = metric.field
    if metric.kind == "latest":
        params |= {"aggregate": "concat", "size": 1, "sortField": "@timestamp", "sortOrder": "desc"}
    return {"id": id, "enabled": True, "type": kinds[metric.kind], "params": params, "schema": "metric"}


def rows_agg(id, rows, schema, others):
    params = {
        "field": rows.field, "orderBy": str(rows.by + 1), "order": rows.order, "size": rows.size,
        "otherBucket": others, "otherBucketLabel": "Other", "missingBucket": False,
        "missingBucketLabel": "Missing", "customLabel": rows.label,
    }
    if rows.only:
        params["include"] = rows.only
    return {"id": id, "enabled": True, "type": "terms", "params": params, "schema": schema}


def time_agg(id):
    params = {
        "field": "@timestamp", "useNormalizedOpenSearchInterval": True, "scaleMetricValues": False,
        "interval": "auto", "drop_partials": False, "min_doc_count": 1, "extended_bounds": {},
    }
    return {"id": id, "enabled": True, "type": "date_histogram", "params": params, "schema": "segment"}


def axes(across, mode, label):
    """The parameters of every chart with two axes; `across` is where its categories stand."""
    along = {"bottom": "left", "left": "bottom"}[across]
    return {
        "type": "histogram", "grid": {"categoryLines": False},
        "categoryAxes": [{
            "id": "CategoryAxis-1", "type": "category", "position": across, "show": True, "style": {},
            "scale": {"type": "linear"}, "labels": {"show": True, "filter": across == "bottom", "truncate": 100},
            "title": {},
        }],
        "valueAxes": [{
            "id": "ValueAxis-1", "name": "LeftAxis-1" if along == "left" else "BottomAxis-1", "type": "value",
            "position": along, "show": True, "style": {}, "scale": {"type": "linear", "mode": mode},
            "labels": {"show": True, "rotate": 0, "filter": along == "bottom", "truncate": 100},
            "title": {"text": label},
        }],
        "seriesParams": [{
            "show": True, "type": "histogram", "mode": "stacked", "data": {"label": label, "id": "1"},
            "valueAxis": "ValueAxis-1", "drawLinesBetweenPoints": True, "lineWidth": 2, "showCircles": True,
        }],
        "addTooltip": True, "addLegend": True, "legendPosition": "right", "times": [], "addTimeMarker": False,
        "labels": {"show": False},
        "thresholdLine": {"show": False, "value": 10, "width": 1, "style": "full", "color": "#E7664C"},
    }


def drawn(panel, metrics):
    """The kind of visualization, the parameters that draw it, and the schemas of its buckets in their order."""
    if panel.kind == "number":
        return "metric", {
            "addTooltip": True, "addLegend": False, "type": "metric",
            "metric": {
                "percentageMode": False, "useRanges": False, "colorSchema": "Green to Red",
                "metricColorMode": "None", "colorsRange": [{"from": 0, "to": 10000}], "labels": {"show": True},
                "invertColors": False,
                "style": {"bgFill": "#000", "bgColor": False, "labelColor": False, "subText": "", "fontSize": 48},
            },
        }, []
    if panel.kind == "table":
        return "table", {
            "perPage": 10, "showPartialRows": False, "showMetricsAtAllLevels": False, "showTotal": False,
            "totalFunc": "sum", "percentageCol": "",
        }, ["bucket", "bucket"]
    if panel.kind == "share":
        return "pie", {
            "type": "pie", "addTooltip": True, "addLegend": True, "legendPosition": "right", "isDonut": True,
            "labels": {"show": True, "values": True, "last_level": True, "truncate": 100},
        }, ["segment"]
    if panel.kind == "bars":
        return "horizontal_bar", axes("left", "normal", metrics[0].label), ["segment", "group"]
    mode = "percentage" if panel.shape == "percent" else "normal"
    return "histogram", axes("bottom", mode, metrics[0].label), ["group"]


def visualization(panel):
    metrics = [metric for metric in panel.metrics if not metric.where and not metric.shift]
    left_out = len(metrics) < len(panel.metrics)
    description = panel.description + (" Not here: the columns of single days, which Kibana has." if left_out else "")
    kind, params, schemas = drawn(panel, metrics)
    aggs = [metric_agg(str(at + 1), metric) for at, metric in enumerate(metrics)]
    if panel.kind == "time":
        aggs.append(time_agg(str(len(aggs) + 1)))
    for rows, schema in zip(panel.rows, schemas):
        aggs.append(rows_agg(str(len(aggs) + 1), rows, schema, others=panel.kind in ("bars", "share")))
    meta, references = source(panel.query, panel.view)
    attributes = {
        "description": description, "kibanaSavedObjectMeta": meta, "title": panel.title, "uiStateJSON": "{}",
        "version": 1, "visState": packed({"title": panel.title, "type": kind, "aggs": aggs, "params": params}),
    }
    return saved_object("visualization", PREFIX + panel.key, attributes, references)


def markdown(panel):
    meta, _ = source("")
    params = {"fontSize": 12, "openLinksInNewTab": False, "markdown": panel.text}
    attributes = {
        "description": panel.description, "kibanaSavedObjectMeta": meta, "title": panel.title, "uiStateJSON": "{}",
        "version": 1,
        "visState": packed({"title": panel.title, "type": "markdown", "aggs": [], "params": params}),
    }
    return saved_object("visualization", PREFIX + panel.key, attributes, [])


def controls(dashboard):
    """The filters above the panels, which are a visualization of their own here."""
    listed = [
        {
            "id": f"{dashboard.id}-{field}", "fieldName": field, "parent": "", "label": title, "type": "list",
            "options": {"type": "terms", "multiselect": True, "dynamicOptions": True, "size": 5, "order": "desc"},
            "indexPatternRefName": f"control_{at}_index_pattern",
        }
        for at, (field, title) in enumerate(dashboard.controls)
    ]
    title = f"{dashboard.title} Filters"
    state = {"controls": listed, "updateFiltersOnChange": True, "useTimeFilter": True, "pinFilters": False}
    meta, _ = source("")
    attributes = {
        "description": "Filters all panels of the dashboard.", "kibanaSavedObjectMeta": meta, "title": title,
        "uiStateJSON": "{}", "version": 1,
        "visState": packed({"title": title, "type": "input_control_vis", "aggs": [], "params": state}),
    }
    references = [to_view(one["indexPatternRefName"], dashboard.view) for one in listed]
    return saved_object("visualization", f"{dashboard.id}-controls", attributes, references)


CONTROLS_HEIGHT = 8


def board(dashboard):
    """The dashboard, and the visualizations that it is made of."""
    filters = controls(dashboard)
    placed = [(filters, {"x": 0, "y": 0, "w": 48, "h": CONTROLS_HEIGHT})]
    made = [filters]
    for panel, place in dashboard.placed():
        place = {**place, "y": place["y"] + CONTROLS_HEIGHT}
        if panel.kind == "search":
            placed.append(({"id": panel.search, "type": "search", "attributes": {"title": panel.title}}, place))
            continue
        one = markdown(panel) if panel.kind == "text" else visualization(panel)
        made.append(one)
        placed.append((one, place))
    panels, references = [], []
    for at, (one, place) in enumerate(placed):
        name, title = f"panel_{at}", one["attributes"]["title"]
        panel = {
            "version": "7.10.0", "gridData": {**place, "i": str(at)}, "panelIndex": str(at), "title": title,
            "embeddableConfig": {"title": title}, "panelRefName": name,
        }
        panels.append(panel)
        references.append({"id": one["id"], "name": name, "type": one["type"]})
    meta, _ = source("")
    attributes = {
        "description": dashboard.description, "hits": 0, "kibanaSavedObjectMeta": meta,
        "optionsJSON": packed({"hidePanelTitles": False, "useMargins": True}), "panelsJSON": packed(panels),
        "refreshInterval": {"pause": True, "value": 60000}, "timeFrom": dashboard.since, "timeRestore": True,
        "timeTo": "now", "title": dashboard.title, "version": 1,
    }
    return [*made, saved_object("dashboard", dashboard.id, attributes, references)]


def objects(views, searches, dashboards):
    """All objects, each after those that it refers to."""
    listed = [data_view(view) for view in views] + [saved_search(search) for search in searches]
    for dashboard in dashboards:
        listed += board(dashboard)
    return listed


def summary(count):
    """The last line of an export."""
    return {"exportedCount": count, "missingRefCount": 0, "missingReferences": []}
