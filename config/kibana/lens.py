"""Writes the declaration as saved objects of Kibana 8.19, which 9.x takes too: dashboards with Lens by value.

What stands here was held against exports of Kibana 8.14 and 8.17, against the sample data that Kibana 9 brings
along, and against the definitions of Lens's operations. Nothing is used that came after 8.14, and no formula, no
colour mapping and no ES|QL, whose shapes changed between those versions.
"""

import json

# Real values of 8.14 and later; an object with a newer one than the server knows is refused, an older is migrated.
CORE = "8.8.0"
VERSIONS = {"index-pattern": "8.0.0", "search": "10.5.0", "dashboard": "10.2.0"}


def packed(value):
    """JSON within JSON, as Kibana keeps what it does not want mapped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def saved_object(kind, id, attributes, references):
    return {
        "attributes": attributes, "coreMigrationVersion": CORE, "id": id, "managed": False,
        "references": references, "type": kind, "typeMigrationVersion": VERSIONS[kind],
    }


def kql(query):
    return {"query": query, "language": "kuery"}


def to_view(name, view):
    return {"id": view.id, "name": name, "type": "index-pattern"}


def data_view(view):
    attributes = {
        "allowHidden": False, "fieldAttrs": "{}", "fieldFormatMap": "{}", "fields": "[]", "name": view.name,
        "runtimeFieldMap": "{}", "sourceFilters": "[]", "timeFieldName": "@timestamp", "title": view.streams,
    }
    return saved_object("index-pattern", view.id, attributes, [])


def saved_search(search):
    at = "kibanaSavedObjectMeta.searchSourceJSON.index"
    attributes = {
        "columns": list(search.columns), "description": search.description, "grid": {}, "hideChart": False,
        "isTextBasedQuery": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": packed({
            "query": kql(search.query), "filter": [], "indexRefName": at, "highlightAll": True, "version": True,
        })},
        "sort": [["@timestamp", "desc"]], "timeRestore": bool(search.since), "title": search.title,
    }
    if search.since:
        attributes["timeRange"] = {"from": search.since, "to": "now"}
    return saved_object("search", search.id, attributes, [to_view(at, search.view)])


def named(label):
    """A label as the id of a column."""
    return "".join(c if c.isalnum() else "_" for c in label.lower())


def metric_column(metric, types):
    kinds = {
        "count": ("count", "number"), "unique": ("unique_count", "number"),
        "first": ("min", "date"), "last": ("max", "date"), "latest": ("last_value", types.get(metric.field, "string")),
    }
    operation, data = kinds[metric.kind]
    column = {
        "label": metric.label, "customLabel": True, "dataType": data, "operationType": operation,
        "isBucketed": False, "scale": "ordinal" if data == "string" else "ratio",
        "sourceField": metric.field or "___records___", "params": {"emptyAsNull": False},
    }
    if metric.kind == "latest":
        # Array values are read by top_hits, which every server has; a field that may be absent needs its filter.
        column["params"] = {"sortField": "@timestamp", "showArrayValues": True}
        column["filter"] = kql(f"{metric.field}: *")
    if metric.kind in ("first", "last"):
        column["params"] = {"emptyAsNull": True}
    if metric.where:
        column["filter"] = kql(metric.where)
    if metric.shift:
        column["timeShift"] = metric.shift
    return column


def rows_column(rows, metrics, others):
    return {
        "label": rows.label, "customLabel": True, "dataType": "string", "operationType": "terms",
        "scale": "ordinal", "sourceField": rows.field, "isBucketed": True,
        "params": {
            "size": rows.size, "orderBy": {"type": "column", "columnId": metrics[rows.by]},
            "orderDirection": rows.order, "otherBucket": others, "missingBucket": False,
            "parentFormat": {"id": "terms"}, "include": [rows.only] if rows.only else [], "exclude": [],
            "includeIsRegex": bool(rows.only), "excludeIsRegex": False,
        },
    }


TIME = {
    "label": "@timestamp", "dataType": "date", "operationType": "date_histogram", "sourceField": "@timestamp",
    "isBucketed": True, "scale": "interval",
    "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
}
ALL_AXES = {"x": True, "yLeft": True, "yRight": True}


def chart(panel, layer, buckets, metrics):
    """What draws the table that the columns give, and its name."""
    if panel.kind == "number":
        return "lnsMetric", {"layerId": layer, "layerType": "data", "metricAccessor": metrics[0]}
    if panel.kind == "table":
        columns = [{"columnId": id, "isTransposed": False, "isMetric": False} for id in buckets]
        columns += [{"columnId": id, "isTransposed": False, "isMetric": True} for id in metrics]
        return "lnsDatatable", {
            "layerId": layer, "layerType": "data", "columns": columns, "paging": {"size": 10, "enabled": True},
        }
    if panel.kind == "share":
        return "lnsPie", {"shape": "donut", "layers": [{
            "layerId": layer, "layerType": "data", "primaryGroups": buckets, "metrics": metrics,
            "numberDisplay": "percent", "categoryDisplay": "default", "legendDisplay": "default",
            "nestedLegend": False,
        }]}
    series = {"line": "line", "percent": "bar_percentage_stacked", "stacked": "bar_stacked"}[panel.shape]
    if panel.kind == "bars":
        series = "bar_horizontal_stacked"
    drawn = {
        "layerId": layer, "layerType": "data", "seriesType": series, "xAccessor": buckets[0], "accessors": metrics,
        "position": "top", "showGridlines": False, "palette": {"name": "default", "type": "palette"},
    }
    if len(buckets) > 1:
        drawn["splitAccessor"] = buckets[1]
    return "lnsXY", {
        "legend": {"isVisible": True, "position": "right"}, "valueLabels": "hide", "fittingFunction": "None",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": True},
        "tickLabelsVisibilitySettings": ALL_AXES, "gridlinesVisibilitySettings": ALL_AXES,
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0}, "preferredSeriesType": series, "layers": [drawn],
    }


def lens(panel, types):
    """The attributes of one Lens panel, with its reference to the data view."""
    layer = f"{panel.key}-layer"
    metrics = [named(metric.label) for metric in panel.metrics]
    buckets = ["time"] if panel.kind == "time" else []
    columns = {"time": TIME} if buckets else {}
    for rows in panel.rows:
        id = named(rows.label)
        buckets.append(id)
        columns[id] = rows_column(rows, metrics, others=panel.kind != "table")
    columns.update((id, metric_column(metric, types)) for id, metric in zip(metrics, panel.metrics))
    if len(columns) != len(buckets) + len(metrics):
        raise SystemExit(f"{panel.key}: two columns of one name")
    name, drawn = chart(panel, layer, buckets, metrics)
    data = {"columns": columns, "columnOrder": buckets + metrics, "incompleteColumns": {}, "sampling": 1}
    return {
        "title": panel.title, "description": panel.description, "visualizationType": name, "type": "lens",
        "references": [to_view(f"indexpattern-datasource-layer-{layer}", panel.view)],
        "state": {
            "visualization": drawn, "query": kql(panel.query), "filters": [],
            "datasourceStates": {
                "formBased": {"layers": {layer: data}}, "indexpattern": {"layers": {}}, "textBased": {"layers": {}},
            },
            "internalReferences": [], "adHocDataViews": {},
        },
    }


def placed_panel(panel, place, types):
    """A panel on its place, and what the dashboard must refer to for it."""
    said = {
        "title": panel.title, "description": panel.description, "hidePanelTitles": panel.kind == "text",
        "enhancements": {},
    }
    at = {"panelIndex": panel.key, "gridData": place, "title": panel.title}
    if panel.kind == "search":
        name = f"panel_{panel.key}"
        reference = {"id": panel.search, "name": f"{panel.key}:{name}", "type": "search"}
        return {"type": "search", "embeddableConfig": said, "panelRefName": name, **at}, [reference]
    if panel.kind == "text":
        text = {
            "id": "", "title": panel.title, "description": panel.description, "type": "markdown",
            "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": panel.text}, "uiState": {},
            "data": {"aggs": [], "searchSource": {"query": kql(""), "filter": []}},
        }
        return {"type": "visualization", "embeddableConfig": {"savedVis": text, **said}, **at}, []
    attributes = lens(panel, types)
    references = [{**one, "name": f"{panel.key}:{one['name']}"} for one in attributes["references"]]
    return {"type": "lens", "embeddableConfig": {"attributes": attributes, **said}, **at}, references


def control_group(dashboard):
    """The filters above the panels, each a list of a field's values."""
    controls, references = {}, []
    for order, (field, title) in enumerate(dashboard.controls):
        id = f"{dashboard.id}-{field}"
        controls[id] = {
            "order": order, "width": "medium", "grow": True, "type": "optionsListControl",
            "explicitInput": {
                "id": id, "fieldName": field, "title": title, "searchTechnique": "prefix", "selectedOptions": [],
                "sort": {"by": "_count", "direction": "desc"}, "enhancements": {},
            },
        }
        references.append(to_view(f"controlGroup_{id}:optionsListDataView", dashboard.view))
    heeds = {"ignoreFilters": False, "ignoreQuery": False, "ignoreTimerange": False, "ignoreValidations": False}
    return {
        "chainingSystem": "HIERARCHICAL", "controlStyle": "oneLine", "ignoreParentSettingsJSON": packed(heeds),
        "panelsJSON": packed(controls), "showApplySelections": False,
    }, references


