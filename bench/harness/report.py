"""The table on the terminal and the JSON beside it."""
import json
import os
import platform
import statistics
import time


def median(row, name):
    return statistics.median(row.figures[name]) if row.figures.get(name) else None


def judge(row):
    """What the aim says about initd: (ratio to the limit or None, "met" | "missed" | "")."""
    own, limit = median(row, "initd"), median(row, "limit")
    ratio = own / limit if own is not None and limit else None
    if own is None:
        return ratio, ""
    if row.ratio_aim is not None and ratio is not None:
        return ratio, "met" if ratio <= row.ratio_aim else "missed"
    if row.aim is not None:
        return ratio, "met" if own <= row.aim else "missed"
    return ratio, ""


def aim_text(row):
    if row.ratio_aim is not None:
        return f"{row.ratio_aim:g}x"
    return "" if row.aim is None else f"{row.aim:g} {row.unit}".strip()


def figure_text(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def print_table(rows, names):
    header = ["work", "unit", *names, "ratio", "aim", ""]
    lines = [header]
    for row in rows:
        ratio, verdict = judge(row)
        lines.append([row.what, row.unit, *(figure_text(median(row, name)) for name in names),
                      f"{ratio:.2f}x" if ratio is not None else "", aim_text(row), verdict])
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        print("| " + " | ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                                for i, (cell, width) in enumerate(zip(line, widths))) + " |")
        if line is header:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def write_json(path, rows, names):
    entries = []
    for row in rows:
        ratio, verdict = judge(row)
        entries.append({"what": row.what, "unit": row.unit, "ratio": ratio, "ratio_aim": row.ratio_aim,
                        "aim": row.aim, "verdict": verdict or None, "figures": row.figures,
                        "medians": {name: median(row, name) for name in row.figures}})
    machine = {"kernel": platform.release(), "cpus": os.cpu_count(), "load": os.getloadavg()[0],
               "date": time.strftime("%Y-%m-%d %H:%M:%S%z")}
    path.write_text(json.dumps({"machine": machine, "contenders": names, "rows": entries}, indent=1) + "\n")
