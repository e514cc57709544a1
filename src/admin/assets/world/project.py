"""Projects countries onto a plane and writes them as SVG: project.py COARSE FINE CODES

COARSE and FINE are TopoJSON of Natural Earth's countries, CODES the codes of ISO 3166-1. Each country
is an element whose id is its code, all of them in a group, `land`. A country that only FINE has is too
small to be seen: it is a dot.
"""

import json
import math
import sys

WIDTH = 1000
DOT = 3
# Nobody lives further south.
SOUTHERN_END = -57


def equal_earth(longitude, latitude):
    """The Equal Earth projection (Šavrič, Patterson and Jenny, 2018): areas are true. x: ±2.71"""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(latitude)))
    slope = 9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1
    x = 2 * math.sqrt(3) * math.radians(longitude) * math.cos(t) / (3 * slope)
    return x, a4 * t**9 + a3 * t**7 + a2 * t**3 + a1 * t


EDGE = equal_earth(180, 0)[0]
TOP = equal_earth(0, 84)[1]
SCALE = WIDTH / (2 * EDGE)
HEIGHT = round((TOP - equal_earth(0, SOUTHERN_END)[1]) * SCALE)


def on_page(point):
    x, y = equal_earth(*point)
    return round((x + EDGE) * SCALE), round((TOP - y) * SCALE)


def countries(path):
    """Each country's id and name, and its polygons as outer rings of degrees."""
    with open(path) as file:
        topology = json.load(file)
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for deltas in topology["arcs"]:
        x = y = 0
        arcs.append([])
        for dx, dy in deltas:
            x, y = x + dx, y + dy
            arcs[-1].append((x * sx + tx, y * sy + ty))

    def ring(numbers):
        points = []
        for number in numbers:
            arc = arcs[number] if number >= 0 else arcs[~number][::-1]
            points += arc[1:] if points else arc
        return points

    for country in topology["objects"]["countries"]["geometries"]:
        parts = country.get("arcs", [])
        polygons = [parts] if country["type"] == "Polygon" else parts
        yield country.get("id"), country["properties"]["name"], [
            [ring(numbers) for numbers in polygon] for polygon in polygons
        ]


def clipped(ring, inside, edge):
    """What of a ring is on one side of a meridian (Sutherland and Hodgman, 1974)."""
    points = []
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1]):
        if inside(x0):
            points.append((x0, y0))
        if inside(x0) != inside(x1):
            points.append((edge, y0 + (y1 - y0) * (edge - x0) / (x1 - x0)))
    return points


def cut(ring):
    """The parts of a ring on either side of the page's edge, which some countries lie across."""
    whole, shift = [ring[0]], 0
    for (before, _), (x, y) in zip(ring, ring[1:]):
        shift += 360 if x - before < -180 else -360 if x - before > 180 else 0
        whole.append((x + shift, y))
    if shift == 0 and all(-180 <= x <= 180 for x, _ in whole):
        return [ring]
    parts = []
    for turn in (-360, 0, 360):
        turned = [(x + turn, y) for x, y in whole]
        part = clipped(clipped(turned, lambda x: x >= -180, -180), lambda x: x <= 180, 180)
        if part:
            parts.append(part + part[:1])
    return parts


def path_of(polygons):
    """A path's data: whole units, each step from the one before."""
    data = ""
    for ring in (part for polygon in polygons for ring in polygon for part in cut(ring)):
        points = [on_page(point) for point in ring]
        points = [p for p, before in zip(points, [None] + points) if p != before]
        if len(points) < 4:
            continue
        x, y = points[0]
        data += f"M{x} {y}l"
        steps = []
        for nx, ny in points[1:-1]:
            steps.append(f"{nx - x} {ny - y}")
            x, y = nx, ny
        data += " ".join(steps).replace(" -", "-") + "z"
    return data


def middle(polygons):
    """Where a dot goes: amid the longest outline."""
    ring = max((polygon[0] for polygon in polygons), key=len)
    return on_page([sum(values) / len(ring) for values in zip(*ring)])


def main(coarse, fine, codes):
    with open(codes) as file:
        known = {entry["numeric"]: entry["alpha_2"] for entry in json.load(file)["3166-1"]}
    # Not in ISO 3166-1, and in use all the same.
    of_names = {"Kosovo": "XK"}

    shapes, nameless = {}, []
    for number, name, polygons in countries(coarse):
        code = known.get(number) or of_names.get(name)
        inhabited = [p for p in polygons if max(lat for _, lat in p[0]) > SOUTHERN_END]
        data = path_of(inhabited)
        if data and code:
            shapes[code] = f'<path id="{code}" d="{data}"/>'
        elif data:
            nameless.append(f'<path d="{data}"/>')
    for number, name, polygons in countries(fine):
        code = known.get(number)
        if code and code not in shapes and code != "AQ" and polygons:
            x, y = middle(polygons)
            shapes[code] = f'<circle id="{code}" cx="{x}" cy="{y}" r="{DOT}"/>'
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"><g id="land">')
    print("\n".join(nameless + [shapes[code] for code in sorted(shapes)]))
    print("</g></svg>")


main(*sys.argv[1:])
