"""Draws a run of bench/failover as SVG: failed and slow requests per fault and proxy, for light and dark pages."""

from html import escape

WIDTH, LEFT, COLUMN, BAR = 920, 212, 234, 98
TOP, ROW, THICK = 78, 22, 12
STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .head { font-weight: 600 }
  .quiet { fill: #656d76 }
  .track { fill: #d0d7de; opacity: .45 }
  .failed { fill: #cf222e }
  .slow { fill: #d4a72c }
  .line { stroke: #d0d7de; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #8d96a0 }
    .track { fill: #30363d }
    .failed { fill: #f85149 }
    .slow { fill: #d29922 }
    .line { stroke: #30363d }
  }
"""


def chosen_rows(results):
    """GET of each fault, over the first pair of protocols that was measured: {fault: {proxy: row}}."""
    rows = {}
    for r in results:
        if r["request"] != "GET" or r.get("round", 0) != 0:
            continue
        cell = rows.setdefault(r["fault"], {"pair": (r["client"], r["origin"])})
        if cell["pair"] == (r["client"], r["origin"]):
            cell.setdefault(r["proxy"], r)
    return rows


def text(x, y, content, kind=""):
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{style}>{escape(content)}</text>'


def box(x, y, width, kind):
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{THICK}" rx="2" class="{kind}"/>'


def bar(x, y, row, scale):
    """A stacked bar and its figures; what is not zero is at least two units wide."""
    if row is None or row.get("unable"):
        return [text(x, y + THICK - 2, "–", "quiet")]
    parts, at = [box(x, y, BAR, "track")], x
    for kind in ("failed", "slow"):
        if row[kind] > 0:
            width = min(max(2.0, row[kind] * scale), x + BAR - at)
            parts.append(box(at, y, width, kind))
            at += width
    figures = [f"{row[kind]} {kind}" for kind in ("failed", "slow") if row[kind]]
    parts.append(text(x + BAR + 6, y + THICK - 2, ", ".join(figures) or "0", "" if figures else "quiet"))
    return parts


def draw(results, title):
    rows = chosen_rows(results)
    proxies = [p for p in ("meridian", "haproxy", "nginx") if any(p in cells for cells in rows.values())]
    most = max((r["requests_during_fault"] for r in results if not r.get("unable")), default=1)
    height = TOP + ROW * len(rows) + 34
    parts = [text(12, 24, "GETs that failed or took over 250 ms while the near region failed", "title"),
             text(12, 42, title, "quiet")]
    for number, proxy in enumerate(proxies):
        parts.append(text(LEFT + number * COLUMN, TOP - 12, proxy.replace("meridian", "Meridian"), "head"))
    parts.append(f'<line x1="12" x2="{WIDTH - 12}" y1="{TOP - 5}" y2="{TOP - 5}" class="line"/>')
    for number, (fault, cells) in enumerate(rows.items()):
        y = TOP + number * ROW + 4
        name = fault if cells["pair"] == ("h1", "h1") else f"{fault} ({' → '.join(cells['pair'])})"
        parts.append(text(12, y + THICK - 2, name))
        for column, proxy in enumerate(proxies):
            parts += bar(LEFT + column * COLUMN, y, cells.get(proxy), BAR / most)
    y = height - 20
    parts += [box(LEFT, y, 14, "failed"), text(LEFT + 20, y + 10, "failed"), box(LEFT + 80, y, 14, "slow"),
              text(LEFT + 100, y + 10, "slower than 250 ms"), box(LEFT + 230, y, 14, "track"),
              text(LEFT + 250, y + 10, f"all {most} requests of the fault's time")]
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'role="img">\n<style>{STYLE}</style>\n{body}\n</svg>\n')