def board(dashboard, types):
    group, references = control_group(dashboard)
    panels = []
    for panel, place in dashboard.placed():
        drawn, needed = placed_panel(panel, place, types)
        panels.append(drawn)
        references += needed
    options = {
        "useMargins": True, "syncColors": True, "syncCursor": True, "syncTooltips": False, "hidePanelTitles": False,
    }
    attributes = {
        "controlGroupInput": group, "description": dashboard.description,
        "kibanaSavedObjectMeta": {"searchSourceJSON": packed({"query": kql(""), "filter": []})},
        "optionsJSON": packed(options), "panelsJSON": packed(panels),
        "refreshInterval": {"pause": True, "value": 60000}, "timeFrom": dashboard.since, "timeRestore": True,
        "timeTo": "now", "title": dashboard.title, "version": 3,
    }
    return saved_object("dashboard", dashboard.id, attributes, references)


def objects(views, searches, dashboards, types):
    """All objects, each after those that it refers to."""
    return (
        [data_view(view) for view in views]
        + [saved_search(search) for search in searches]
        + [board(dashboard, types) for dashboard in dashboards]
    )


def summary(count):
    """The last line of an export."""
    return {
        "excludedObjects": [], "excludedObjectsCount": 0, "exportedCount": count, "missingRefCount": 0,
        "missingReferences": [],
    }
